# SPDX-License-Identifier: Apache-2.0
"""A pty whose other end is a Python function: boards that do what no firmware should."""

import contextlib
import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator

Reply = Callable[[bytes], bytes]


@contextlib.contextmanager
def fake_board(reply: Reply, *, babble: bytes = b"") -> Iterator[str]:
    """The port of a board that answers `reply(received)` and otherwise sends `babble` endlessly."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    ended, wake = os.pipe()

    def serve() -> None:
        writable = [master] if babble else []
        while True:
            ready, room, _ = select.select([master, ended], writable, [])
            if ended in ready:
                return
            if master in ready:
                answer = reply(os.read(master, 4096))
                if answer:
                    os.write(master, answer)
            elif room:
                os.write(master, babble)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(slave)
    finally:
        os.write(wake, b"x")
        thread.join(5)
        for descriptor in (master, slave, ended, wake):
            os.close(descriptor)
