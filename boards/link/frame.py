# SPDX-License-Identifier: Apache-2.0
"""Frames on the wire, as docs/protocol.md defines them."""

import re
import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

from mcuforge.boards.link import cobs

PROTOCOL = 5
ANSWER = 0x80
NOTICE = 0xFF  # the kind of a frame that answers no request
NONCE_BIT = 1 << 31  # set in every nonce: old_version() would take some others for a version
SYNC = 0xA5
HEADER = struct.Struct("<BBII")  # kind, status, nonce, sequence
CRC = struct.Struct("<I")
FOREIGN_KEPT = 4096  # bytes of text or noise kept, for error messages and fault reports

_EVENT = re.compile(
    rb"m-fault-\[(?P<fault>[^\]\r\n]*)\]|m-timestamp-mode-(?:performance|energy)\r?\n"
)


class Kind(IntEnum):
    """What a request asks."""

    HELLO = 1
    TENSOR = 2
    WRITE = 3
    READ = 4
    RUN = 5
    COUNTERS = 6
    OPEN = 7


class Mode(IntEnum):
    """How a RUN goes through its steps."""

    PLAIN = 0
    POISON = 1  # all dead bytes are overwritten after each step
    TIME_STEPS = 2  # each step is timed by itself


TIMED_STEPS = 4  # at most in one such RUN
GOES_ON = 0x100  # added to the mode of a RUN that begins where the one before ended


class Space(IntEnum):
    """What a READ reads."""

    INPUT = 0
    OUTPUT = 1
    ARENA = 2


class Status(IntEnum):
    """What an answer says."""

    OK = 0
    RUNNING = 1
    BAD_FRAME = 2
    UNKNOWN = 3
    RANGE = 4
    CLOSED = 5
    MODEL = 6
    STALE = 7
    GAP = 8
    INPUTS = 9


@dataclass(frozen=True)
class Frame:
    """A frame that arrived whole: its CRC agrees."""

    kind: int
    status: int
    nonce: int
    sequence: int
    body: bytes = b""


@dataclass(frozen=True)
class Event:
    """Something the board said unasked: it crashed (`fault` holds its words) or it started."""

    fault: str | None


def encode(kind: int, nonce: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """Encode the bytes to send. The zero in front ends a frame that was cut short."""
    covered = HEADER.pack(kind, status, nonce, sequence) + body
    packed = cobs.encode(covered + CRC.pack(zlib.crc32(covered)))
    return b"\0" + bytes([SYNC]) + packed + b"\0"


def decode(chunk: bytes) -> Frame | None:
    """Decode the bytes between two zeros; None if they are text or damaged."""
    if not chunk or chunk[0] != SYNC:
        return None
    raw = cobs.decode(chunk[1:])
    if raw is None or len(raw) < HEADER.size + CRC.size:
        return None
    covered = raw[: -CRC.size]
    if CRC.unpack(raw[-CRC.size :])[0] != zlib.crc32(covered):
        return None
    kind, status, nonce, sequence = HEADER.unpack_from(covered)
    return Frame(kind, status, nonce, sequence, covered[HEADER.size :])


def old_version(frame: Frame, nonce: int) -> int | None:
    """Return the version of firmware older than 5 from its answer to a HELLO with `nonce`.

    Its header was kind, status and a sequence of 16 bits, and its body began with the version: they
    read as the nonce. None if the answer is of another kind.
    """
    low, version = frame.nonce & 0xFFFF, frame.nonce >> 16
    if frame.kind == Kind.HELLO | ANSWER and low == nonce & 0xFFFF and 0 < version < PROTOCOL:
        return version
    return None


class Splitter:
    """A splitter of received bytes into frames and the rest: text lines, noise, damaged frames."""

    def __init__(self) -> None:
        self._pending = bytearray()  # since the last zero
        self._foreign = bytearray()
        self.whole = 0  # frames
        self.damaged = 0  # that began as frames do

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes, in order."""
        *chunks, rest = data.split(b"\0")
        frames = []
        for chunk in chunks:
            whole = bytes(self._pending) + chunk
            self._pending.clear()
            frame = decode(whole)
            if frame is not None:
                self.whole += 1
                frames.append(frame)
            elif whole:
                self.damaged += whole[0] == SYNC
                self._set_aside(whole)
        self._pending += rest
        if len(self._pending) > FOREIGN_KEPT:  # longer than any frame
            self._set_aside(bytes(self._pending))
            self._pending.clear()
        return frames

    @property
    def in_frame(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._pending[:1] == bytes([SYNC])

    def foreign(self) -> bytes:
        """Return the last bytes outside frames, including those that may still become one."""
        return bytes(self._foreign + self._pending)

    def take_events(self) -> list[Event]:
        """Return the events the board has sent since the last call, in order.

        Events are looked for in all bytes outside frames, so that a crash in the middle of a frame
        is found as well.
        """
        events = []
        end = 0
        for found in _EVENT.finditer(self.foreign()):
            fault = found["fault"]
            events.append(Event(None if fault is None else fault.decode("ascii", "replace")))
            end = found.end()
        in_foreign = min(end, len(self._foreign))
        del self._foreign[:in_foreign]
        del self._pending[: end - in_foreign]
        return events

    def _set_aside(self, chunk: bytes) -> None:
        self._foreign += chunk
        del self._foreign[:-FOREIGN_KEPT]
