# SPDX-License-Identifier: Apache-2.0
"""One process at a time uses a serial port: a lock file, which also says what was flashed there."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import monotonic, sleep
from typing import TextIO

from mcuforge.boards.ports import one_name
from mcuforge.errors import BoardError
from mcuforge.report.console import open_console

LOCK_SECONDS = 600.0  # a waiting test fails then; docs/testing.md says so
POLL_SECONDS = 0.1
Say = Callable[[str], None]


def say_on_stderr(words: str) -> None:
    """Tell the user something while a test waits."""
    open_console(stderr=True).print(f"\nmcuforge: {words}", markup=False, soft_wrap=True)


class PortLock:
    """The lock of one port; waits for the process that has it.

    A lock ends with its process, however that ends. The file has two lines: who holds it, and
    `stamp`, what the last holder wrote, to know that nobody has flashed anything else since.
    """

    def __init__(self, port: str, say: Say = say_on_stderr, limit_s: float = LOCK_SECONDS) -> None:
        """say: is told once whom this waits for; limit_s: how long."""
        self.port = port
        self._say = say
        self._limit_s = limit_s
        key = hashlib.sha256(one_name(port).encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir())
        self.path = folder / f"mcuforge-port-{os.getuid()}-{key}.lock"
        self._file: TextIO | None = None

    @property
    def held(self) -> bool:
        """Whether this object has the lock."""
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock; harmless for who has it. BoardError if another process keeps it."""
        if self._file is None:
            # the folder is everybody's: a link in it is not followed, others may not read the file
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.fdopen(os.open(self.path, flags, 0o600), "r+", encoding="utf-8")
            try:
                self._wait(file)
            except BaseException:
                file.close()
                raise
            self._file = file
            _write(file, f"process {os.getpid()} in {Path.cwd()}", _read(file)[1])

    def _wait(self, file: TextIO) -> None:
        end, told = monotonic() + self._limit_s, False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _read(file)[0] or "another process"
            else:
                return
            if monotonic() >= end:
                raise BoardError(
                    f"the port is still in use after {self._limit_s:g} s, by {holder}",
                    f"port {self.port}, lock {self.path}",
                    "wait until that run of pytest is over, or end it",
                )
            if not told:
                self._say(f"{holder} uses {self.port}: waiting up to {self._limit_s:g} s")
                told = True
            sleep(POLL_SECONDS)

    def release(self) -> None:
        """Give the lock back; harmless for who does not have it."""
        if self._file is not None:
            _write(self._file, "", _read(self._file)[1])
            self._file.close()
            self._file = None

    @property
    def stamp(self) -> str:
        """What the last holder wrote; the lock must be held."""
        assert self._file is not None
        return _read(self._file)[1]

    @stamp.setter
    def stamp(self, text: str) -> None:
        assert self._file is not None
        _write(self._file, _read(self._file)[0], text)


class PortLocks:
    """The locks of all ports that may lead to a board."""

    def __init__(self, say: Say = say_on_stderr) -> None:
        self._say = say
        self._held: dict[Path, PortLock] = {}

    def acquire(self, ports: Iterable[str]) -> None:
        """Take the locks of ports, in an order that all processes share: none waits for a circle.

        BoardError if another process keeps one of them.
        """
        wanted = {lock.path: lock for lock in (PortLock(port, self._say) for port in ports)}
        if wanted.keys() <= self._held.keys():
            return
        self.release()
        for path, lock in sorted(wanted.items()):
            lock.acquire()
            self._held[path] = lock

    def keep(self, ports: Iterable[str]) -> None:
        """Give all locks back but those of ports."""
        kept = {PortLock(port).path for port in ports}
        for path in [path for path in self._held if path not in kept]:
            self._held.pop(path).release()

    def of(self, port: str) -> PortLock:
        """The lock of a port, which must be held."""
        return self._held[PortLock(port).path]

    def release(self) -> None:
        """Give all locks back."""
        self.keep(())


def _read(file: TextIO) -> tuple[str, str]:
    """The holder and the stamp."""
    file.seek(0)
    holder, _, stamp = file.read().partition("\n")
    return holder, stamp


def _write(file: TextIO, holder: str, stamp: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(f"{holder}\n{stamp}")
    file.flush()
