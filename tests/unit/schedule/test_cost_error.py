# SPDX-License-Identifier: Apache-2.0
"""The committed errors of the cost model: what the model foretells now, and what is promised."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.boards.catalog.board import load_board
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.flow.session import plan_session
from mcuforge.nas.sampling import FAMILIES
from scripts.cost_error import (
    BOARDS,
    DOCUMENT,
    EACH,
    MEDIAN,
    WORST,
    Row,
    held_out,
    read_rows,
    rows_text,
    with_table,
)
from scripts.count_instructions import session_of

ROWS = read_rows()


def test_every_family_was_measured_on_every_board() -> None:
    found = [(row.board, row.isa, row.family, row.number) for row in ROWS]
    assert found == [
        (board, load_board(board).isa, family, number)
        for board in BOARDS
        for family in FAMILIES
        for number in range(EACH)
    ]


@pytest.mark.parametrize("board", BOARDS)
def test_errors_keep_the_promise(board: str) -> None:
    errors = [abs(row.error) for row in ROWS if row.board == board]
    assert np.median(errors) <= MEDIAN
    assert max(errors) <= WORST


@pytest.mark.parametrize("board", BOARDS)
def test_rows_have_what_the_model_foretells_from_shapes_alone(board: str) -> None:
    for family, number in (("sequence", 3), ("residual", 0)):
        (row,) = (r for r in ROWS if (r.board, r.family, r.number) == (board, family, number))
        network = held_out(family, number)
        assert str(network) == row.network
        planned, _ = plan_session(session_of(network.graph(), board))
        foretold = sum(schedule_costs(planned.schedule, planned.isa))
        assert foretold == pytest.approx(row.foretold, rel=1e-3), (
            "the table is out of date: python -m scripts.cost_error"
        )


def test_the_document_has_the_table_of_the_rows() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert with_table(text, ROWS) == text
    with pytest.raises(ValueError, match="has no table between"):
        with_table("no marks", ROWS)


def test_the_table_has_the_median_and_the_worst_error_with_its_sign() -> None:
    rows = [
        Row("board", "isa", family, 0, "net", 1, 1000, foretold)
        for family, foretold in zip(FAMILIES, (1010, 970, 1020, 1000, 900), strict=True)
    ]
    text = with_table(DOCUMENT.read_text(encoding="utf-8"), rows)
    assert "| isa | 2.0% | -10.0% | 1.0%, +1.0% | 3.0%, -3.0% | 2.0%, +2.0% |" in text
    assert text != with_table(text, ROWS)


def test_rows_are_written_one_per_line() -> None:
    assert len(rows_text(ROWS).splitlines()) == len(ROWS) + 6
