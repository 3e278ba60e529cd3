# SPDX-License-Identifier: Apache-2.0
"""What ticks of a board's timer mean, for a run and for its layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcuforge.flow.facts import Cost, cost_of, layer_costs
from mcuforge.flow.session import Session, open_session

MODEL = Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite"
TICKS = (1, 3, 0, 7, 1, 1)


def session(board: str, *, emulate: bool = True) -> Session:
    return open_session(MODEL, board, emulate=emulate)


@pytest.mark.parametrize("board", ["qemu-mps3-an547", "qemu-mps2-an386", "hifive1"])
def test_instructions_of_layers_add_up_to_those_of_the_run(board: str) -> None:
    opened = session(board)
    costs = layer_costs(TICKS, opened)
    assert sum(cost.instructions or 0 for cost in costs) == cost_of(sum(TICKS), opened).instructions
    for ticks, cost in zip(TICKS, costs, strict=True):
        alone = cost_of(ticks, opened).instructions
        assert alone is not None
        assert cost.instructions is not None
        assert abs(cost.instructions - alone) <= 1


def test_a_tick_of_a_broken_number_of_instructions_is_among_the_boards() -> None:
    board = session("qemu-mps3-an547").board
    assert 1_000_000_000 % board.tick_hz != 0


def test_hardware_adds_up_cycles_and_time() -> None:
    opened = session("nucleo_f446re", emulate=False)
    assert layer_costs((180, 90), opened) == [Cost(None, 180, 1.0), Cost(None, 90, 0.5)]
    slow = replace(opened, board=replace(opened.board, tick_hz=32_768))
    assert layer_costs((1, 1), slow) == [Cost(None, None, 30.518), Cost(None, None, 30.517)]
