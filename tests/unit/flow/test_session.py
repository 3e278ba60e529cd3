# SPDX-License-Identifier: Apache-2.0
"""What opens a session, and what refuses to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcuforge.boards.catalog.board import load_board
from mcuforge.errors import BoardError
from mcuforge.flow.facts import board_facts
from mcuforge.flow.session import open_session

MODEL = Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite"


def test_a_board_without_start_up_code_runs_only_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = replace(load_board("pico"), bsp=None)
    monkeypatch.setattr("mcuforge.flow.session.load_board", lambda _: bare)
    with pytest.raises(BoardError) as refused:
        open_session(MODEL, "pico", emulate=False)
    assert refused.value.what == "mcuforge has no start-up code for 'pico' yet"
    assert refused.value.hint.startswith("--emulate ")
    assert open_session(MODEL, "pico").board.emulated


@pytest.mark.parametrize(
    ("board", "ways", "where"),
    [
        ("nucleo_f446re", {"emulate": True}, "stand-in, emulated by qemu-system-arm -M mps2-an386"),
        ("nucleo_f446re", {"exact": True}, "exact ELF, emulated by virtual STM32F446"),
        ("nucleo_f446re", {"emulate": False}, "hardware"),
        ("qemu-riscv32", {"emulate": True}, "emulated by qemu-system-riscv32 -M virt"),
    ],
)
def test_a_report_says_what_the_image_ran_on(board: str, ways: dict[str, bool], where: str) -> None:
    emulate, exact = ways.get("emulate"), ways.get("exact", False)
    session = open_session(MODEL, board, emulate=emulate, exact=exact)
    assert board_facts(session).where == where
