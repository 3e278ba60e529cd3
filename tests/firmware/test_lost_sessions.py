# SPDX-License-Identifier: Apache-2.0
"""What a client says when its session is gone or goes wrong: the real firmware, counted time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from mcuforge.boards.link.client import Link
from mcuforge.boards.link.errors import (
    BoardReset,
    InputsChanged,
    NoAnswer,
    SessionClosed,
    SessionTaken,
    WrongModel,
)
from mcuforge.boards.link.frame import ANSWER, Kind, Splitter, Status, encode
from tests.firmware.linked_board import CountedLine, LinkedBoard, build_library
from tests.firmware.test_sequence_rules import INPUT_BYTES, SMALL, infer
from tests.firmware.toy_board import TOY_HASH, toy_bias


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_library(tmp_path_factory.mktemp("library"), SMALL)


def linked(library: Path) -> tuple[CountedLine, Link]:
    """A line without faults and an open link."""
    line = CountedLine(LinkedBoard(library))
    link = Link(line.port(), 2.0, 4.0)
    link.hello()
    return line, link


def test_a_board_that_was_reset_and_opened_the_old_session_is_noticed(library: Path) -> None:
    """The old HELLO must come at the same tick as before, or the OPEN opens nothing."""
    opened: list[bytes] = []

    def to_board(frame: bytes) -> Iterable[bytes]:
        (sent,) = Splitter().feed(frame)
        opened.extend([frame] if sent.kind in (Kind.HELLO, Kind.OPEN) else [])
        return (frame,)

    line = CountedLine(LinkedBoard(library), to_board=to_board)
    link = Link(line.port(), 2.0, 4.0)
    link.hello()
    assert infer(link, 1)
    line.board = LinkedBoard(library)
    assert Splitter().feed(b"".join(map(line.board.take, opened)))[-1].status == Status.OK
    with pytest.raises(BoardReset, match="started again"):
        infer(link, 2)


def test_a_board_flashed_between_hello_and_open_is_noticed(library: Path, tmp_path: Path) -> None:
    other = build_library(tmp_path, "-DINPUT_BYTES=80", "-DTOY_HASH=9")

    def to_board(frame: bytes) -> Iterable[bytes]:
        (sent,) = Splitter().feed(frame)
        if sent.kind == Kind.OPEN:
            line.board = LinkedBoard(other)
        return (frame,)

    line = CountedLine(LinkedBoard(library), to_board=to_board)
    link = Link(line.port(), 2.0, 4.0)
    with pytest.raises(WrongModel, match="holds 'toy'"):
        link.hello(TOY_HASH)


def test_another_session_ends_the_first_and_says_so(library: Path) -> None:
    line, first = linked(library)
    assert infer(first, 1)
    second = Link(line.port())
    second.hello()
    with pytest.raises(SessionTaken, match="another program"):
        infer(first, 3)
    assert infer(second, 4)


def test_inputs_that_changed_on_the_board_are_not_run(library: Path) -> None:
    _, link = linked(library)
    link.write_input(0, bytes(INPUT_BYTES))
    link.write_input(1, toy_bias(1, 2, 3, 4))
    link._written[0] = b"1" + bytes(INPUT_BYTES - 1)
    with pytest.raises(InputsChanged, match="not those that were sent") as caught:
        link.run()
    assert "memory or its supply" in caught.value.hint


def test_an_exchange_that_never_ends_has_a_budget(library: Path) -> None:
    def always_running(frame: bytes) -> Iterable[bytes]:
        (said,) = Splitter().feed(frame)
        if said.kind != Kind.RUN | ANSWER:
            return (frame,)
        return (encode(said.kind, said.nonce, said.sequence, status=Status.RUNNING),)

    line = CountedLine(LinkedBoard(library), to_host=always_running)
    link = Link(line.port(), 2.0, 2.5)
    link.hello()
    link.write_input(0, bytes(INPUT_BYTES))
    link.write_input(1, bytes(16))
    begun_s = line.now_s
    with pytest.raises(NoAnswer, match=r"did not finish in 7\.5\d* s"):
        link.run()
    assert 3 * 2.5 < line.now_s - begun_s < 3 * 2.5 + 0.1


def test_a_text_command_that_used_the_model_is_named(library: Path) -> None:
    line, link = linked(library)
    assert infer(link, 1)
    line.board.take(b"infer 1 0%")
    with pytest.raises(SessionClosed, match="text command 'infer'"):
        infer(link, 2)
    link.hello()
    assert infer(link, 3)
