# SPDX-License-Identifier: Apache-2.0
"""The firmware's side of the framing, byte by byte."""

import struct
import time
from pathlib import Path

import pytest

from mcuforge.boards.link.frame import NO_SEQUENCE, Frame, Kind, Splitter, Status, encode
from mcuforge.boards.link.port import Port
from tests.firmware.toy_board import say, toy_answers, toy_bias, toy_input, toy_on_pty

HELLO = encode(Kind.HELLO, 1, b"")


def frames(answer: bytes) -> list[Frame]:
    """The frames in what the firmware said."""
    return Splitter().feed(answer)


def write(sequence: int, index: int, offset: int, data: bytes) -> bytes:
    return encode(Kind.WRITE, sequence, struct.pack("<II", index, offset) + data)


def read(sequence: int, space: int, index: int, offset: int, size: int) -> bytes:
    return encode(Kind.READ, sequence, struct.pack("<IIII", space, index, offset, size))


def run(sequence: int, begin: int, end: int) -> bytes:
    return encode(Kind.RUN, sequence, struct.pack("<III", begin, end, 0))


def test_a_run_sent_twice_happens_once(toy: Path) -> None:
    x, bias = toy_input(1), toy_bias(0, 0, 0, 0)
    half = say(toy, HELLO + write(2, 0, 0, x[:250]) + write(3, 0, 250, x[250:500]))
    assert [frame.status for frame in frames(half)] == [Status.OK] * 3
    once = HELLO + write(2, 0, 0, x[:250]) + write(3, 1, 0, bias) + run(4, 0, 2)
    rest = read(5, 1, 1, 0, 16)
    answers = frames(say(toy, once + run(4, 0, 2) + run(4, 0, 2) + rest))
    assert [(frame.sequence, frame.status) for frame in answers[3:]] == [
        (4, Status.RUNNING),
        (4, Status.OK),
        (4, Status.OK),
        (4, Status.OK),
        (5, Status.OK),
    ]
    assert answers[4].body == answers[5].body
    assert answers[-1].body == toy_answers(x[:250] + bytes(450), bias)[1]


def test_a_run_with_a_new_number_runs_again(toy: Path) -> None:
    answers = frames(say(toy, HELLO + run(2, 0, 1) + read(3, 2, 0, 0, 1) + run(4, 0, 1)))
    assert [frame.status for frame in answers[1:]] == [
        Status.RUNNING,
        Status.OK,
        Status.OK,
        Status.RUNNING,
        Status.OK,
    ]


def test_nothing_is_served_before_hello(toy: Path) -> None:
    (answer,) = frames(say(toy, run(9, 0, 2)))
    assert (answer.sequence, answer.status) == (9, Status.CLOSED)
    assert b"HELLO" in answer.body


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
    _, answer = frames(say(toy, HELLO + request_))
    assert (answer.sequence, answer.status) == (2, Status.RANGE)
    assert words in answer.body


def test_a_model_without_an_arena_takes_no_input(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_TRICK", "refuse")
    _, answer = frames(say(toy, HELLO + write(2, 0, 0, b"x")))
    assert (answer.sequence, answer.status) == (2, Status.MODEL)
    assert b"refused its arena" in answer.body


def test_an_unknown_kind_is_refused(toy: Path) -> None:
    _, answer = frames(say(toy, HELLO + encode(77, 2, b"")))
    assert (answer.kind, answer.status) == (77 | 0x80, Status.UNKNOWN)


def test_every_single_bit_error_is_found_or_resynchronized(toy: Path) -> None:
    good = encode(Kind.COUNTERS, 2, b"")
    for place in range(2, len(good) - 1):
        flips = [
            good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :] for bit in range(8)
        ]
        answers = frames(say(toy, b"".join(damaged + HELLO for damaged in flips)))
        served = [frame.kind for frame in answers if frame.status == Status.OK]
        assert served == [Kind.HELLO | 0x80] * 8


def test_a_damaged_frame_is_complained_about(toy: Path) -> None:
    damaged = HELLO[:-3] + bytes([HELLO[-3] ^ 4]) + HELLO[-2:]
    (answer,) = frames(say(toy, damaged))
    assert (answer.kind, answer.sequence, answer.status) == (0xFF, NO_SEQUENCE, Status.BAD_FRAME)


@pytest.mark.parametrize("length", range(3, len(HELLO)))
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
    answers = frames(say(toy, HELLO + write(2, 0, 9, data) + read(3, 0, 0, 9, size)))
    assert [frame.status for frame in answers] == [Status.OK] * 3
    assert answers[2].body == data


def test_text_and_frames_take_turns(toy: Path) -> None:
    answer = say(toy, b"name%" + HELLO + b"name%" + HELLO[1:] + b"name%")
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
