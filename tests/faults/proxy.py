# SPDX-License-Identifier: Apache-2.0
"""A process between a host and a board that damages what passes, as its seed says.

    python -m tests.faults.proxy SETTINGS_JSON

The host's side is a socket that is inherited, or a pty whose name is a symbolic link that the
proxy keeps. The proxy owns the board, so it can reset it between any two bytes, put firmware with
another model on it for a while, or make the port vanish and come back. It ends when its standard
input does, and then prints what it did as JSON.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import pty
import random
import select
import sys
import time
import tty
from dataclasses import asdict, dataclass
from heapq import heappop, heappush
from pathlib import Path

from tests.faults.boards import OwnedBoard
from tests.faults.line import Direction, Fault, Passed

FLUSH_S = 0.01  # text and cut frames have no closing zero
AWAY_S = (0.05, 0.3)
OTHER_S = (0.1, 0.5)  # with other firmware
READ_BYTES = 4096


@dataclass(frozen=True)
class Settings:
    """What a proxy is told. `board` and `other` say which firmware (OwnedBoard.start)."""

    fault: str
    rate: float
    seed: int
    board: dict[str, str]
    other: dict[str, str]
    descriptor: int = -1  # of the host's side; -1: a pty
    link: str = ""  # the pty's name

    def dump(self) -> str:
        """As the argument of the process."""
        return json.dumps(asdict(self))


class HostSide:
    """The end of the line that the host opens."""

    def __init__(self, settings: Settings) -> None:
        self._link = Path(settings.link)
        self._slave = -1
        self.descriptor = settings.descriptor
        if self.descriptor < 0:
            self._make()

    def _make(self) -> None:
        self.descriptor, self._slave = pty.openpty()
        tty.setraw(self._slave)
        fresh = self._link.with_name(self._link.name + ".new")
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self._link)

    def vanish(self, seconds: float) -> None:
        """Close the port, and open another under the same name; a socket only loses bytes."""
        if self._slave < 0:
            time.sleep(seconds)
            return
        self._link.unlink()
        os.close(self.descriptor)
        os.close(self._slave)
        time.sleep(seconds)
        self._make()


class Proxy:
    """The line."""

    def __init__(self, settings: Settings, board: OwnedBoard) -> None:
        self._settings = settings
        self._board = board
        self._draw = random.Random(settings.seed)
        fault = Fault(settings.fault)
        self._ways = {
            to_board: Direction(fault, settings.rate, self._draw, to_board=to_board)
            for to_board in (True, False)
        }
        self._host = HostSide(settings)
        self._queue: list[tuple[float, int, bool, Passed]] = []
        self._queued = 0
        self._back_s = math.inf  # when the right firmware comes back

    def serve(self) -> None:
        """Pass bytes on until standard input ends."""
        while True:
            wait = FLUSH_S
            if self._queue:
                wait = max(0.0, min(wait, self._queue[0][0] - time.monotonic()))
            watched = [sys.stdin.fileno(), self._host.descriptor, self._board.descriptor]
            ready, _, _ = select.select(watched, [], [], wait)
            if sys.stdin.fileno() in ready and not os.read(0, 1):
                return
            now = time.monotonic()
            for to_board, descriptor in ((True, watched[1]), (False, watched[2])):
                way = self._ways[to_board]
                if descriptor in ready:
                    self._enqueue(to_board, way.take(self._read(descriptor), now))
                elif not ready:
                    self._enqueue(to_board, way.flush(now))
            self._deliver()
            if time.monotonic() > self._back_s:
                self._back_s = math.inf
                self._board.start(self._settings.board)

    @staticmethod
    def _read(descriptor: int) -> bytes:
        data = b""
        with contextlib.suppress(OSError):
            data = os.read(descriptor, READ_BYTES)
        if not data:  # that end is closed
            time.sleep(FLUSH_S)
        return data

    def _enqueue(self, to_board: bool, passed: list[Passed]) -> None:
        for one in passed:
            self._queued += 1
            heappush(self._queue, (one.at_s, self._queued, to_board, one))

    def _deliver(self) -> None:
        while self._queue and self._queue[0][0] <= time.monotonic():
            _, _, to_board, passed = heappop(self._queue)
            with contextlib.suppress(OSError):  # that end is away: the bytes are lost
                write_all(
                    self._board.descriptor if to_board else self._host.descriptor, passed.data
                )
            if passed.then is Fault.RESET:
                self._board.start(self._settings.board)
            elif passed.then is Fault.SWAP:
                self._board.start(self._settings.other)
                self._back_s = time.monotonic() + self._draw.uniform(*OTHER_S)
            elif passed.then is Fault.VANISH:
                self._host.vanish(self._draw.uniform(*AWAY_S))

    def counts(self) -> dict[str, int]:
        """How many faults of each kind there were."""
        total: dict[str, int] = {}
        for way in self._ways.values():
            for fault, count in way.counts.items():
                total[fault.value] = total.get(fault.value, 0) + count
        return total


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything, though the descriptor may not block."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            select.select([], [descriptor], [], 1.0)


def main() -> None:
    """Serve one line."""
    settings = Settings(**json.loads(sys.argv[1]))
    board = OwnedBoard()
    board.start(settings.board)
    proxy = Proxy(settings, board)
    try:
        print("ready", flush=True)
        proxy.serve()
    finally:
        board.stop()
    print(json.dumps({"faults": proxy.counts(), "died": board.died}), flush=True)


if __name__ == "__main__":
    main()
