# SPDX-License-Identifier: Apache-2.0
"""Where sessions and frames begin and end: a reset, a broken frame, an echo, the last number."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from mcuforge.boards.link.frame import ANSWER, NOTICE, Frame, Kind, Splitter, Status, encode
from mcuforge.runtime_c.sources import firmware_dir
from tests.firmware.linked_board import LinkedBoard, build_library
from tests.firmware.toy_board import TOY_HASH

NONCE = 1 << 31 | 77
HELLO = encode(Kind.HELLO, NONCE, 0)
EPOCH_AT = 52
PATIENCE_S = 0.26  # a little more than the board waits


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_library(tmp_path_factory.mktemp("library"), "-DINPUT_BYTES=40")


def said(board: LinkedBoard, data: bytes) -> list[Frame]:
    """The frames that a board answers to bytes."""
    return Splitter().feed(board.take(data))


def epoch_of(board: LinkedBoard, nonce: int = NONCE) -> int:
    """What a HELLO says."""
    (frame,) = said(board, encode(Kind.HELLO, nonce, 0))
    return int.from_bytes(frame.body[EPOCH_AT : EPOCH_AT + 4], "little")


def open_with(epoch: int, sequence: int = 1, nonce: int = NONCE) -> bytes:
    return encode(Kind.OPEN, nonce, sequence, struct.pack("<I", epoch) + TOY_HASH)


def test_a_board_that_has_just_started_opens_nothing_before_a_hello(library: Path) -> None:
    for epoch in (0, 1, 0xFFFFFFFF):
        (frame,) = said(LinkedBoard(library), open_with(epoch))
        assert frame.status == Status.STALE


def test_an_open_of_before_a_reset_opens_nothing(library: Path) -> None:
    board = LinkedBoard(library)
    old = open_with(epoch_of(board))
    assert said(board, old)[0].status == Status.OK
    for later in (1, 2, 1000, 10**6):
        again = LinkedBoard(library, later)
        assert said(again, old)[0].status == Status.STALE
        epoch_of(again)  # the old HELLO comes again too
        assert said(again, old)[0].status == Status.STALE
        other = LinkedBoard(library)  # at the same moment, but another host
        epoch_of(other, NONCE + later)
        assert said(other, old)[0].status == Status.STALE


@pytest.mark.parametrize("sequence", [1 << 31, 0xFFFFFFFE, 0xFFFFFFFF])
def test_a_session_does_not_begin_near_its_last_number(library: Path, sequence: int) -> None:
    board = LinkedBoard(library)
    epoch = epoch_of(board)
    (frame,) = said(board, open_with(epoch, sequence))
    assert (frame.kind, frame.status) == (Kind.OPEN | ANSWER, Status.RANGE)
    assert said(board, open_with(epoch, (1 << 31) - 1))[0].status == Status.OK


def test_no_number_follows_the_last_one(tmp_path: Path) -> None:
    text = (firmware_dir() / "session.c").read_text(encoding="utf-8")
    limit = "request->sequence >= SESSION_FIRST_END"
    assert text.count(limit) == 1
    session = text.replace(limit, "request->sequence == UINT32_MAX")
    board = LinkedBoard(build_library(tmp_path, "-DINPUT_BYTES=40", session=session))
    assert said(board, open_with(epoch_of(board), 0xFFFFFFFE))[0].status == Status.OK
    assert said(board, encode(Kind.COUNTERS, NONCE, 0xFFFFFFFF))[0].status == Status.OK
    for sequence in (0, 1):
        stale = said(board, encode(Kind.COUNTERS, NONCE, sequence))
        assert stale == [Frame(NOTICE, Status.STALE, NONCE, 0xFFFFFFFF)]


@pytest.mark.parametrize("kind", [0x7F, 0x80, Kind.HELLO | ANSWER, Kind.RUN | ANSWER, NOTICE])
def test_what_is_no_request_is_not_answered(library: Path, kind: int) -> None:
    board = LinkedBoard(library)
    epoch = epoch_of(board)
    assert board.take(encode(kind, NONCE, 1)) == b""
    assert said(board, open_with(epoch))[0].status == Status.OK
    assert board.take(encode(kind, NONCE, 2, bytes(16))) == b""
    assert said(board, encode(Kind.COUNTERS, NONCE, 2))[0].status == Status.OK


@pytest.mark.parametrize("start", [HELLO, HELLO[:9] + b"\0", open_with(5), b"\0\xa5\x03x\0name%\0"])
def test_a_board_that_hears_itself_falls_silent(library: Path, start: bytes) -> None:
    board = LinkedBoard(library)
    heard = board.take(start)
    assert heard
    for _ in range(4):
        heard = board.take(heard)
    assert heard == b""


COMMAND = b"infer 1 0%"


def broken_off(library: Path) -> LinkedBoard:
    """A board that has given up a WRITE in its middle."""
    board = LinkedBoard(library)
    assert said(board, open_with(epoch_of(board)))[0].status == Status.OK
    wire = encode(Kind.WRITE, NONCE, 2, struct.pack("<II", 0, 0) + COMMAND)
    assert board.take(wire[: wire.index(COMMAND)]) == b""
    notices = Splitter().feed(board.wait(PATIENCE_S))
    assert [frame.status for frame in notices] == [Status.BAD_FRAME]
    return board


def test_the_late_tail_of_a_frame_is_no_command(library: Path) -> None:
    board = broken_off(library)
    assert board.take(COMMAND) == b""
    assert board.wait(PATIENCE_S / 2) == b""
    assert board.take(COMMAND) == b"", "it has not been silent for long enough"
    assert said(board, b"\xd3\0" + encode(Kind.COUNTERS, NONCE, 2))[0].status == Status.OK
    assert b"m-results-[" in board.take(COMMAND)


def test_silence_behind_a_broken_frame_lets_text_in_again(library: Path) -> None:
    board = broken_off(library)
    assert board.wait(PATIENCE_S) == b""
    assert b"m-results-[" in board.take(COMMAND)


@pytest.mark.parametrize(("ring", "fits"), [(512, False), (1024, True)])
def test_a_ring_that_holds_no_two_frames_is_refused(ring: int, fits: bool) -> None:
    command = ["gcc", "-std=c99", "-fsyntax-only", f"-DBOARD_RING_BYTES={ring}"]
    source = firmware_dir() / "session.c"
    done = subprocess.run([*command, source], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == fits
    assert fits or "must hold two frames" in done.stderr
