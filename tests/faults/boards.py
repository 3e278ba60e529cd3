# SPDX-License-Identifier: Apache-2.0
"""The boards that a proxy owns: a program of this machine, an emulator, a virtual chip."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from mcuforge.boards.catalog.board import emulated, load_board
from mcuforge.boards.emulator import qemu
from mcuforge.boards.link.port import Port
from mcuforge.boards.virtual.machine import VirtualBoard

POLL_S = 0.002


class OwnedBoard:
    """A board that can be started again, with the same or other firmware.

    `descriptor` is its serial line; `died` holds what a sanitizer said of firmware that ended.
    """

    def __init__(self) -> None:
        self.descriptor, self._theirs = -1, -1
        self._stop: Callable[[], None] = lambda: None
        self.died = ""

    def start(self, firmware: dict[str, str]) -> None:
        """Start it anew; `firmware`: a `program`, or an `elf` for a `board`, `exact` or not."""
        self.stop()
        if "program" in firmware:
            self._start_program(firmware["program"])
        elif firmware["exact"]:
            self._start_exact(firmware["board"], Path(firmware["elf"]))
        else:
            self._start_emulated(firmware["board"], Path(firmware["elf"]))

    def stop(self) -> None:
        """End it."""
        self._stop()
        self._stop = lambda: None
        for descriptor in (self.descriptor, self._theirs):
            if descriptor >= 0:
                os.close(descriptor)
        self.descriptor = self._theirs = -1

    def _socket(self) -> None:
        ours, theirs = socket.socketpair()
        self.descriptor, self._theirs = ours.detach(), theirs.detach()

    def _start_program(self, program: str) -> None:
        self._socket()
        process = subprocess.Popen(
            [program, str(self._theirs)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[self._theirs],
        )

        def stop() -> None:
            ended = process.poll()
            process.kill()
            _, errors = process.communicate()
            if ended:
                self.died = errors.decode(errors="replace")

        self._stop = stop

    def _start_emulated(self, board: str, elf: Path) -> None:
        running = qemu.start(emulated(load_board(board)), elf)
        self.descriptor = os.open(running.port, os.O_RDWR | os.O_NOCTTY)
        self._stop = running.close

    def _start_exact(self, board: str, elf: Path) -> None:
        self._socket()
        line = os.dup(self._theirs)
        port = VirtualBoard(load_board(board), elf).port()
        ended = threading.Event()
        thread = threading.Thread(target=pump, args=(port, line, ended), daemon=True)
        thread.start()

        def stop() -> None:
            ended.set()
            thread.join(5)
            os.close(line)

        self._stop = stop


def pump(port: Port, line: int, ended: threading.Event) -> None:
    """Pass bytes between a virtual chip, which runs only while it is read, and a descriptor."""
    os.set_blocking(line, False)
    with contextlib.suppress(OSError):
        while not ended.is_set():
            with contextlib.suppress(BlockingIOError):
                data = os.read(line, 256)
                if not data:
                    return
                port.write(data)
            said = port.read(POLL_S)
            os.set_blocking(line, True)
            os.write(line, said)
            os.set_blocking(line, False)
