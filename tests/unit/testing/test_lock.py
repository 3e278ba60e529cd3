# SPDX-License-Identifier: Apache-2.0
"""The lock of a port: one process has it, others wait, and it ends with its process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from serial.tools import list_ports

from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.ports import candidates
from mcuforge.errors import BoardError
from mcuforge.testing.lock import PortLock, PortLocks
from tests.unit.boards.test_ports import Listed

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """\
import sys
from mcuforge.testing.lock import PortLock
lock = PortLock(sys.argv[1])
lock.acquire()
lock.stamp = "theirs"
print("held", flush=True)
sys.stdin.read()
"""
WAITER = """\
import sys
from mcuforge.testing.lock import PortLock
lock = PortLock(sys.argv[1])
print("asks", flush=True)
lock.acquire()
print(lock.stamp, flush=True)
"""


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A port of this test alone; its lock lies in a folder that goes with the test."""
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return str(tmp_path / "ttyACM0")


def started(program: str, port: str) -> subprocess.Popen[str]:
    """A program that uses the lock, once it has said its first word."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, port],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() in ("held\n", "asks\n")
    return process


@pytest.mark.parametrize("killed", [False, True])
def test_a_process_waits_until_the_other_is_done_however_it_ends(port: str, killed: bool) -> None:
    holder = started(HOLDER, port)
    waiter = started(WAITER, port)
    assert waiter.stdout is not None
    with pytest.raises(subprocess.TimeoutExpired):
        waiter.wait(0.3)
    if killed:
        holder.kill()
    holder.communicate()
    assert waiter.communicate(timeout=30)[0] == "theirs\n"


def test_a_lock_is_released_and_taken_again_and_keeps_its_stamp(port: str) -> None:
    lock = PortLock(port)
    assert not lock.held
    lock.acquire()
    lock.acquire()
    assert lock.held
    assert lock.stamp == ""
    lock.stamp = "long words"
    lock.stamp = "words"
    lock.release()
    lock.release()
    other = PortLock(port)
    other.acquire()
    assert other.stamp == "words"
    other.release()


def test_a_link_in_the_place_of_the_lock_is_not_followed(port: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("words")
    lock = PortLock(port)
    lock.path.symlink_to(precious)
    with pytest.raises(OSError, match="symbolic link"):
        lock.acquire()
    assert precious.read_text() == "words"


def test_names_of_one_port_have_one_lock(
    port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "by-id"
    link.symlink_to(port)
    assert PortLock(str(link)).path == PortLock(port).path
    assert PortLock(port + "1").path != PortLock(port).path
    assert PortLock(port).path.parent == tmp_path
    pico = load_board("pico")
    assert pico.probe is not None
    vendor, product = (int(part, 16) for part in pico.probe.usb[0].split(":"))
    monkeypatch.setattr(list_ports, "comports", lambda: [Listed(port, vendor, product)])
    (auto,) = candidates(pico, "auto")
    (named,) = candidates(pico, str(link))
    assert PortLock(auto).path == PortLock(named).path


def test_a_wait_says_for_whom_and_has_an_end(port: str) -> None:
    holder = started(HOLDER, port)
    said: list[str] = []
    lock = PortLock(port, said.append, limit_s=0.3)
    with pytest.raises(BoardError, match=f"in use after 0.3 s, by process {holder.pid} in "):
        lock.acquire()
    assert not lock.held
    assert said == [f"process {holder.pid} in {ROOT} uses {port}: waiting up to 0.3 s"]
    holder.communicate()
    lock.acquire()
    assert lock.stamp == "theirs"
    lock.release()


def test_locks_of_several_ports_are_kept_for_those_that_lead_to_the_board(port: str) -> None:
    locks, others = PortLocks(), [f"{port}{n}" for n in range(3)]
    locks.acquire(others)
    locks.acquire(others[:1])
    assert locks.of(others[2]).held
    locks.keep(others[:2])
    free = PortLock(others[2], limit_s=0)
    free.acquire()
    free.release()
    taken = PortLock(others[1], limit_s=0)
    with pytest.raises(BoardError, match="still in use"):
        taken.acquire()
    locks.release()
    taken.acquire()
    taken.release()
