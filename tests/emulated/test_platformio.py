# SPDX-License-Identifier: Apache-2.0
"""A project from nothing to a board that answers, through PlatformIO, with an empty home."""

import contextlib
import shutil
import socket
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import pytest
import serial

from mcuforge.boards.build.build import Firmware, build
from mcuforge.boards.build.pio import run_pio
from mcuforge.boards.build.project import Project, write_project
from mcuforge.boards.catalog.board import Board, all_boards, emulated, load_board
from mcuforge.boards.emulator import qemu
from mcuforge.boards.image.footprint import measure
from mcuforge.boards.image.stack import stack_bound
from mcuforge.commands.deploy import Request, deploy
from mcuforge.errors import BoardError
from tests.compilers import ALWAYS
from tests.emulated.deployed import QUIET

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"
ARENA_BYTES = 256
WEIGHTS = 200
EMULATED = [board for board in all_boards() if board.emulator or board.stand_in]
# boards that differ from others on the same stand-in in sizes, which test_regions.py looks at
FURTHER = ("disco_f407vg", "disco_f429zi", "nucleo_f446re", "nucleo_f746zg", "nucleo_h743zi")
MODEL = {
    "model.h": (
        "#include <stdint.h>\n"
        "int32_t hello_run(int8_t *arena);\n"
    ),
    "model.c": (
        '#include "model.h"\n\n#include <string.h>\n\n'
        '#include "mcuforge/table_s8.h"\n#include "weights.h"\n\n'
        "int32_t hello_run(int8_t *arena)\n"
        "{\n"
        "    memcpy(arena, hello_w, sizeof hello_w);\n"
        "    return (int32_t)((int64_t)arena[0] * 1000000007 / arena[1]);\n"
        "}\n"
    ),
    "weights.h": f"#include <stdint.h>\nextern const int8_t hello_w[{WEIGHTS}];\n",
    "weights.c": f'#include "weights.h"\nconst int8_t hello_w[{WEIGHTS}] = {{3, 1}};\n',
    # answers "+" to every byte once the model has run well
    "main.c": (
        '#include "board.h"\n#include "model.h"\n\n'
        f'static int8_t arena[{ARENA_BYTES}] __attribute__((section(".mcuforge_arena")));\n'
        "static int32_t state;\n\n"
        "int main(void)\n"
        "{\n"
        "    board_init();\n"
        "    state = hello_run(arena) == (int32_t)3000000021 ? '+' : '-';\n"
        "    for (;;) {\n"
        "        if (board_read() >= 0) {\n"
        "            const uint8_t answer = (uint8_t)state;\n"
        "            board_write(&answer, 1);\n"
        "        }\n"
        "    }\n"
        "}\n"
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home; after each test there is still no PlatformIO folder in it."""
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    yield path
    assert {entry.name for entry in path.iterdir()} <= {".cache"}
    assert {entry.name for entry in (path / ".cache").glob("*")} <= {"mcuforge"}


def project(directory: Path, board: Board, **changes: str) -> Project:
    files = MODEL | {f"{name}.c": text for name, text in changes.items()}
    return write_project(directory, board, files, ["table_s8"], firmware=False)


def answer(port: str) -> bytes:
    with serial.Serial(port, timeout=10) as line:
        line.write(b"?")
        return bytes(line.read(1))


def check_sums(firmware: Firmware) -> None:
    footprint = measure(firmware, {"ram": ARENA_BYTES})
    assert footprint.flash.weights == WEIGHTS
    assert 0 < footprint.flash.code < 2000
    assert footprint.ram.arena == ARENA_BYTES
    assert footprint.ram.static == 4  # `state`
    assert footprint.ram.stack >= 2048


@pytest.mark.parametrize(
    "board",
    [
        pytest.param(board.id, marks=[pytest.mark.slow] if board.id in FURTHER else [])
        for board in EMULATED
    ],
)
def test_every_emulated_board_builds_runs_and_answers(board: str, tmp_path: Path) -> None:
    target = emulated(load_board(board))
    firmware = build(project(tmp_path / "p", target))
    assert firmware.compiler == f"{target.toolchain.prefix}gcc"
    assert firmware.version.partition(".")[0].isdigit()
    assert set(target.toolchain.flags) < set(firmware.flags)
    check_sums(firmware)
    bound = stack_bound(firmware, "hello_run")
    assert bound.unknown == ()
    assert bound.path[0] == "hello_run"
    assert 0 < bound.bytes < 200
    with qemu.start(target, firmware.elf) as running:
        assert answer(running.port) == b"+"


def test_arenas_and_weights_are_found_in_the_memories_they_lie_in(tmp_path: Path) -> None:
    target = emulated(load_board("disco_f746ng"))
    main = (
        MODEL["main.c"]
        .replace(
            "static int32_t state;",
            'static volatile uint8_t far[5000] __attribute__((section(".mcuforge_arena.sdram")));\n'
            'static volatile uint8_t near[3000] __attribute__((section(".mcuforge_arena.sram")));\n'
            "static int32_t state;",
        )
        .replace("    board_init();\n", "    board_init();\n    far[0] = near[0] = 1;\n")
    )
    weights = MODEL["weights.c"].replace(
        " = ", ' __attribute__((section(".mcuforge_weights.qspi"))) = '
    )
    read = "    state = hello_run(arena)"
    main = main.replace(read, read.replace("arena)", "arena + far[0] - near[0])"))
    firmware = build(project(tmp_path / "p", target, main=main, weights=weights))
    footprint = measure(firmware, {"ram": ARENA_BYTES, "sdram": 5000, "sram": 2968})
    assert footprint.ram.arena == ARENA_BYTES + 5000 + 2968
    assert footprint.ram.firmware >= 32  # what of `near` is round the arena
    assert footprint.flash.weights == WEIGHTS
    found = {use.memory.name: use for use in footprint.memories}
    assert (found["sdram"].used, found["sdram"].arenas) == (5000, 5000)
    assert (found["sram"].used, found["sram"].arenas) == (3000, 3000)
    assert found["dtcm"].arenas == ARENA_BYTES
    assert found["dtcm"].used > ARENA_BYTES + footprint.ram.stack
    assert found["qspi"].used == WEIGHTS
    assert sum(found[name].used for name in ("flash", "qspi")) == sum(astuple(footprint.flash))
    assert sum(found[name].used for name in ("dtcm", "sram", "sdram")) >= sum(
        astuple(footprint.ram)
    )
    with qemu.start(target, firmware.elf) as running:
        assert answer(running.port) == b"+"


def test_upload_starts_the_emulator_and_stop_ends_it_also_in_an_awkward_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(qemu.OWNER_VARIABLE, raising=False)
    folder = tmp_path / "a folder, déjà=vu"
    written = project(folder, emulated(load_board("qemu-riscv32")))
    uploaded = run_pio(folder, "run", "-t", "upload")  # this process called pio: it is the owner
    assert uploaded.code == 0, uploaded.output
    state = folder / ".pio" / "emulator.json"
    running = qemu.read_state(state)
    assert running is not None
    assert answer(running.port) == b"+"
    check_sums(build(written))
    stopped = run_pio(folder, "run", "-t", "stop")
    assert stopped.code == 0, stopped.output
    assert not state.exists()


def test_the_image_is_the_same_bytes_in_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALWAYS, "yes")
    board = emulated(load_board("qemu-mps2-an386"))
    first = build(project(tmp_path / "one", board))
    shutil.copytree(tmp_path / "one", tmp_path / "moved", ignore=shutil.ignore_patterns(".pio"))
    moved = build(project(tmp_path / "moved", board))
    assert first.elf.read_bytes() == moved.elf.read_bytes()


def test_what_has_not_changed_is_not_built_again(tmp_path: Path) -> None:
    board = emulated(load_board("qemu-mps2-an386"))
    build(project(tmp_path / "p", board))
    log = tmp_path / "p" / ".pio" / "build.log"
    build(project(tmp_path / "p", board))
    assert "Compiling" not in log.read_text()
    build(project(tmp_path / "p", board, weights=MODEL["weights.c"].replace("{3,", "{4,")))
    compiled = [line for line in log.read_text().splitlines() if "Compiling" in line]
    assert [Path(line.split()[1]).name for line in compiled] == ["weights.o"]


def test_a_build_connects_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy)
            monkeypatch.setenv(name.lower(), proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        for _ in range(2):  # the first run of a new core folder, and an ordinary one
            build(project(tmp_path / "p", emulated(load_board("qemu-mps2-an386"))))
        listener.setblocking(False)
        heard = []
        # a test beside this one may knock at a port that was its own, and says nothing
        with contextlib.suppress(BlockingIOError):
            while True:  # until nobody waits any more
                caller, _ = listener.accept()
                with caller:
                    caller.settimeout(1)
                    heard.append(caller.recv(200))
        assert not any(heard)


def test_a_model_too_large_for_the_board_is_refused_with_the_bytes(tmp_path: Path) -> None:
    board = emulated(load_board("hifive1"))
    large = MODEL["main.c"].replace(f"arena[{ARENA_BYTES}]", "arena[20000]")
    found = measure(build(project(tmp_path / "fits", board)), {"ram": ARENA_BYTES})
    fits = sum(astuple(found.ram))
    with pytest.raises(BoardError) as refusal:
        build(project(tmp_path / "p", board, main=large))
    needed = fits - ARENA_BYTES + 20000
    over = int(refusal.value.what.partition("(")[2].partition(" over")[0].replace(",", ""))
    assert refusal.value.what.startswith(f"the check firmware needs {16384 + over:,} bytes of RAM")
    assert abs(16384 + over - needed) < 16  # alignment of the arena
    assert refusal.value.where == f"{tmp_path / 'p'}, board hifive1"


def test_c_that_does_not_compile_is_shown_with_its_line(tmp_path: Path) -> None:
    wrong = MODEL["model.c"] + "int8_t narrow(int32_t x)\n{\n    return x;\n}\n"
    with pytest.raises(BoardError) as refusal:
        build(project(tmp_path / "p", emulated(load_board("qemu-mps2-an386")), model=wrong))
    assert refusal.value.what.startswith("src/model.c:15:12: error: conversion")
    log = tmp_path / "p" / ".pio" / "build.log"
    assert refusal.value.hint == f"the whole log: {log}"
    assert "-Werror=conversion" in log.read_text()


def test_pio_test_compares_the_answers(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    request = Request(DIGITS / "digits_cnn.tflite", "qemu-mps2-an386", samples=1, out=folder)
    assert deploy(request, QUIET).verdict == "pass"
    good = run_pio(folder, "test")
    assert good.code == 0, good.output
    assert "1 succeeded" in good.output
    weights = folder / "src" / "weights.c"
    weights.write_text(weights.read_text().replace("= {", "= {7 ^ ", 1))
    bad = run_pio(folder, "test")
    assert bad.code != 0
    assert "output elements differ from" in bad.output
    assert "0 succeeded" in bad.output


def test_a_build_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    written = project(tmp_path / "p", emulated(load_board("qemu-mps2-an386")))
    with pytest.raises(BoardError, match=r"pio run -c platformio\.ini took longer than 0\.05 s"):
        build(written, timeout_seconds=0.05)


def test_pio_alone_says_which_compiler_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = project(tmp_path / "p", emulated(load_board("hifive1")))
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run_pio(written.directory, "run")
    assert result.code != 0
    assert "Error: riscv64-unknown-elf-gcc is not on PATH: `mcuforge doctor`" in result.output
