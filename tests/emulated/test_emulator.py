# SPDX-License-Identifier: Apache-2.0
"""An emulator starts, answers and ends: with its context, its owner, its supervisor or its time."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcuforge.boards.catalog.board import Board, emulated, load_board
from mcuforge.boards.emulator.qemu import (
    OWNER_VARIABLE,
    Emulator,
    Running,
    read_state,
    start,
    stop_detached,
)
from mcuforge.errors import BoardError
from tests.emulated.bsp_image import Port, build_probe

ROOT = Path(__file__).resolve().parents[2]
BOARD_ID = "qemu-mps2-an386"
OWNER = (
    "import sys, time\n"
    "from pathlib import Path\n"
    "from mcuforge.boards.catalog.board import emulated, load_board\n"
    "from mcuforge.boards.emulator.qemu import start\n"
    "emulator = start(emulated(load_board(sys.argv[1])), Path(sys.argv[2]))\n"
    "print(emulator.pid, flush=True)\n"
    "time.sleep(60)\n"
)
SLEEPER = "import time\nprint(flush=True)\ntime.sleep(60)\n"


@pytest.fixture(scope="module")
def board() -> Board:
    return emulated(load_board(BOARD_ID))


@pytest.fixture(scope="module")
def image(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_probe(board, tmp_path_factory.mktemp("probe"))


def lives(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not lives(pid)


def alive(emulator: Emulator) -> bool:
    return emulator._supervisor.poll() is None


def diagnostics(emulator: Emulator) -> str:
    """What QEMU and its supervisor wrote to stderr, and why QEMU ended if it did."""
    return (emulator._folder / "state.json.log").read_text()


def ends_within(emulator: Emulator, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(emulator) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(emulator) and not lives(emulator.pid)


@contextlib.contextmanager
def script(text: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a Python process and read its first line; it is killed with the block."""
    with subprocess.Popen(
        [sys.executable, "-c", text, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def command(*arguments: str, owner: int | None = None) -> subprocess.CompletedProcess[str]:
    """`python -m mcuforge.boards.emulator` as PlatformIO's upload calls it."""
    environment = dict(os.environ)
    environment.pop(OWNER_VARIABLE, None)
    if owner is not None:
        environment[OWNER_VARIABLE] = str(owner)
    return subprocess.run(
        [sys.executable, "-m", "mcuforge.boards.emulator", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "emulator.json"
    yield path
    stop_detached(path)


def run_detached(image: Path, state: Path, *more: str, owner: int | None = None) -> Running:
    done = command(
        "run", "--board", BOARD_ID, "--state", str(state), *more, str(image), owner=owner
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = read_state(state)
    assert found is not None
    return found


def hear(emulator: Emulator) -> str:
    port = Port(emulator.port)
    try:
        return port.line()
    finally:
        port.close()


def test_the_banner_waits_for_whoever_opens_the_port(board: Board, image: Path) -> None:
    with start(board, image) as emulator:
        time.sleep(0.3)  # far longer than the banner takes
        assert hear(emulator) == f"m-ready {BOARD_ID}"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says where a process may run")
def test_qemu_stays_on_one_core(board: Board, image: Path) -> None:
    # bytes of the serial port pass between its threads, which takes longer across cores
    with start(board, image) as emulator:
        assert len(os.sched_getaffinity(emulator.pid)) == 1


def test_a_port_can_be_closed_and_opened_again(board: Board, image: Path) -> None:
    with start(board, image) as emulator:
        assert hear(emulator) == f"m-ready {BOARD_ID}"
        port = Port(emulator.port)
        assert port.ask(b"d") == "0"
        port.close()


def test_the_emulator_is_gone_and_reaped_when_its_context_is_left(
    board: Board, image: Path
) -> None:
    with start(board, image) as emulator:
        assert alive(emulator)
        assert lives(emulator.pid)
        log = (emulator._folder / "state.json.log").open()  # read when the folder is gone
    with log:
        assert "stopped by signal 15" in log.read()
    assert not Path(f"/proc/{emulator.pid}").exists()
    assert not alive(emulator)
    emulator.close()  # a second time does no harm


def test_an_emulator_that_dies_says_so(board: Board, image: Path) -> None:
    with start(board, image) as emulator:
        os.kill(emulator.pid, signal.SIGKILL)
        assert ends_within(emulator, 3)
        assert "QEMU exited with status -9" in diagnostics(emulator)


def test_a_killed_owner_leaves_no_emulator(image: Path) -> None:
    with script(OWNER, BOARD_ID, str(image)) as (owner, told):
        pid = int(told)
        assert lives(pid)
        owner.kill()
        owner.wait()
        assert gone_within(pid, 3)


def test_a_killed_supervisor_leaves_no_emulator(board: Board, image: Path, state: Path) -> None:
    found = run_detached(image, state)
    os.kill(found.supervisor, signal.SIGKILL)
    assert gone_within(found.pid, 3)
    assert state.exists()  # nobody was left to remove it
    assert read_state(state) is None  # but it is not believed


def test_the_thread_that_started_it_may_end(board: Board, image: Path) -> None:
    started: list[Emulator] = []
    thread = threading.Thread(target=lambda: started.append(start(board, image)))
    thread.start()
    thread.join()
    with started[0] as emulator:
        assert hear(emulator) == f"m-ready {BOARD_ID}"
        assert alive(emulator)


def test_the_emulator_ends_when_its_time_is_up(board: Board, image: Path) -> None:
    with start(board, image, max_seconds=1.0) as emulator:
        assert alive(emulator)
        assert ends_within(emulator, 3)
        assert "its time was up" in diagnostics(emulator)


def test_a_file_that_is_no_image_is_refused_with_what_qemu_said(
    board: Board, tmp_path: Path
) -> None:
    wrong = tmp_path / "model.tflite"
    wrong.write_bytes(bytes(5 << 20))  # larger than the board's code memory
    with pytest.raises(BoardError) as refused:
        start(board, wrong)
    assert "the emulator did not start: " in refused.value.what
    assert "qemu-system-arm: " in refused.value.what
    assert refused.value.where == f"board {BOARD_ID}, image {wrong}"


def test_an_image_that_is_not_there_is_refused(board: Board, tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="no such image"):
        start(board, tmp_path / "missing.elf")


def test_a_missing_qemu_names_the_package(
    board: Board, image: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BoardError) as refused:
        start(board, image)
    assert refused.value.what == "qemu-system-arm is not on PATH"
    assert refused.value.hint == "apt install qemu-system-arm"


def test_a_board_without_an_emulator_says_what_to_do(image: Path) -> None:
    with pytest.raises(BoardError) as refused:
        start(load_board("disco_f746ng"), image)
    assert refused.value.hint == "--emulate runs its stand-in"


def test_run_leaves_an_emulator_and_stop_ends_it(image: Path, state: Path) -> None:
    found = run_detached(image, state)
    assert json.loads(state.read_text()) == {
        "pid": found.pid,
        "port": found.port,
        "guard": found.supervisor,
    }
    port = Port(found.port)
    assert port.line() == f"m-ready {BOARD_ID}"
    port.close()
    done = command("stop", "--state", str(state))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not state.exists()
    assert gone_within(found.pid, 1)


def test_run_ends_what_an_earlier_run_left(image: Path, state: Path) -> None:
    first = run_detached(image, state)
    second = run_detached(image, state)
    assert gone_within(first.pid, 1)
    assert lives(second.pid)


def test_a_detached_emulator_ends_with_the_owner_it_was_given(image: Path, state: Path) -> None:
    with script(SLEEPER) as (owner, _):
        found = run_detached(image, state, owner=owner.pid)
        owner.kill()
        owner.wait()
        assert gone_within(found.pid, 3)
    assert read_state(state) is None


def test_a_detached_emulator_ends_when_its_time_is_up(image: Path, state: Path) -> None:
    found = run_detached(image, state, "--max-seconds", "1")
    assert gone_within(found.supervisor, 3)
    assert not lives(found.pid)
    assert "its time was up" in Path(f"{state}.log").read_text()


def test_run_tells_a_user_error_in_three_lines(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.elf")
    done = command("run", "--board", BOARD_ID, "--state", str(tmp_path / "state"), missing)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: there is no such image",
        f"where: board {BOARD_ID}, image {missing}",
        "try:   build it first",
    ]


def test_stop_without_an_emulator_is_no_error(tmp_path: Path) -> None:
    assert command("stop", "--state", str(tmp_path / "none.json")).returncode == 0
