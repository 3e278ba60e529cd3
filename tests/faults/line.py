# SPDX-License-Identifier: Apache-2.0
"""Faults of a serial line, drawn from a seed: what becomes of the bytes of one direction."""

import random
from collections import deque
from dataclasses import dataclass
from enum import Enum

HISTORY = 400  # frames that may come again
LONGEST_DELAY_S = 0.4
HELD_S = 0.03  # a frame that lets the next one pass waits no longer
GLITCH_S = (0.002, 0.04)
NOISE_BYTES = (1, 60)
CERTAIN_FRAMES = 12  # without a fault: the next one meets it, so that no short campaign has none
ALWAYS_WHOLE = 4096  # bytes without a zero that are passed on as they are


class Fault(Enum):
    """A kind of fault."""

    NONE = "none"
    FLIP = "flip"
    DROP = "drop"
    DUPLICATE = "duplicate"
    REPLAY = "replay"
    REORDER = "reorder"
    DELAY = "delay"
    TRUNCATE = "truncate"
    NOISE = "noise"
    GLITCH = "baud glitch"
    RESET = "reset"
    SWAP = "other model"
    VANISH = "vanish"
    MIXED = "mixed"


ON_THE_LINE = (
    Fault.FLIP,
    Fault.DROP,
    Fault.DUPLICATE,
    Fault.REPLAY,
    Fault.REORDER,
    Fault.DELAY,
    Fault.TRUNCATE,
    Fault.NOISE,
    Fault.GLITCH,
)
AT_THE_BOARD = (Fault.RESET, Fault.SWAP, Fault.VANISH)


@dataclass(frozen=True)
class Passed:
    """Bytes to pass on at a moment, and what happens to the board or port behind them."""

    at_s: float
    data: bytes
    then: Fault = Fault.NONE


class Direction:
    """One direction of a faulty line. `counts` says how many faults of each kind there were."""

    def __init__(self, fault: Fault, rate: float, draw: random.Random, *, to_board: bool) -> None:
        """rate: the probability that a frame meets a fault; CERTAIN_FRAMES bounds the first."""
        self.counts: dict[Fault, int] = {}
        self._fault = fault
        self._rate = rate
        self._draw = draw
        self._to_board = to_board
        self._pending = b""
        self._old: deque[bytes] = deque(maxlen=HISTORY)
        self._garbled_s = 0.0  # until then a glitch spoils every byte
        self._free_s = 0.0  # nothing overtakes what was delayed

    def take(self, data: bytes, now_s: float) -> list[Passed]:
        """Take bytes of the sender; returns what is passed on."""
        self._pending += data
        passed = []
        while (end := self._frame_end()) > 0:
            frame, self._pending = self._pending[:end], self._pending[end:]
            passed += self._pass(frame, now_s)
        return passed

    def flush(self, now_s: float) -> list[Passed]:
        """Pass on what waits for a zero that did not come."""
        rest, self._pending = self._pending, b""
        return self._pass(rest, now_s) if rest else []

    def _frame_end(self) -> int:
        """The end of the first frame or text with its closing zero; 0 if it is not complete."""
        begin = len(self._pending) - len(self._pending.lstrip(b"\0"))
        end = self._pending.find(b"\0", begin) + 1
        return len(self._pending) if not end and len(self._pending) > ALWAYS_WHOLE else end

    def _pass(self, frame: bytes, now_s: float) -> list[Passed]:
        fault = Fault.NONE
        drawn = self._draw.random() < self._rate
        due = not self.counts and len(self._old) == CERTAIN_FRAMES
        if self._fault is not Fault.NONE and (drawn or due):
            fault = self._fault
            if fault is Fault.MIXED:
                fault = self._draw.choice(ON_THE_LINE + AT_THE_BOARD)
            if fault in AT_THE_BOARD and not self._to_board:
                fault = Fault.NONE
        if fault is not Fault.NONE:
            self.counts[fault] = self.counts.get(fault, 0) + 1
        at_s = max(now_s, self._free_s)
        passed = self._spoil(fault, frame, at_s)
        self._old.append(frame)
        if at_s < self._garbled_s:
            passed = [Passed(p.at_s, draw_bytes(self._draw, p.data), p.then) for p in passed]
        if fault is not Fault.REORDER:
            self._free_s = max(self._free_s, *(p.at_s for p in passed))
        return passed

    def _spoil(self, fault: Fault, frame: bytes, at_s: float) -> list[Passed]:
        draw = self._draw
        place = draw.randrange(len(frame))
        cut = frame[:place], frame[place:]
        match fault:
            case Fault.FLIP:
                spoilt = bytes([cut[1][0] ^ 1 << draw.randrange(8)])
                return [Passed(at_s, cut[0] + spoilt + cut[1][1:])]
            case Fault.DROP:
                lost = draw.choice((1, draw.randint(1, len(frame)), len(frame)))
                return [Passed(at_s, cut[0] + cut[1][lost:] if lost < len(frame) else b"")]
            case Fault.DUPLICATE:
                return [Passed(at_s, frame * draw.choice((2, 2, 3)))]
            case Fault.REPLAY:
                again = [draw.choice(self._old) for _ in range(draw.randint(1, 3)) if self._old]
                return [Passed(at_s, frame + b"".join(again))]
            case Fault.REORDER:
                return [Passed(at_s + HELD_S * draw.random(), frame)]
            case Fault.DELAY:
                return [Passed(at_s + LONGEST_DELAY_S * draw.random(), frame)]
            case Fault.TRUNCATE:
                return [Passed(at_s, cut[0])]
            case Fault.NOISE:
                return [Passed(at_s, cut[0] + draw.randbytes(draw.randint(*NOISE_BYTES)) + cut[1])]
            case Fault.GLITCH:
                self._garbled_s = at_s + draw.uniform(*GLITCH_S)
                return [Passed(at_s, frame)]
            case Fault.RESET | Fault.SWAP | Fault.VANISH:
                return [Passed(at_s, cut[0], fault), Passed(at_s, cut[1])]
            case _:
                return [Passed(at_s, frame)]


def draw_bytes(draw: random.Random, data: bytes) -> bytes:
    """What a receiver at another baud rate makes of bytes."""
    return draw.randbytes(len(data))
