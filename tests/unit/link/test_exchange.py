# SPDX-License-Identifier: Apache-2.0
"""When requests are sent again, and what refusals say, against scripted boards; time is counted."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from mcuforge.boards.link.errors import (
    InputsChanged,
    LinkError,
    NoAnswer,
    NumbersUsedUp,
    SessionClosed,
)
from mcuforge.boards.link.exchange import Exchange, Request
from mcuforge.boards.link.frame import ANSWER, NOTICE, Frame, Kind, Splitter, Status, encode
from mcuforge.boards.link.messages import Hello, Malformed, read_hello, read_tensor
from mcuforge.boards.link.port import Port
from mcuforge.errors import InternalError

Reply = Callable[[Frame, int], list[tuple[float, bytes]]]  # frame, its turn -> (delay s, bytes)
LIMIT_S = 60.0


@dataclass
class Scripted:
    """A device whose board answers as told; reading lets its clock advance."""

    reply: Reply
    now_s: float = 0.0
    timeout: float | None = None
    heard: list[tuple[float, Frame]] = field(default_factory=list)
    coming: list[tuple[float, bytes]] = field(default_factory=list)
    splitter: Splitter = field(default_factory=Splitter)

    @property
    def in_waiting(self) -> int:
        return sum(len(data) for at_s, data in self.coming if at_s <= self.now_s)

    def fileno(self) -> int:
        raise OSError("no descriptor")

    def read(self, size: int) -> bytes:
        end_s = self.now_s + (self.timeout or 0.0)
        self.coming.sort(key=lambda item: item[0])
        if not self.coming or self.coming[0][0] > end_s:
            self.now_s = end_s
            return b""
        at_s, data = self.coming.pop(0)
        self.now_s = max(self.now_s, at_s)
        if data[size:]:
            self.coming.insert(0, (at_s, data[size:]))
        return data[:size]

    def write(self, data: bytes) -> int:
        for frame in self.splitter.feed(data):
            self.heard.append((self.now_s, frame))
            said = self.reply(frame, len(self.heard))
            self.coming += [(self.now_s + after_s, answer) for after_s, answer in said]
        return len(data)

    def close(self) -> None:
        pass

    def exchange(self) -> Exchange:
        """An exchange over it, in a session."""
        made = Exchange(Port(self, "script", 921_600, lambda: self.now_s), LIMIT_S)
        made.begin()
        made.in_session = True
        return made

    def asked_s(self) -> list[float]:
        """When requests came."""
        return [at_s for at_s, _ in self.heard]


def answer(frame: Frame, status: Status = Status.OK, body: bytes = b"") -> bytes:
    return encode(frame.kind | ANSWER, frame.nonce, frame.sequence, body, status)


def damaged(frame: Frame) -> bytes:
    wire = answer(frame)
    return wire[:-3] + bytes([wire[-3] ^ 4]) + wire[-2:]


RUN = Request(Kind.RUN, bytes(16))


def test_a_run_that_has_begun_is_not_interrupted_by_damage() -> None:
    """Noise that looks like frames comes for 9 s; the run lasts 10 s."""

    def reply(frame: Frame, turn: int) -> list[tuple[float, bytes]]:
        if turn > 1:
            return []
        noise = [(0.1 * i, damaged(frame)) for i in range(1, 90)]
        complaints = [
            (0.1 * i + 0.05, encode(NOTICE, frame.nonce, 0, b"", status))
            for i in range(1, 90)
            for status in (Status.BAD_FRAME, Status.GAP)
        ]
        running = [(0.001, answer(frame, Status.RUNNING))]
        return [*running, *noise, *complaints, (10.0, answer(frame))]

    device = Scripted(reply)
    device.exchange().ask(RUN, "running", LIMIT_S)
    asked = device.asked_s()
    assert len(asked) > 2
    assert min(b - a for a, b in pairwise(asked)) >= 2.0


def test_a_quiet_run_shorter_than_an_eighth_of_its_limit_is_never_asked() -> None:
    device = Scripted(
        lambda frame, _: [(0.001, answer(frame, Status.RUNNING)), (7.4, answer(frame))]
    )
    device.exchange().ask(RUN, "running", LIMIT_S)
    assert len(device.heard) == 1


def test_a_run_whose_beginning_was_not_heard_is_asked_as_any_request() -> None:
    device = Scripted(lambda frame, turn: [(3.0, answer(frame))] if turn == 1 else [])
    device.exchange().ask(RUN, "running", LIMIT_S)
    waits = [b - a for a, b in pairwise(device.asked_s())]
    assert waits == pytest.approx([0.25, 0.5, 1.0], abs=0.01)


def test_damage_before_a_run_begins_hastens() -> None:
    def reply(frame: Frame, turn: int) -> list[tuple[float, bytes]]:
        return [(0.001, damaged(frame) if turn == 1 else answer(frame))]

    device = Scripted(reply)
    device.exchange().ask(RUN, "running", LIMIT_S)
    assert device.asked_s()[1] < 0.1


def test_damage_in_one_run_is_forgotten_in_the_next_exchange() -> None:
    def reply(frame: Frame, turn: int) -> list[tuple[float, bytes]]:
        if frame.kind == Kind.RUN:
            return [(0.001, answer(frame, Status.RUNNING)), (0.002, answer(frame))]
        return [(0.001, damaged(frame) if turn == 2 else answer(frame))]

    device = Scripted(reply)
    exchange = device.exchange()
    exchange.ask(RUN, "running", LIMIT_S)
    exchange.ask(Request(Kind.COUNTERS), "reading", LIMIT_S)
    assert device.now_s < 0.2


def test_one_late_gap_does_not_make_silence_a_reset() -> None:
    def reply(frame: Frame, turn: int) -> list[tuple[float, bytes]]:
        if frame.sequence < 3:
            return [(0.001, answer(frame))]
        if turn == 3:  # the notice of long ago, then an answer, then nothing more
            old = encode(NOTICE, frame.nonce, 1, b"", Status.GAP)
            return [(0.001, old), (0.002, answer(frame))]
        return []

    device = Scripted(reply)
    exchange = device.exchange()
    for _ in range(2):
        exchange.ask(Request(Kind.COUNTERS), "reading")
    with pytest.raises(NoAnswer):
        exchange.ask_all([Request(Kind.COUNTERS)] * 2, "reading", 2.0)


@pytest.mark.parametrize(
    ("status", "kind", "words", "hint"),
    [
        (Status.CLOSED, SessionClosed, "text command 'infer'", "one program at a time"),
        (Status.INPUTS, InputsChanged, "not those that were sent", "same command again"),
    ],
)
def test_a_refusal_says_what_happened(
    status: Status, kind: type[LinkError], words: str, hint: str
) -> None:
    device = Scripted(lambda frame, _: [(0.001, answer(frame, status, b"the firmware's words"))])
    with pytest.raises(kind) as caught:
        device.exchange().ask(RUN, "running")
    assert words in caught.value.what
    assert hint in caught.value.hint
    assert str(caught.value).count("\n") == 2


def test_only_writes_are_sent_before_a_run() -> None:
    write, read = Request(Kind.WRITE, bytes(9)), Request(Kind.READ, bytes(16))
    device = Scripted(lambda frame, _: [(0.001, answer(frame))])
    exchange = device.exchange()
    exchange.window = 3
    exchange.ask_all([write, write, RUN], "running")
    for before in (read, Request(Kind.COUNTERS), RUN):
        with pytest.raises(InternalError):
            exchange.ask_all([write, before, RUN], "running")
    assert len(device.heard) == 3


def test_a_session_ends_before_its_numbers_do() -> None:
    device = Scripted(lambda frame, _: [(0.001, answer(frame))])
    exchange = device.exchange()
    exchange._sequence = exchange._executed = 0xFFFFFFFE
    exchange.ask(Request(Kind.COUNTERS), "reading")
    with pytest.raises(NumbersUsedUp, match="all its 4294967295 requests") as caught:
        exchange.ask(Request(Kind.COUNTERS), "reading")
    assert str(caught.value).count("\n") == 2
    assert [frame.sequence for _, frame in device.heard] == [0xFFFFFFFF]


HELLO = Hello(5, 256, 3, 1, 1, 2, 1, 64, 16, 1000, 0, 0, 0, 9, bytes(32), "m", "t", "b", "v")


def hello_bytes(hello: Hello) -> bytes:
    numbers = list(vars(hello).values())[:14]
    strings = (hello.model, hello.task, hello.board, hello.build)
    return (
        struct.pack("<14I", *numbers)
        + hello.model_hash
        + b"".join(text.encode() + b"\0" for text in strings)
    )


@pytest.mark.parametrize(
    "field_",
    ["data_bytes", "window", "input_count", "output_count", "steps", "arenas", "arena_bytes"],
)
def test_a_hello_says_nothing_that_cannot_be(field_: str) -> None:
    assert read_hello(hello_bytes(HELLO)) == HELLO
    other: dict[str, Any] = {field_: 0xFFFFFFFF}
    with pytest.raises(Malformed, match="4294967295, expected"):
        read_hello(hello_bytes(replace(HELLO, **other)))


@pytest.mark.parametrize("field_", ["data_bytes", "window", "tick_hz"])
def test_a_hello_has_no_zero_where_we_divide_or_wait(field_: str) -> None:
    other: dict[str, Any] = {field_: 0}
    with pytest.raises(Malformed, match=" 0, expected"):
        read_hello(hello_bytes(replace(HELLO, **other)))


@pytest.mark.parametrize(
    ("size", "elements", "dtype", "row"),
    [(1 << 31, 1 << 31, 0, 0), (8, 3, 2, 0), (8, 8, 0, 3), (8, 8, 1, 16)],
)
def test_a_tensor_has_the_bytes_of_its_elements(
    size: int, elements: int, dtype: int, row: int
) -> None:
    def body(*numbers: int) -> bytes:
        size, elements, dtype, row = numbers
        return struct.pack("<IIIfiI", size, elements, dtype, 1.0, 0, row) + b"x\0"

    assert read_tensor(body(8, 2, 2, 4)).elements == 2
    with pytest.raises(Malformed):
        read_tensor(body(size, elements, dtype, row))
