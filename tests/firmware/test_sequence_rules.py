# SPDX-License-Identifier: Apache-2.0
"""The real client and the real firmware over a line that Hypothesis makes hostile; no time passes.

The machine `Board` sends single frames, in and out of turn, resets the board, and compares every
answer with a model of the sequence rules of docs/protocol.md. conversation() runs the client and
the firmware while frames are lost, damaged, repeated, held back or played again, in both
directions, and the board starts again.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import (
    LinkError,
)
from mcuforge.boards.link.frame import ANSWER, NOTICE, Frame, Kind, Splitter, Status, encode
from mcuforge.runtime_c.sources import firmware_dir
from tests.firmware.linked_board import CountedLine, LinkedBoard, build_library
from tests.firmware.toy_board import TOY_HASH, toy_answers, toy_bias

INPUT_BYTES = 40
SMALL = f"-DINPUT_BYTES={INPUT_BYTES}"
STEPS = 2
NONCES = (1 << 31, 1 << 31 | 1, 7)
ONLY_FIND = (Phase.generate,)  # faults put in on purpose need no small example
STALE_CHECK = "request->sequence != session.sequence + 1U"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_library(tmp_path_factory.mktemp("library"), SMALL)


class Board(RuleBasedStateMachine):
    """What the board should do with any frame, by a model of the rules."""

    built: Path

    def __init__(self) -> None:
        super().__init__()
        self.board = LinkedBoard(self.built)
        self.splitter = Splitter()
        self.old: list[bytes] = []  # every frame that was ever sent
        self.starts = 0
        self.epoch: int | None = None  # None: no HELLO since the start
        self.session: int | None = None  # its nonce
        self.nonce = 0  # of the last session
        self.last = 0
        self.last_wire = b""
        self.answered: list[Frame] = []  # what the last request was answered
        self.memory: tuple[bytes, bytes] | None = None  # both inputs, if neither was run
        self.sums: bytes | None = None  # what the second output holds after a run
        self.reached = 0
        self.runs = 0

    def send(self, wire: bytes) -> list[Frame]:
        self.old.append(wire)
        return self.splitter.feed(self.board.take(wire))

    def expect_notice(self, got: list[Frame], status: Status) -> None:
        assert got == [Frame(NOTICE, status, self.nonce, self.last)]

    def request(self, kind: Kind, body: bytes) -> list[Frame]:
        """Send the next request of the open session."""
        assert self.session is not None
        self.last += 1
        self.last_wire = encode(kind, self.session, self.last, body)
        got = self.send(self.last_wire)
        assert {(f.nonce, f.sequence, f.kind) for f in got} == {
            (self.session, self.last, kind | ANSWER)
        }
        self.answered = got
        return got

    def begin(self, nonce: int, wire: bytes, got: list[Frame]) -> None:
        (frame,) = got
        assert (frame.kind, frame.status) == (Kind.OPEN | ANSWER, Status.OK)
        self.session = self.nonce = nonce
        self.last = frame.sequence
        self.last_wire, self.answered = wire, got
        assert self.epoch is not None
        self.epoch += 1
        self.memory = self.sums = None
        self.reached = 0

    @initialize(nonce=st.sampled_from(NONCES))
    def start(self, nonce: int) -> None:
        self.opens(nonce, 1)

    @rule(nonce=st.sampled_from(NONCES), sequence=st.integers(0, 2**31))
    def says_hello(self, nonce: int, sequence: int) -> None:
        (frame,) = self.send(encode(Kind.HELLO, nonce, sequence))
        assert (frame.nonce, frame.sequence, frame.status) == (nonce, sequence, Status.OK)
        self.hears_the_epoch(frame)

    def hears_the_epoch(self, frame: Frame) -> None:
        (epoch,) = struct.unpack_from("<I", frame.body, 52)
        if self.epoch is None:
            self.epoch = epoch
        assert epoch == self.epoch

    @rule(nonce=st.sampled_from(NONCES), sequence=st.integers(0, 2**31 - 1))
    def opens(self, nonce: int, sequence: int) -> None:
        if self.epoch is None:
            self.says_hello(nonce, sequence)
        wire = encode(Kind.OPEN, nonce, sequence, struct.pack("<I", self.epoch) + TOY_HASH)
        self.begin(nonce, wire, self.send(wire))

    @rule(
        nonce=st.sampled_from(NONCES),
        away=st.sampled_from([0, 1, -1]),
        model=st.sampled_from([TOY_HASH, bytes(32)]),
    )
    def opens_for_another(self, nonce: int, away: int, model: bytes) -> None:
        if (away, model) == (0, TOY_HASH):
            return
        epoch = ((self.epoch or 0) + away) % 2**32
        wire = encode(Kind.OPEN, nonce, 2**31 - 1, struct.pack("<I", epoch) + model)
        assert [frame.status for frame in self.send(wire)] == [Status.STALE]
        self.old.remove(wire)  # its epoch may come

    @precondition(lambda self: self.session is not None)
    @rule(x=st.binary(min_size=INPUT_BYTES, max_size=INPUT_BYTES), bias=st.integers(-500, 500))
    def writes(self, x: bytes, bias: int) -> None:
        inputs = (x, toy_bias(bias, 0, -bias, 1))
        for index, data in enumerate(inputs):
            (frame,) = self.request(Kind.WRITE, struct.pack("<II", index, 0) + data)
            assert frame.status == Status.OK
        self.memory, self.sums = inputs, None

    @precondition(lambda self: self.session is not None and self.memory is not None)
    @rule(end=st.integers(1, STEPS))
    def runs_what_was_written(self, end: int) -> None:
        assert self.memory is not None
        crc = zlib.crc32(b"".join(self.memory))
        got = self.request(Kind.RUN, struct.pack("<IIII", 0, end, 0, crc))
        assert [frame.status for frame in got] == [Status.RUNNING, Status.OK]
        self.reached = end
        if end == STEPS:
            self.sums = toy_answers(*self.memory)[1]
        self.memory = None

    @precondition(lambda self: self.session is not None)
    @rule()
    def runs_other_inputs(self) -> None:
        held = self.memory or (bytes(INPUT_BYTES), bytes(16))
        crc = zlib.crc32(b"".join(held)) ^ 1 if self.memory else 0x12345678
        got = self.request(Kind.RUN, struct.pack("<IIII", 0, STEPS, 0, crc))
        assert [frame.status for frame in got] == [Status.INPUTS]

    @precondition(lambda self: self.session is not None and self.sums is not None)
    @rule()
    def reads_the_answer(self) -> None:
        (frame,) = self.request(Kind.READ, struct.pack("<IIII", 1, 1, 0, 16))
        assert (frame.status, frame.body) == (Status.OK, self.sums)

    @precondition(lambda self: self.session is not None)
    @rule()
    def repeats_the_last(self) -> None:
        self.is_answered_again(self.send(self.last_wire))

    def is_answered_again(self, got: list[Frame]) -> None:
        (again,) = got
        right = self.answered[-1]
        if right.status != Status.OK:  # a refusal may have lost its words
            right, again = replace(right, body=b""), replace(again, body=b"")
        assert again == right, "the same bytes, and no RUNNING"

    @precondition(lambda self: self.session is not None)
    @rule(ahead=st.integers(2, 2**20), kind=st.sampled_from([Kind.WRITE, Kind.RUN, Kind.READ]))
    def skips_a_number(self, ahead: int, kind: Kind) -> None:
        assert self.session is not None
        wire = encode(kind, self.session, self.last + ahead, bytes(16))
        self.expect_notice(self.send(wire), Status.GAP)

    @precondition(lambda self: self.session is not None)
    @rule(nonce=st.integers(8, 1000), kind=st.sampled_from([Kind.WRITE, Kind.RUN, Kind.READ]))
    def speaks_of_another_session(self, nonce: int, kind: Kind) -> None:
        (frame,) = self.send(encode(kind, nonce, self.last + 1, bytes(16)))
        assert (frame.nonce, frame.sequence) == (nonce, self.last + 1)
        assert frame.status == Status.STALE

    @rule(data=st.data())
    def plays_an_old_frame_again(self, data: st.DataObject) -> None:
        wire = data.draw(st.sampled_from(self.old))
        (sent,) = Splitter().feed(wire)
        got = self.send(wire)
        if sent.kind == Kind.HELLO:
            self.hears_the_epoch(got[0])
            return
        if wire == self.last_wire and self.session is not None:
            self.is_answered_again(got)
        elif sent.kind == Kind.OPEN:
            refusal = Status.RANGE if sent.sequence >= 2**31 else Status.STALE
            assert [frame.status for frame in got] == [refusal]
        elif self.session is None:
            assert [frame.status for frame in got] == [Status.CLOSED]
        elif sent.nonce != self.session:
            assert [frame.status for frame in got] == [Status.STALE]
        elif sent.sequence > self.last + 1:
            self.expect_notice(got, Status.GAP)
        elif sent.sequence <= self.last:
            self.expect_notice(got, Status.STALE)
        else:  # of an earlier session with the same nonce: the host draws each nonce once
            self.opens(NONCES[0], 1)

    @rule(place=st.integers(1, 10), bit=st.integers(0, 7))
    def damages_a_frame(self, place: int, bit: int) -> None:
        wire = bytearray(encode(Kind.COUNTERS, self.nonce, self.last + 1))
        wire[place + 1] ^= 1 << bit
        got = self.splitter.feed(self.board.take(bytes(wire) + b"\0"))
        assert got, "a damaged frame is complained about"
        for frame in got:
            assert frame == Frame(NOTICE, Status.BAD_FRAME, self.nonce, self.last)

    @precondition(lambda self: self.epoch is not None)
    @rule(nonce=st.sampled_from(NONCES), sequence=st.integers(2**31, 2**32 - 1))
    def opens_near_the_last_number(self, nonce: int, sequence: int) -> None:
        (frame,) = self.send(
            encode(Kind.OPEN, nonce, sequence, struct.pack("<I", self.epoch) + TOY_HASH)
        )
        assert frame.status == Status.RANGE

    @rule(nonce=st.sampled_from(NONCES), epoch=st.sampled_from([0, 1, 2]))
    def opens_without_a_hello(self, nonce: int, epoch: int) -> None:
        if self.epoch is None:
            (frame,) = self.send(encode(Kind.OPEN, nonce, 1, struct.pack("<I", epoch) + TOY_HASH))
            assert frame.status == Status.STALE

    @rule()
    def starts_again(self) -> None:
        self.starts += 1
        self.board = LinkedBoard(self.built, 1000 * self.starts)
        self.epoch = self.session = None
        self.nonce = self.last = 0
        self.memory = self.sums = None

    @rule()
    def runs_a_text_command(self) -> None:
        assert b"m-results-[" in self.board.take(b"infer 1 0%")
        self.session = None
        self.memory = self.sums = None


class Hostile:
    """One direction of a line that harms frames as `draw` says; holds some back, repeats others."""

    def __init__(self, draw: random.Random, rate: float) -> None:
        self._draw = draw
        self._rate = rate
        self._old: deque[bytes] = deque(maxlen=60)
        self._held: bytes = b""

    def __call__(self, frame: bytes) -> Iterable[bytes]:
        draw = self._draw
        held, self._held = self._held, b""
        self._old.append(frame)
        if draw.random() >= self._rate:
            return [frame, held] if held else [frame]
        place = draw.randrange(len(frame))
        match draw.randrange(7):
            case 0:
                passed = []
            case 1:
                flipped = bytes([frame[place] ^ 1 << draw.randrange(8)])
                passed = [frame[:place] + flipped + frame[place + 1 :]]
            case 2:
                passed = [frame, frame]
            case 3:
                passed = [frame, *draw.choices(self._old, k=draw.randint(1, 4))]
            case 4:
                passed, self._held = [], frame
            case 5:
                passed = [frame[:place]]
            case _:
                passed = [draw.randbytes(draw.randint(1, 60)), frame]
        return [*filter(None, passed), held] if held else list(filter(None, passed))


class Resets:
    """A direction to a board that now and then starts again, without a word, before a frame."""

    def __init__(self, hostile: Hostile, draw: random.Random, rate: float, library: Path) -> None:
        self._hostile, self._draw, self._rate, self._library = hostile, draw, rate, library
        self.line: CountedLine | None = None
        self.starts = 0

    def __call__(self, frame: bytes) -> Iterable[bytes]:
        for passed in self._hostile(frame):
            if self.line is not None and self._draw.random() < self._rate:
                self.starts += 1
                self.line.board = LinkedBoard(self._library, 1000 * self.starts)
            yield passed


def infer(link: Link, seed: int) -> bool:
    """One inference, in few exchanges or in many; whether its answers are right."""
    draw = random.Random(seed)
    inputs = (draw.randbytes(INPUT_BYTES), toy_bias(seed, -seed, 1, 2))
    if seed % 2:
        return tuple(link.infer(inputs)[0]) == toy_answers(*inputs)
    for index, data in enumerate(inputs):
        link.write_input(index, data)
    link.run()
    return (link.read_output(0), link.read_output(1)) == toy_answers(*inputs)


def conversation(
    library: Path, seed: int, rate: float, inferences: int, resets: float = 0
) -> tuple[int, int, int]:
    """Answers that were right and wrong, and errors, of a client on a hostile line."""
    draw = random.Random(seed)
    to_board = Resets(Hostile(draw, rate), draw, resets, library)
    line = CountedLine(
        LinkedBoard(library),
        latency_s=0.001,
        to_board=to_board,
        to_host=Hostile(draw, rate),
    )
    to_board.line = line
    right = wrong = 0
    told: list[str] = []
    link = Link(line.port(), 2.0, 4.0)
    opened = False
    for number in range(inferences):
        begun_s = line.now_s
        try:
            if not opened:
                link.hello()
                opened = True
            if infer(link, number):
                right += 1
            else:
                wrong += 1
        except LinkError as error:
            opened = False
            told.append(str(error))
        assert line.now_s - begun_s < 9 * 3 * 4.0
    assert all(text.count("\n") == 2 for text in told)
    return right, wrong, len(told)


def check_rules(library: Path, *, planted: bool = False) -> None:
    """Let Hypothesis look for a frame that the board of a library answers wrong.

    planted: there is a fault, which is to be found the same way in each run, however long it takes.
    """

    class OfLibrary(Board):
        pass

    OfLibrary.built = library
    run_state_machine_as_test(
        OfLibrary,
        settings=settings(
            max_examples=1000 if planted else 60,
            stateful_step_count=40,
            deadline=None,
            report_multiple_bugs=False,
            phases=ONLY_FIND if planted else tuple(Phase),
            derandomize=planted,
        ),
    )


def test_the_board_keeps_the_rules_whatever_comes(library: Path) -> None:
    check_rules(library)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from([0.01, 0.05, 0.2, 0.5]))
def test_client_and_firmware_never_agree_on_a_wrong_answer(
    library: Path, seed: int, rate: float
) -> None:
    _, wrong, _ = conversation(library, seed, rate, 20)
    assert wrong == 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), rate=st.sampled_from([0.0, 0.05, 0.2]))
def test_a_board_that_starts_again_never_gives_a_wrong_answer(
    library: Path, seed: int, rate: float
) -> None:
    right, wrong, errors = conversation(library, seed, rate, 20, resets=0.01)
    assert wrong == 0
    assert right + errors == 20


def test_most_answers_arrive_on_a_bad_line(library: Path) -> None:
    told = [conversation(library, seed, 0.03, 30) for seed in range(10)]
    right, wrong, errors = (sum(part) for part in zip(*told, strict=True))
    assert wrong == 0
    assert right > 0.95 * 300, errors


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("draw_epoch(request->nonce);", "1U;"),
        ("session.epoch == 0U || ", ""),
        ("request->sequence >= SESSION_FIRST_END", "false"),
    ],
)
def test_epochs_that_come_again_are_found(tmp_path: Path, text: str, instead: str) -> None:
    session = (firmware_dir() / "session.c").read_text(encoding="utf-8")
    assert session.count(text) == 1
    library = build_library(tmp_path, SMALL, session=session.replace(text, instead))
    with pytest.raises((AssertionError, ValueError)):
        check_rules(library, planted=True)


def test_without_the_rules_wrong_answers_are_found(tmp_path: Path) -> None:
    text = (firmware_dir() / "session.c").read_text(encoding="utf-8")
    inputs = "measure_status() == 0 &&\n        frame_u32"
    assert text.count(STALE_CHECK) == text.count(inputs) == 1
    lax = text.replace(STALE_CHECK, "request->sequence == UINT32_MAX")
    lax = lax.replace(inputs, "measure_status() == 1 &&\n        frame_u32")
    library = build_library(tmp_path, SMALL, session=lax)
    with pytest.raises((AssertionError, ValueError)):
        check_rules(library, planted=True)
    assert sum(conversation(library, seed, 0.2, 20)[1] for seed in range(20)) > 0
