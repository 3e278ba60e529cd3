# SPDX-License-Identifier: Apache-2.0
"""What the client says of boards that misbehave: the right class, the port, in bounded time."""

import re
import struct
import time
import zlib

import pytest

from mcuforge.boards.link import cobs
from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import (
    BoardCrashed,
    Damaged,
    Garbage,
    LinkError,
    NoAnswer,
    OldFirmware,
)
from mcuforge.boards.link.frame import (
    ANSWER,
    NOTICE,
    PROTOCOL,
    SYNC,
    Kind,
    Splitter,
    Status,
    encode,
)
from mcuforge.errors import BoardError
from tests.unit.link.fake_board import Reply, fake_board

TIMEOUT_S = 0.4


def silent(_: bytes) -> bytes:
    return b""


def echo(data: bytes) -> bytes:
    return data


def text_only(_: bytes) -> bytes:
    return b"e-[Unknown command: ?]\r\nm-ready\r\n"


def complaining(_: bytes) -> bytes:
    return encode(NOTICE, 0, 0, b"", Status.BAD_FRAME)


def garbling(data: bytes) -> bytes:
    """A board whose answers arrive damaged."""
    return answering(bytes(40))(data)[:-3] + b"xy\0"


def old(version: int) -> Reply:
    """Firmware that spoke frames of kind, status and sequence u16 (versions 1 to 4)."""

    def reply(data: bytes) -> bytes:
        chunk = data.strip(b"\0")
        raw = cobs.decode(chunk[1:])
        assert raw is not None
        kind, _, sequence = struct.unpack_from("<BBH", raw)
        covered = struct.pack("<BBHI", kind | ANSWER, 0, sequence, version) + bytes(120)
        packed = cobs.encode(covered + struct.pack("<I", zlib.crc32(covered)))
        return b"\0" + bytes([SYNC]) + packed + b"\0"

    return reply


def answering(body: bytes) -> Reply:
    """A board whose every answer is OK with this body."""

    def reply(data: bytes) -> bytes:
        frames = Splitter().feed(data)
        return b"".join(encode(f.kind | ANSWER, f.nonce, f.sequence, body) for f in frames)

    return reply


def hello_error(reply: Reply, babble: bytes = b"") -> LinkError:
    """How hello() fails on that board."""
    started = time.monotonic()
    with (
        fake_board(reply, babble=babble) as port,
        Link.open(port, timeout_s=TIMEOUT_S) as link,
        pytest.raises(LinkError) as caught,
    ):
        link.hello()
    assert time.monotonic() - started < 10 * TIMEOUT_S
    assert port in caught.value.where
    assert isinstance(caught.value, BoardError)
    return caught.value


def test_silence_is_no_answer() -> None:
    error = hello_error(silent)
    assert isinstance(error, NoAnswer)
    assert "no answer from the board for 0.4 s" in error.what
    assert "waiting for its hello" in error.where


@pytest.mark.parametrize("babble", [b"\x12\xfe\x80" * 50, b"x\0y" * 50, b"U" * 100])
def test_endless_garbage_is_garbage_and_points_at_the_baud_rate(babble: bytes) -> None:
    error = hello_error(silent, babble)
    assert isinstance(error, Garbage)
    assert "none of it reads as an answer" in error.what
    assert "115200" in error.hint


def test_our_own_bytes_coming_back_are_recognized() -> None:
    error = hello_error(echo)
    assert isinstance(error, Garbage)
    assert "our own bytes" in error.what


def test_a_plain_mlperf_device_is_recognized() -> None:
    error = hello_error(text_only)
    assert isinstance(error, Garbage)
    assert "does not know mcuforge's frames" in error.what


def test_a_board_that_only_gets_damaged_frames_blames_the_line() -> None:
    error = hello_error(complaining)
    assert isinstance(error, Garbage)
    found = re.search(r"(\d+) of (\d+) frames arrived damaged in 0.4 s$", error.what)
    assert found is not None
    assert 2 * int(found[1]) == int(found[2]) > 2, "each was refused"
    assert "cable" in error.hint


def test_answers_that_arrive_damaged_are_a_rate_and_no_bytes() -> None:
    error = hello_error(garbling)
    assert isinstance(error, Damaged)
    assert re.search(r": (\d+) of \d+ frames arrived damaged in 0.4 s$", error.what)


@pytest.mark.parametrize("version", range(1, PROTOCOL))
def test_older_firmware_is_named_with_what_to_do(version: int) -> None:
    error = hello_error(old(version))
    assert isinstance(error, OldFirmware)
    assert error.what == f"the firmware speaks version {version} of the protocol, expected 5"
    assert "flash the firmware anew" in error.hint


def test_a_board_that_has_crashed_before_is_reported() -> None:
    error = hello_error(lambda _: b"\r\nm-fault-[usage fault pc=0x0]\r\n")
    assert isinstance(error, BoardCrashed)
    assert "usage fault pc=0x0" in error.what


def test_another_version_of_the_protocol_is_named() -> None:
    error = hello_error(answering(struct.pack("<I", 9)))
    assert isinstance(error, OldFirmware)
    assert "version 9 of the protocol" in error.what


@pytest.mark.parametrize("size", [0, 3, 4, 40, 68, 70])
def test_an_answer_too_short_is_garbage(size: int) -> None:
    error = hello_error(answering(struct.pack("<I", PROTOCOL).ljust(size, b"\x01")[:size]))
    assert isinstance(error, Garbage)
    assert "cannot be read" in error.what


def test_a_hello_of_impossible_numbers_is_garbage_in_three_lines() -> None:
    numbers = [PROTOCOL, 256, 3, 2**32 - 1, *[1] * 10]
    body = struct.pack("<14I", *numbers) + bytes(32) + b"m\0t\0b\0v\0"
    error = hello_error(answering(body))
    assert isinstance(error, Garbage)
    assert "inputs 4294967295, expected 0 to 65536" in error.what
    assert str(error).count("\n") == 2


def test_answers_to_questions_nobody_asked_are_ignored() -> None:
    stale = encode(Kind.HELLO | ANSWER, 0xFFFE, 0, b"stale")
    assert isinstance(hello_error(lambda _: stale), LinkError)
