# SPDX-License-Identifier: Apache-2.0
"""A pty whose other end a program opens as the serial port of an instrument."""

import array
import contextlib
import fcntl
import os
import pty
import select
import termios
import time
import tty
from typing import Self

READ_BYTES = 4096
WRITE_SECONDS = 5.0
POLL_SECONDS = 0.01


class Terminal:
    """A pty; a context manager that closes it. `name` is what a program opens."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)
        self._stuck = False  # nobody has read for a while

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        os.close(self._master)
        os.close(self._slave)

    def read(self, timeout_s: float) -> bytes:
        """Read what a program has sent, after at most `timeout_s`; b"" if nothing came."""
        ready, _, _ = select.select([self._master], [], [], timeout_s)
        with contextlib.suppress(BlockingIOError):
            return os.read(self._master, READ_BYTES) if ready else b""
        return b""

    def write(self, data: bytes) -> None:
        """Send all bytes; they are lost if no program has read any for WRITE_SECONDS."""
        while data:
            _, ready, _ = select.select([], [self._master], [], 0 if self._stuck else WRITE_SECONDS)
            self._stuck = not ready
            if self._stuck:
                return
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self._master, data) :]

    def unread(self) -> int:
        """Return how many bytes wait for a program to read them."""
        count = array.array("i", [0])
        fcntl.ioctl(self._slave, termios.FIONREAD, count)
        return count[0]

    def settle(self, quiet_s: float, most_s: float) -> None:
        """Wait until a program has read everything, and has had `quiet_s` to work on it.

        The system moves bytes from buffer to buffer: for moments none may wait although some do.
        """
        begun = read = time.monotonic()
        while read - begun < most_s and time.monotonic() - read < quiet_s:
            if self.unread():
                read = time.monotonic()
            time.sleep(POLL_SECONDS)
