# SPDX-License-Identifier: Apache-2.0
"""The firmware's side of the framing, byte by byte."""

import struct
import time
import zlib
from pathlib import Path

import pytest

from mcuforge.boards.link import cobs
from mcuforge.boards.link.frame import (
    ANSWER,
    GOES_ON,
    NOTICE,
    PROTOCOL,
    SYNC,
    Frame,
    Kind,
    Splitter,
    Status,
)
from mcuforge.boards.link.frame import encode as encode_frame
from mcuforge.boards.link.port import Port
from tests.firmware.toy_board import TOY_HASH, say, toy_answers, toy_bias, toy_input, toy_on_pty

NONCE = 0xC0FFEE42
HELLO = encode_frame(Kind.HELLO, NONCE, 0)
OPEN = encode_frame(Kind.OPEN, NONCE, 1, struct.pack("<I", 0) + TOY_HASH)


def frames(answer: bytes) -> list[Frame]:
    """The frames in what the firmware said."""
    return Splitter().feed(answer)


def encode(kind: int, sequence: int, body: bytes, nonce: int = NONCE) -> bytes:
    """A request of the session."""
    return encode_frame(kind, nonce, sequence, body)


def write(sequence: int, index: int, offset: int, data: bytes) -> bytes:
    return encode(Kind.WRITE, sequence, struct.pack("<II", index, offset) + data)


def read(sequence: int, space: int, index: int, offset: int, size: int) -> bytes:
    return encode(Kind.READ, sequence, struct.pack("<IIII", space, index, offset, size))


def run(sequence: int, begin: int, end: int, crc: int = 0, mode: int = 0) -> bytes:
    return encode(Kind.RUN, sequence, struct.pack("<IIII", begin, end, mode, crc))


X, BIAS = toy_input(1)[:700], toy_bias(5, 6, 7, 8)
CRC = zlib.crc32(X + BIAS)
FED = (
    OPEN
    + write(2, 0, 0, X[:250])
    + write(3, 0, 250, X[250:500])
    + write(4, 0, 500, X[500:])
    + write(5, 1, 0, BIAS)
)
SUMS = toy_answers(X, BIAS)[1]


def told(answers: list[Frame]) -> list[tuple[int, int]]:
    """Number and status of frames."""
    return [(frame.sequence, frame.status) for frame in answers]


def test_a_run_sent_again_happens_once(toy: Path) -> None:
    line = FED + run(6, 0, 2, CRC) * 3 + read(7, 1, 1, 0, 16)
    answers = frames(say(toy, line))[5:]
    expected = [(6, Status.RUNNING), (6, Status.OK), (6, Status.OK), (6, Status.OK), (7, Status.OK)]
    assert told(answers) == expected
    assert answers[1].body == answers[2].body == answers[3].body
    assert answers[-1].body == SUMS


def test_a_stale_run_is_refused_and_the_answer_stays(toy: Path) -> None:
    line = FED + run(6, 0, 2, CRC) + read(7, 1, 1, 0, 16) + run(6, 0, 2, CRC) + read(8, 1, 1, 0, 16)
    *_, stale, answer = frames(say(toy, line))
    assert (stale.kind, stale.sequence, stale.status) == (NOTICE, 7, Status.STALE)
    assert (answer.sequence, answer.body) == (8, SUMS)


def test_a_stale_write_is_refused_and_changes_nothing(toy: Path) -> None:
    late = write(2, 0, 0, bytes(8))
    *_, stale, _, ran, answer = frames(
        say(toy, FED + late + run(6, 0, 2, CRC) + read(7, 1, 1, 0, 16))
    )
    assert (stale.kind, stale.sequence, stale.status) == (NOTICE, 5, Status.STALE)
    assert (ran.status, answer.body) == (Status.OK, SUMS)


def test_other_bytes_under_the_last_number_are_stale(toy: Path) -> None:
    *_, stale = frames(say(toy, FED + write(5, 1, 0, bytes(16))))
    assert (stale.kind, stale.sequence, stale.status) == (NOTICE, 5, Status.STALE)


def test_a_repeated_write_is_answered_and_not_executed(toy: Path) -> None:
    line = OPEN + write(2, 1, 0, b"abcd") + write(2, 1, 0, b"abcd")
    assert told(frames(say(toy, line))[1:]) == [(2, Status.OK)] * 2
    refused = write(2, 1, 13, b"four")
    assert told(frames(say(toy, OPEN + refused * 2))[1:]) == [(2, Status.RANGE)] * 2


def test_a_request_behind_a_lost_one_waits_for_it(toy: Path) -> None:
    line = OPEN + write(3, 1, 0, b"late") + write(2, 0, 0, X[:250]) + write(3, 1, 0, b"late")
    _, gap, *rest = frames(say(toy, line))
    assert (gap.kind, gap.sequence, gap.status) == (NOTICE, 1, Status.GAP)
    assert told(rest) == [(2, Status.OK), (3, Status.OK)]


def test_frames_of_another_session_are_stale(toy: Path) -> None:
    foreign = encode(Kind.WRITE, 6, struct.pack("<II", 0, 0) + b"x", nonce=7)
    *_, stale, _, ran = frames(say(toy, FED + foreign + run(6, 0, 2, CRC)))
    assert (stale.nonce, stale.sequence, stale.status) == (7, 6, Status.STALE)
    assert ran.status == Status.OK


def test_an_old_open_opens_nothing(toy: Path) -> None:
    old = encode(Kind.OPEN, 1, struct.pack("<I", 0) + TOY_HASH, nonce=7)
    opened, refused, answer = frames(say(toy, OPEN + old + read(2, 0, 0, 0, 1)))
    assert (opened.status, answer.status) == (Status.OK, Status.OK)
    assert (refused.nonce, refused.status) == (7, Status.STALE)
    assert b"ask HELLO" in refused.body


@pytest.mark.parametrize("told", [b"", TOY_HASH[:31], bytes(32), TOY_HASH + b"x"])
def test_an_open_meant_for_another_model_opens_nothing(toy: Path, told: bytes) -> None:
    other = encode(Kind.OPEN, 1, struct.pack("<I", 0) + told)
    refused, closed = frames(say(toy, other + read(2, 0, 0, 0, 1)))
    assert (refused.status, closed.status) == (Status.STALE, Status.CLOSED)


def test_an_open_repeated_does_not_begin_again(toy: Path) -> None:
    line = OPEN + OPEN + write(2, 0, 0, b"x") + OPEN + read(3, 0, 0, 0, 1)
    *_, stale, answer = frames(say(toy, line))
    assert (stale.kind, stale.status) == (Kind.OPEN | ANSWER, Status.STALE)
    assert (answer.sequence, answer.body) == (3, b"x")


@pytest.mark.parametrize("crc", [0, CRC ^ 1])
def test_other_inputs_than_those_sent_are_not_run(toy: Path, crc: int) -> None:
    refused, again, right = frames(say(toy, FED + run(6, 0, 2, crc) * 2 + run(7, 0, 2, CRC)))[5:8]
    assert (refused.sequence, refused.status) == (6, Status.INPUTS)
    assert b"not those that were sent" in refused.body
    assert (again.sequence, again.status) == (6, Status.INPUTS)
    assert (right.sequence, right.status) == (7, Status.RUNNING)


def test_a_run_uses_up_the_inputs(toy: Path) -> None:
    *_, refused = frames(say(toy, FED + run(6, 0, 2, CRC) + run(7, 0, 2, CRC)))
    assert (refused.sequence, refused.status) == (7, Status.INPUTS)


def test_a_run_goes_on_only_where_the_last_ended(toy: Path) -> None:
    first = FED + run(6, 0, 1, CRC)
    *_, done = frames(say(toy, first + run(7, 1, 2, 0, GOES_ON)))
    assert (done.sequence, done.status) == (7, Status.OK)
    for line in (
        first + run(7, 1, 2),
        first + run(7, 2, 2, 0, GOES_ON),
        first + run(7, 0, 2, 0, GOES_ON),
        FED + run(6, 0, 2, 0, GOES_ON),
    ):
        *_, refused = frames(say(toy, line))
        assert refused.status == Status.RANGE
        assert b"where the run before ended" in refused.body


def test_a_text_command_that_runs_the_model_ends_the_session(toy: Path) -> None:
    *_, closed = frames(say(toy, OPEN + b"infer 1 0%" + read(2, 1, 1, 0, 16)))
    assert (closed.sequence, closed.status) == (2, Status.CLOSED)


def test_a_host_of_an_older_protocol_hears_the_version(toy: Path) -> None:
    covered = struct.pack("<BBH", Kind.HELLO, 0, 0x1234)
    packed = cobs.encode(covered + struct.pack("<I", zlib.crc32(covered)))
    answer = say(toy, b"\0\0" + bytes([SYNC]) + packed + b"\0")
    raw = cobs.decode(answer.strip(b"\0")[1:])
    assert raw is not None
    assert struct.unpack("<BBHI", raw[:-4]) == (Kind.HELLO | ANSWER, 0, 0x1234, PROTOCOL)
    assert struct.unpack("<I", raw[-4:]) == (zlib.crc32(raw[:-4]),)


def test_nothing_is_served_before_open(toy: Path) -> None:
    (answer,) = frames(say(toy, run(9, 0, 2)))
    assert (answer.sequence, answer.status) == (9, Status.CLOSED)
    assert b"no session" in answer.body


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (write(2, 2, 0, b"x"), b"no such input"),
        (write(2, 1, 13, b"four"), b"past the end of the input"),
        (write(2, 1, 0xFFFFFFFF, b"xx"), b"past the end of the input"),
        (encode(Kind.WRITE, 2, b"short"), b"no such input"),
        (read(2, 3, 0, 0, 1), b"no such tensor"),
        (read(2, 2, 1, 0, 1), b"no such tensor"),
        (read(2, 1, 2, 0, 1), b"no such tensor"),
        (read(2, 2, 0, 716, 1), b"past the end"),
        (read(2, 2, 0, 0xFFFFFFFF, 2), b"past the end"),
        (read(2, 2, 0, 0, 257), b"past the end"),
        (encode(Kind.READ, 2, bytes(12)), b"no such tensor"),
        (run(2, 0, 3), b"no such steps"),
        (run(2, 2, 1), b"no such steps"),
        (run(2, 0xFFFFFFFF, 0xFFFFFFFF), b"no such steps"),
        (encode(Kind.RUN, 2, b""), b"no such steps"),
        (encode(Kind.TENSOR, 2, struct.pack("<II", 2, 0)), b"no such tensor"),
    ],
)
def test_what_is_not_there_is_refused(toy: Path, request_: bytes, words: bytes) -> None:
    _, answer = frames(say(toy, OPEN + request_))
    assert (answer.sequence, answer.status) == (2, Status.RANGE)
    assert words in answer.body


def test_a_model_without_an_arena_takes_no_input(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_TRICK", "refuse")
    _, answer = frames(say(toy, OPEN + write(2, 0, 0, b"x")))
    assert (answer.sequence, answer.status) == (2, Status.MODEL)
    assert b"refused its arena" in answer.body


def test_an_unknown_kind_is_refused(toy: Path) -> None:
    _, answer = frames(say(toy, OPEN + encode(77, 2, b"")))
    assert (answer.kind, answer.status) == (77 | 0x80, Status.UNKNOWN)


def test_every_single_bit_error_is_found_or_resynchronized(toy: Path) -> None:
    good = encode(Kind.COUNTERS, 2, b"")
    for place in range(1, len(good) - 1):
        flips = [
            good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :] for bit in range(8)
        ]
        answers = frames(say(toy, b"".join(damaged + HELLO for damaged in flips)))
        served = [frame.kind for frame in answers if frame.status == Status.OK]
        assert served == [Kind.HELLO | 0x80] * 8


def test_a_damaged_frame_is_complained_about(toy: Path) -> None:
    damaged = HELLO[:-3] + bytes([HELLO[-3] ^ 4]) + HELLO[-2:]
    (answer,) = frames(say(toy, damaged))
    assert (answer.kind, answer.sequence, answer.status) == (NOTICE, 0, Status.BAD_FRAME)


@pytest.mark.parametrize("length", range(2, len(HELLO)))
def test_a_frame_cut_short_anywhere_does_not_harm_the_next(toy: Path, length: int) -> None:
    answers = frames(say(toy, HELLO[:length] + HELLO))
    assert answers[-1].status == Status.OK
    assert answers[-1].kind == Kind.HELLO | 0x80


def test_a_frame_longer_than_any_is_refused(toy: Path) -> None:
    answers = frames(say(toy, encode(Kind.HELLO, 1, bytes(265)) + HELLO))
    assert [frame.status for frame in answers] == [Status.BAD_FRAME, Status.OK]


@pytest.mark.parametrize("size", [0, 1, 253, 254, 255, 256])
def test_data_of_every_block_length_passes_both_ways(toy: Path, size: int) -> None:
    data = bytes(i % 255 + 1 for i in range(size))
    answers = frames(say(toy, OPEN + write(2, 0, 9, data) + read(3, 0, 0, 9, size)))
    assert [frame.status for frame in answers] == [Status.OK] * 3
    assert answers[2].body == data


def test_text_and_frames_take_turns(toy: Path) -> None:
    answer = say(toy, b"name%" + HELLO + b"name%" + HELLO + b"name%")
    assert answer.count(b"m-name-dut-[mcuforge host]\r\nm-ready\r\n") == 3
    assert len(frames(answer)) == 2


def test_a_stray_zero_does_not_swallow_a_command(toy: Path) -> None:
    assert say(toy, b"na\0name%") == b"m-name-dut-[mcuforge host]\r\nm-ready\r\n"
    assert say(toy, b"\0\0%").endswith(b"m-ready\r\n")


def test_text_never_holds_a_zero_or_a_foreign_byte(toy: Path) -> None:
    answer = say(toy, bytes(range(1, 37)) + bytes(range(128, 165)) + b"%")
    assert set(answer) <= {*range(32, 127), 13, 10}


def test_a_frame_that_never_ends_gives_way_to_commands(toy: Path) -> None:
    with toy_on_pty(toy) as (_, name):
        port = Port.open(name)
        port.write(HELLO[:7])
        time.sleep(0.35)
        port.write(b"name%")
        heard = b""
        while not heard.endswith(b"[mcuforge host]\r\nm-ready\r\n"):
            piece = port.read(2)
            assert piece, heard
            heard += piece
        port.close()
    assert [frame.status for frame in frames(heard)] == [Status.BAD_FRAME]
