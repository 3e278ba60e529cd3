# SPDX-License-Identifier: Apache-2.0
"""The table in docs/boards.md of what each board was proved by says what the catalog says."""

import pytest

from mcuforge.boards.catalog.board import Board, all_boards
from mcuforge.boards.virtual.machine import CHIPS
from scripts.boards_table import BEGIN, DOCUMENT, END, document, rewritten, table
from tests.emulated.stock_core import LINES


def row(board: Board) -> list[str]:
    (found,) = [x for x in table(all_boards()).splitlines() if x.startswith(f"| `{board.id}` |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_the_document_has_the_tables_of_today() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert document(text, all_boards()) == text, "run `python -m scripts.boards_table`"


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="has no table between"):
        rewritten(BEGIN + END[1:], "")


@pytest.mark.parametrize("board", all_boards(), ids=lambda board: board.id)
def test_no_row_claims_more_than_is_there(board: Board) -> None:
    _, emulated, exact, upload, hardware = row(board)
    assert (emulated == "-") == (board.emulator is None and board.stand_in is None)
    assert (exact == "-") == (board.virtual not in CHIPS)
    assert exact == "-" or board.bsp is not None
    recorded = [line for line in LINES.read_text().splitlines() if line.startswith(f"{board.id} ")]
    protocols = {line.split()[1].removesuffix(":") for line in recorded}
    said = upload.removeprefix("builds; lines of ").partition(";")[0]
    assert protocols == (set() if upload == "-" else set(said.split(", ")))
    assert hardware == ("-" if board.platformio is None else "never")
