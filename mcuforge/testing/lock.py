# SPDX-License-Identifier: Apache-2.0
"""One process at a time uses a serial port: a lock file, which also says what was flashed there."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TextIO


class PortLock:
    """The lock of one port, or of `auto` for one board; waits for the process that has it.

    A lock ends with its process, however that ends. `stamp`: what the last holder wrote, to know
    that nobody has flashed anything else since.
    """

    def __init__(self, board: str, port: str) -> None:
        name = f"{board} {port}" if port == "auto" else str(Path(port).resolve())
        key = hashlib.sha256(name.encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir())
        self.path = folder / f"mcuforge-port-{os.getuid()}-{key}.lock"
        self._file: TextIO | None = None

    @property
    def held(self) -> bool:
        """Whether this object has the lock."""
        return self._file is not None

    def acquire(self) -> None:
        """Take the lock; harmless for who has it."""
        if self._file is None:
            # the folder is everybody's: a link in it is not followed, others may not read the file
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.fdopen(os.open(self.path, flags, 0o600), "r+", encoding="utf-8")
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
            except BaseException:
                file.close()
                raise
            self._file = file

    def release(self) -> None:
        """Give the lock back; harmless for who does not have it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def stamp(self) -> str:
        """What the last holder wrote; the lock must be held."""
        assert self._file is not None
        self._file.seek(0)
        return self._file.read()

    @stamp.setter
    def stamp(self, text: str) -> None:
        assert self._file is not None
        self._file.seek(0)
        self._file.truncate()
        self._file.write(text)
        self._file.flush()
