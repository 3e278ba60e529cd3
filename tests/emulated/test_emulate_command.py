# SPDX-License-Identifier: Apache-2.0
"""`mcuforge emulate`: a board that other programs speak to until it is no longer wanted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mcuforge.boards.emulator import qemu
from mcuforge.boards.link.text import TextLink
from mcuforge.commands.deploy import Request as Deploy
from mcuforge.commands.deploy import deploy
from mcuforge.commands.emulate import Request, emulate
from mcuforge.errors import BoardError
from mcuforge.report.model import EmulatedBoard
from tests.emulated.deployed import QUIET

MODEL = Path(__file__).resolve().parents[2] / "examples" / "digits" / "digits_cnn.tflite"
BOARD = "qemu-mps2-an500"


def test_a_project_runs_until_its_user_has_enough(tmp_path: Path) -> None:
    project, link = tmp_path / "project", tmp_path / "port"
    deploy(Deploy(MODEL, BOARD, emulate=True, samples=1, out=project), QUIET)
    link.symlink_to(tmp_path / "gone")  # a killed run left it behind
    seen: list[EmulatedBoard] = []

    def use(board: EmulatedBoard) -> None:
        seen.append(board)
        assert link.readlink() == Path(board.port)
        with TextLink.open(str(link)) as text:
            assert text.profile() == "digits_cnn"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        emulate(Request(project, link=link), QUIET, use)
    assert seen[0].board == BOARD
    assert seen[0].model == "digits_cnn.tflite"
    assert not link.is_symlink()
    assert not Path(seen[0].port).exists()


def test_a_model_is_built_first_and_the_time_ends_it() -> None:
    seen: list[EmulatedBoard] = []
    begun: list[float] = []

    def tell(board: EmulatedBoard) -> None:
        seen.append(board)
        begun.append(time.monotonic())

    emulate(Request(MODEL, board="hifive1", seconds=0.5), QUIET, tell)
    assert time.monotonic() - begun[0] >= 0.5  # building it takes longer, and does not count
    assert [(board.board, board.model) for board in seen] == [("hifive1", "digits_cnn.tflite")]


def test_a_board_that_ends_by_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = qemu.start

    def start(*given: object) -> qemu.Emulator:
        emulator = starts(*given)  # type: ignore[arg-type]
        os.kill(emulator.pid, 9)
        return emulator

    monkeypatch.setattr(qemu, "start", start)
    with pytest.raises(BoardError, match="the emulator has ended by itself"):
        emulate(Request(MODEL, board=BOARD, seconds=60.0), QUIET, lambda _: None)


def test_what_cannot_be_started_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="no board is given"):
        emulate(Request(MODEL), QUIET, lambda _: None)
    taken, link = tmp_path / "taken", tmp_path / "link"
    taken.write_text("")
    link.symlink_to(taken)
    for path in (taken, link):
        with pytest.raises(BoardError, match="the link cannot be made: File exists"):
            emulate(Request(MODEL, board=BOARD, link=path), QUIET, lambda _: None)
    assert link.readlink() == taken
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(BoardError, match="'check' of this model does not listen"):
        emulate(Request(MODEL, board=BOARD, sounds=tmp_path), QUIET, lambda _: None)
