# SPDX-License-Identifier: Apache-2.0
"""A search on three nodes gives the history of one process, whatever is killed meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mcuforge.errors import CompileError
from mcuforge.nas.workers import ray_workers
from tests.distributed.search import EVALUATIONS, alone
from tests.unit.nas.searching import SPACE

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")


@pytest.fixture
def space(tmp_path: Path) -> str:
    path = tmp_path / "space.toml"
    path.write_text(SPACE, encoding="utf-8")
    return str(path)


def start(space: str, folder: Path, address: str) -> subprocess.Popen[str]:
    """Start the search as a process."""
    command = [sys.executable, "-m", "tests.distributed.search", space, str(folder), address]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def calls(folder: Path) -> dict[str, list[int]]:
    """The processes that evaluated each architecture to the end."""
    found = (folder / "calls").glob("*")
    return {path.name: [int(pid) for pid in path.read_text().split()] for path in found}


def wait_for(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_worker_and_a_killed_search_change_nothing(
    address: str, space: str, tmp_path: Path
) -> None:
    wanted = alone(space, tmp_path / "alone")
    folder = tmp_path / "cluster"
    process = start(space, folder, address)
    try:
        wait_for(lambda: len(calls(folder)) >= 3)
        worker = next(iter(calls(folder).values()))[-1]
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: len(calls(folder)) >= 9)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    before = calls(folder)
    assert len(before) < EVALUATIONS
    again = start(space, folder, address)
    said, _ = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0
    assert said.strip() == wanted
    after = calls(folder)
    assert len(after) == EVALUATIONS
    twice = [name for name, pids in after.items() if len(pids) > 1]
    # in flight when the search was killed: at most two tasks per CPU that were not in the journal
    assert len(twice) <= 6
    first_done = [name for name in before if name not in twice]
    assert len(first_done) >= len(before) - 6


def fail(item: int) -> int:
    """Raise what a user is told."""
    if item == 2:
        raise CompileError(f"{item} is wrong", "here", "try 3")
    return item


def die(item: int) -> int:
    """Kill this worker."""
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def process_of(item: int) -> int:
    return os.getpid()


def test_what_a_function_raises_and_dying_workers_are_errors(address: str) -> None:
    with ray_workers(address) as workers:
        found = dict(workers.map(process_of, range(12)))
        assert sorted(found) == list(range(12))
        assert os.getpid() not in found.values()
        with pytest.raises(CompileError) as caught:
            list(workers.map(fail, range(5)))
        assert type(caught.value) is CompileError
        assert (caught.value.what, caught.value.hint) == ("2 is wrong", "try 3")
        with pytest.raises(CompileError, match="the workers of the search were lost"):
            list(workers.map(die, [1]))
        assert dict(workers.map(abs, [-1])) == {-1: 1}  # and works on


def test_auto_is_the_cluster_that_ray_knows(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with ray_workers("auto") as workers:
        found = dict(workers.map(process_of, range(3)))
    assert sorted(found) == [0, 1, 2]
    assert os.getpid() not in found.values()


@pytest.mark.parametrize("wrong", ["127.0.0.1:1", "nonsense", "127.0.0.1:99999999"])
def test_a_wrong_address_is_an_error_at_once(wrong: str) -> None:
    pytest.importorskip("ray")
    begin = time.monotonic()
    with pytest.raises(CompileError, match="Ray does not start") as caught, ray_workers(wrong):
        pass
    assert caught.value.where == f"--ray-address {wrong}"
    assert time.monotonic() - begin < 15


SLEEPER = """
import sys, time
from mcuforge.cli import _prepare_process
from mcuforge.nas.workers import ray_workers
_prepare_process()
with ray_workers(sys.argv[1]) as workers:
    print("up", flush=True)
    list(workers.map(time.sleep, [60.0]))
"""


def test_a_search_that_is_told_to_end_says_nothing_of_ray(address: str) -> None:
    command = [sys.executable, "-c", SLEEPER, address]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.terminate()
    assert process.communicate(timeout=PATIENCE_S)[0] == ""
    assert process.returncode > 0
