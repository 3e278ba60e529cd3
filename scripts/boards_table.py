# SPDX-License-Identifier: Apache-2.0
"""Writes into docs/boards.md what each board was proved by, and its pins, from the catalog.

python -m scripts.boards_table
"""

from __future__ import annotations

from pathlib import Path

from mcuforge.boards.catalog.board import Board, all_boards
from mcuforge.boards.virtual.machine import CHIPS

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "boards.md"
BEGIN = "<!-- proved by (`python -m scripts.boards_table` writes this) -->"
END = "<!-- end of proved by -->"
PINS_BEGIN = "<!-- pins (`python -m scripts.boards_table` writes this) -->"
PINS_END = "<!-- end of pins -->"
PINS_HEAD = ("| board | timestamp | detection | duty cycle |", "|---|---|---|---|")
HEAD = (
    "| board | QEMU (`--emulate`) | image for the hardware (`--exact`) | PlatformIO (`--port`) | "
    "on hardware |",
    "|---|---|---|---|---|",
)


def table(boards: tuple[Board, ...]) -> str:
    """Write one row per board, by id."""
    return "\n".join((*HEAD, *map(_row, boards)))


def pins_table(boards: tuple[Board, ...]) -> str:
    """Write one row per board whose pins instruments may watch, by id."""
    rows = []
    for board in boards:
        if board.hardware is not None and board.hardware.pins is not None:
            names = (pin.name for pin in board.hardware.pins.named().values())
            rows.append(f"| `{board.id}` | {' | '.join(names)} |")
    return "\n".join((*PINS_HEAD, *rows))


def rewritten(text: str, lines: str, between: tuple[str, str] = (BEGIN, END)) -> str:
    """Replace the table between the two marks; ValueError if they are not there."""
    head, begin, rest = text.partition(between[0])
    _, end, tail = rest.partition(between[1])
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} has no table between {' and '.join(between)}")
    return f"{head}{begin}\n{lines}\n{end}{tail}"


def document(text: str, boards: tuple[Board, ...]) -> str:
    """Replace both tables; ValueError if their marks are not there."""
    pins = rewritten(text, pins_table(boards), (PINS_BEGIN, PINS_END))
    return rewritten(pins, table(boards))


def _row(board: Board) -> str:
    emulator = "-"
    if board.emulator is not None:
        emulator = f"`{board.emulator.machine.partition(',')[0]}`"
    elif board.stand_in is not None:
        emulator = f"stand-in `{board.stand_in}`"
    chip = CHIPS.get(str(board.virtual))
    exact = "-" if chip is None else f"virtual {chip.name}"
    return f"| `{board.id}` | {emulator} | {exact} | {_upload(board)} | {_hardware(board)} |"


def _upload(board: Board) -> str:
    """Say which upload lines are recorded, and whether there is start-up code to flash."""
    if board.platformio is None:
        return "-"
    lines = f"builds; lines of {', '.join(board.platformio.protocols)}"
    return lines if board.bsp is not None else f"{lines}; no start-up code"


def _hardware(board: Board) -> str:
    return "never" if board.platformio is not None else "-"


def main() -> None:
    """Rewrite the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(document(text, all_boards()), encoding="utf-8")


if __name__ == "__main__":
    main()
