# SPDX-License-Identifier: Apache-2.0
"""`mcuforge boards`: the catalog as a table, or one board in full."""

from typing import Annotated

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from typer import Argument

from mcuforge.boards.catalog.board import Board, all_boards, load_board
from mcuforge.commands.options import Json, board_ids
from mcuforge.report.console import open_console, whole_column
from mcuforge.report.files import write_json
from mcuforge.report.model import BoardList


def print_boards(found: BoardList, console: Console) -> None:
    """Print one row per board."""
    columns = (
        whole_column("id"),
        Column("name", overflow="fold"),
        whole_column("cpu"),
        *("RAM KiB", "flash KiB", "also"),
        whole_column("runs"),
    )
    table = Table(*columns, box=None)
    for board in found.boards:
        table.add_row(
            board.id,
            escape(board.name),
            board.cpu,
            f"{board.ram_bytes // 1024}",
            f"{board.flash_bytes // 1024}",
            ", ".join(f"{name} {size // 1024}" for name, size in _further(board)),
            ", ".join(_ways(board)),
        )
    console.print(table)


def _further(board: Board) -> list[tuple[str, int]]:
    """List name and bytes of the memories behind a gap, which hold only arenas and weights."""
    groups = (*board.groups("ram")[1:], *board.groups("flash")[1:])
    return [(memory.name, memory.bytes) for group in groups for memory in group]


def _ways(board: Board) -> list[str]:
    """List how firmware for the board runs: on an emulator, a virtual chip, hardware."""
    ways = ["emulated"] if board.emulator is not None else []
    if board.stand_in is not None:
        ways.append("--emulate")
    if board.virtual is not None:
        ways.append("--exact")
    if board.platformio is not None and board.bsp is not None:
        ways.append("--port")
    return ways


def _ways_in_words(board: Board) -> str:
    """Write the ways to run firmware, and what stands in for the board or its chip."""
    behind = {"--emulate": board.stand_in, "--exact": f"virtual {board.virtual}"}
    return ", ".join(f"{way} ({behind[way]})" if way in behind else way for way in _ways(board))


def print_board(board: Board, console: Console) -> None:
    """Print everything the catalog says about one board."""
    for line in (
        f"{board.id}: {board.name}",
        f"{board.cpu} at {board.clock_hz / 1e6:g} MHz, kernels {board.isa}",
        f"runs: {_ways_in_words(board)}",
        f"budget of the image: RAM {board.ram_bytes:,} bytes, flash {board.flash_bytes:,} bytes",
        *(
            f"  {m.name}: {m.kind} at 0x{m.origin:08x}, {m.bytes:,} bytes, speed {m.speed}"
            f"{', external' if m.external else ''}"
            for m in board.memory
        ),
        f"compiler: {board.toolchain.prefix}gcc {' '.join(board.toolchain.flags)}",
        f"source: {board.source}",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def command(
    board: Annotated[
        str | None, Argument(metavar="ID", help="One board in full.", autocompletion=board_ids)
    ] = None,
    json: Json = None,
) -> None:
    """List the boards mcuforge knows, or show one."""
    found = BoardList(all_boards() if board is None else (load_board(board),))
    write_json(found, json)
    if board is None:
        print_boards(found, open_console())
    else:
        print_board(found.boards[0], open_console())
