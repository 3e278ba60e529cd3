# SPDX-License-Identifier: Apache-2.0
"""QEMU as a board: a process started with an image and reached over a pty, always ended.

`-icount shift=0` makes every instruction one nanosecond of virtual time, the same in each run.
A small process of its own, supervisor.py, keeps QEMU; this module starts and stops supervisors.

An emulated board has no pins and no audio input. Firmware that has edges on pins to tell writes
lines of text by semihosting, which only such images are allowed (boards/bsp/common/pins.c).
Firmware that listens reads a file of samples in the same way (boards/bsp/common/audio.c).
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mcuforge.boards.build.tools import locate
from mcuforge.boards.catalog.board import Board
from mcuforge.boards.emulator.supervisor import end
from mcuforge.errors import BoardError

OWNER_VARIABLE = "MCUFORGE_OWNER_PID"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
MAX_SECONDS = 3600.0  # for an emulator that no process owns
OWNED_SECONDS = 7 * 24 * 3600.0  # for others: 1,000 images of a transformer take hours
DIAGNOSTIC_CHARS = 4000

_SUPERVISOR = Path(__file__).resolve().with_name("supervisor.py")
_POLL_SECONDS = 0.002
_STATE_NAME = "state.json"
_EDGES_NAME = "edges"
_AUDIO_NAME = "audio"
PINS_MARK = b"mcuforge-pin "  # begins the line of an edge: it is in an image that writes them


@dataclass(frozen=True)
class Running:
    """The state file: the process ids of QEMU and of its supervisor, and the serial port."""

    pid: int
    port: str
    supervisor: int


def read_state(state: Path) -> Running | None:
    """Read the emulator of a state file; None when there is none or it has ended."""
    try:
        with state.open(encoding="utf-8") as file:
            values = json.load(file)
            try:  # a supervisor locks its file: without the lock, a killed one left it behind
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return Running(int(values["pid"]), str(values["port"]), int(values["guard"]))
    except FileNotFoundError:
        pass
    return None


class Emulator:
    """A running emulator; a context manager that ends it. `port` opens like any board's tty.

    edges: the file with the lines of edges, which grows; there is none if the image tells no edges.
    audio: the file to which samples are appended that firmware is to hear.
    """

    def __init__(self, running: Running, supervisor: subprocess.Popen[bytes], folder: Path) -> None:
        self.port = running.port
        self.pid = running.pid
        self.edges = folder / _EDGES_NAME
        self.audio = folder / _AUDIO_NAME
        self._supervisor = supervisor
        self._folder = folder

    @property
    def ended(self) -> bool:
        """True when QEMU has ended, or was ended, already."""
        return self._supervisor.poll() is not None

    def close(self) -> None:
        """End QEMU, within two seconds or by force; harmless when it has ended already."""
        end(self._supervisor, STOP_SECONDS)  # its QEMU ends with it
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()


def start(board: Board, elf: Path, *, max_seconds: float = OWNED_SECONDS) -> Emulator:
    """Run `elf` on the emulator of `board` (one `catalog.emulated` returned).

    QEMU ends with close(), when this process has gone, or after `max_seconds`. BoardError when QEMU
    is not installed or does not accept the image.
    """
    folder = Path(tempfile.mkdtemp(prefix="mcuforge-emulator-"))
    (folder / _AUDIO_NAME).touch()
    try:
        supervisor, running = _start_supervised(
            board, elf, folder / _STATE_NAME, os.getpid(), max_seconds, scratch=folder
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return Emulator(running, supervisor, folder)


def start_detached(
    board: Board,
    elf: Path,
    state: Path,
    *,
    owner: int | None = None,
    max_seconds: float = MAX_SECONDS,
) -> Running:
    """Start an emulator as start() does, but leave it to its supervisor.

    `state` exists while the emulator runs. Without an owner only `max_seconds` and stop_detached()
    end it. An emulator that an earlier call started with the same file is ended first. QEMU's
    messages go to `state` + ".log".
    """
    stop_detached(state)
    return _start_supervised(board, elf, state.resolve(), owner, max_seconds)[1]


def stop_detached(state: Path) -> None:
    """End the emulator of a state file; does nothing when it has ended."""
    running = read_state(state)
    if running is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(running.supervisor, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while read_state(state) is not None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    state.unlink(missing_ok=True)


def command_line(board: Board, elf: Path, scratch: Path | None = None) -> list[str]:
    """Write the QEMU command for an image; BoardError if there is none.

    scratch: the folder for the files of edges and audio, if the image has any; None drops edges.
    """
    spec = board.emulator
    if spec is None:
        raise BoardError(
            f"'{board.id}' has no emulator of its own",
            f"boards/catalog/{board.id}.toml",
            "--emulate runs its stand-in",
        )
    qemu = locate(spec.command, board.id)
    # -S: the supervisor starts it once the serial port is open, through -qmp stdio.
    # sleep and align keep their defaults: firmware that polls never idles, so they do nothing
    fixed = "-icount shift=0 -display none -monitor none -serial pty -S -qmp stdio"
    command = [str(qemu), "-M", spec.machine, *spec.args, *fixed.split()]
    if elf.is_file() and PINS_MARK in elf.read_bytes():
        to, audio = "null,id=pins", ""
        if scratch is not None:
            to, audio = (
                f"file,id=pins,path={scratch / _EDGES_NAME}",
                f",arg={scratch / _AUDIO_NAME}",
            )
        config = f"enable=on,target=native,chardev=pins{audio}"
        command += ["-chardev", to, "-semihosting-config", config]
    return [*command, "-kernel", str(elf)]


def _start_supervised(
    board: Board,
    elf: Path,
    state: Path,
    owner: int | None,
    max_seconds: float,
    scratch: Path | None = None,
) -> tuple[subprocess.Popen[bytes], Running]:
    where = f"board {board.id}, image {elf}"
    qemu = command_line(board, elf, scratch)
    if not elf.is_file():
        raise BoardError("there is no such image", where, "build it first")
    command = [sys.executable, "-I", "-S", str(_SUPERVISOR), "--state", str(state)]
    command += ["--seconds", str(max_seconds)]
    command += [] if owner is None else ["--owner", str(owner)]
    command += [] if scratch is None else ["--scratch", str(scratch)]
    with _log_of(state).open("wb") as log:
        supervisor = subprocess.Popen(
            [*command, "--", *qemu],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # the owner handles Ctrl-C
        )
    try:
        return supervisor, _wait_until_running(supervisor, state)
    except TimeoutError:
        end(supervisor, STOP_SECONDS)
        raise BoardError(
            f"the emulator did not start: {_read_log(_log_of(state)).strip() or 'no message'}",
            where,
            f"run it by hand: {' '.join(qemu)}",
        ) from None
    except BaseException:
        end(supervisor, STOP_SECONDS)
        raise


def _wait_until_running(supervisor: subprocess.Popen[bytes], state: Path) -> Running:
    deadline = time.monotonic() + START_SECONDS
    while supervisor.poll() is None and time.monotonic() < deadline:
        running = read_state(state)
        if running is not None:
            return running
        time.sleep(_POLL_SECONDS)
    raise TimeoutError


def _log_of(state: Path) -> Path:
    return state.with_name(f"{state.name}.log")


def _read_log(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-DIAGNOSTIC_CHARS:]
