# SPDX-License-Identifier: Apache-2.0
"""The check firmware inside this process, and a line to it whose time is counted, not spent."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import mkdtemp

from mcuforge.boards.link.port import Port
from mcuforge.runtime_c.sources import firmware_dir, firmware_sources
from tests.firmware.toy_board import TOY

LINKED = TOY.with_name("linked_board.c")
SAID_BYTES = 65536
BITS_PER_BYTE = 10

Pass = Callable[[bytes], Iterable[bytes]]


def build_library(folder: Path, *defines: str, session: str | None = None) -> Path:
    """The firmware with the toy model as a library; `session` is the text of another session.c."""
    sources = [path for path in firmware_sources() if path.name != "main.c"]
    if session is not None:
        other = folder / "session.c"
        other.write_text(session)
        sources = [other if path.name == other.name else path for path in sources]
    library = folder / "firmware.so"
    flags = ["-std=c99", "-O1", "-shared", "-fPIC", f"-I{firmware_dir()}", *defines]
    subprocess.run(["gcc", *flags, *sources, LINKED, TOY, "-o", library], check=True)
    return library


class LinkedBoard:
    """A board that has just started: every object has variables of its own."""

    def __init__(self, library: Path, started: int = 0) -> None:
        """started: microseconds that its clock shows at first."""
        folder = Path(mkdtemp())
        try:
            copy = shutil.copy(library, folder)  # the loader knows a file that it has loaded
            self._code = ctypes.CDLL(str(copy))
        finally:
            shutil.rmtree(folder)
        self._said = ctypes.create_string_buffer(SAID_BYTES)
        self._code.linked_start(ctypes.c_uint64(started))

    def take(self, data: bytes) -> bytes:
        """Serve bytes of the host; returns what the firmware says."""
        size = self._code.linked_take(data, len(data), self._said)
        return self._said.raw[:size]

    def wait(self, seconds: float) -> bytes:
        """Let time pass in silence; returns what the firmware says."""
        size = self._code.linked_wait(ctypes.c_uint64(round(seconds * 1e6)), self._said)
        return self._said.raw[:size]


def unharmed(data: bytes) -> Iterable[bytes]:
    """A line that passes what it gets."""
    return (data,)


class CountedLine:
    """A serial line of given speed and latency to a linked board, as a device for `Port`.

    Its clock is `now_s`: reading advances it. Bytes are passed on frame by frame, and `to_board`
    and `to_host` may make other frames of them. The board's own work takes no time, except that it
    sends one byte after the other before it reads on; what arrives meanwhile waits in its ring, and
    what does not fit there is lost (`lost` bytes).
    """

    def __init__(
        self,
        board: LinkedBoard,
        *,
        baud: int = 921_600,
        latency_s: float = 0.0,
        ring_bytes: int = 1024,
        to_board: Pass = unharmed,
        to_host: Pass = unharmed,
    ) -> None:
        self.board = board
        self.baud = baud
        self.now_s = 0.0
        self.lost = 0
        self.timeout: float | None = None
        self._latency_s = latency_s
        self._ring_bytes = ring_bytes
        self._to_board, self._to_host = to_board, to_host
        self._up: deque[tuple[float, bytes]] = deque()  # to the board, when the last byte is there
        self._down: deque[tuple[float, bytes]] = deque()
        self._up_free_s = self._board_free_s = 0.0

    def clock(self) -> float:
        """The time of this line in seconds."""
        return self.now_s

    def port(self) -> Port:
        """The line as a port."""
        return Port(self, "counted line", self.baud, self.clock)

    @property
    def in_waiting(self) -> int:
        """What read() gives at once."""
        self._serve()
        return sum(len(data) for at_s, data in self._down if at_s <= self.now_s)

    def fileno(self) -> int:
        """Refuse: there is no descriptor."""
        raise OSError("a counted line has no descriptor")

    def write(self, data: bytes) -> int:
        """Put bytes on the line, which is busy with those before."""
        for frame in frames_of(data):
            for passed in self._to_board(frame):
                self._up_free_s = max(self._up_free_s, self.now_s) + self._wire_s(len(passed))
                self._up.append((self._up_free_s + self._latency_s, passed))
        return len(data)

    def read(self, size: int) -> bytes:
        """Let time pass until a byte is there, for at most `timeout`; up to `size` bytes."""
        end_s = self.now_s + (self.timeout or 0.0)
        self._serve()
        while not (self._down and self._down[0][0] <= self.now_s):
            moments = [at_s for at_s, _ in (*list(self._up)[:1], *list(self._down)[:1])]
            later = [at_s for at_s in moments if at_s > self.now_s]
            if not later or min(later) > end_s:
                self.now_s = end_s
                return b""
            self.now_s = min(later)
            self._serve()
        at_s, data = self._down.popleft()
        if data[size:]:
            self._down.appendleft((at_s, data[size:]))
        return data[:size]

    def close(self) -> None:
        """Do nothing."""

    def _serve(self) -> None:
        """Let the board work on what has arrived by now."""
        while self._up and self._up[0][0] <= self.now_s:
            at_s, frame = self._up.popleft()
            begin_s = max(at_s, self._board_free_s)
            waits = len(frame) + sum(len(data) for later_s, data in self._up if later_s <= begin_s)
            if waits > self._ring_bytes:
                self.lost += len(frame)
                continue
            said = self.board.take(frame)
            self._board_free_s = begin_s
            for answer in frames_of(said):
                self._board_free_s += self._wire_s(len(answer))
                for passed in self._to_host(answer):
                    self._down.append((self._board_free_s + self._latency_s, passed))

    def _wire_s(self, size: int) -> float:
        return size * BITS_PER_BYTE / self.baud


def frames_of(data: bytes) -> list[bytes]:
    """Cut bytes behind each frame's closing zero."""
    found = []
    while data:
        begin = len(data) - len(data.lstrip(b"\0"))
        end = data.find(b"\0", begin) + 1 or len(data)
        found.append(data[:end])
        data = data[end:]
    return found
