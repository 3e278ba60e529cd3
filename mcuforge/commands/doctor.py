# SPDX-License-Identifier: Apache-2.0
"""`mcuforge doctor`: which tools and serial ports this machine has, and the way to a board."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer import Option

from mcuforge.boards.catalog.board import all_boards, load_board
from mcuforge.commands.options import Json, Port, board_ids
from mcuforge.errors import BoardError
from mcuforge.report.console import open_console, whole_column
from mcuforge.report.files import write_json
from mcuforge.report.model import DoctorReport, InterpreterFacts


def doctor(board: str | None = None, port: str | None = None) -> DoctorReport:
    """Look for every tool, and for the interpreters that judge answers.

    board: look only for what `deploy --port` needs for it, `port` included. Raises BoardError when
    no board has that id.
    """
    from mcuforge.boards.doctor import board_tools, tools
    from mcuforge.boards.ports import AUTO
    from mcuforge.compiler.judges.interpreters import installed
    from mcuforge.compiler.judges.onnx import peer_name

    if port is not None and board is None:
        raise BoardError(
            f"--port {port} is asked for the hello of a board, and no board is given",
            "without --board",
            "add --board ID; without both, doctor lists all serial ports",
        )
    interpreters = installed()
    # without operators of which only a special form differs: uint8, a slope below zero
    differs = [tuple(d.operator for d in i.deviations if d.applies is None) for i in interpreters]
    return DoctorReport(
        tools=tools(all_boards())
        if board is None
        else board_tools(load_board(board), port or AUTO),
        reference=interpreters[0].name if interpreters else None,
        interpreters=tuple(
            InterpreterFacts(one.name, ops) for one, ops in zip(interpreters, differs, strict=True)
        ),
        peer=peer_name(),
    )


def print_doctor(report: DoctorReport, console: Console) -> None:
    """Print one row per tool, then who judges the models of each format."""
    table = Table("", whole_column("tool"), "for", "found", "remedy", box=None)
    for tool in report.tools:
        mark = "[green]ok[/green]" if tool.ok else "[red]missing[/red]"
        words = (tool.name, tool.purpose, tool.found, tool.remedy)
        table.add_row(mark, *(escape(word) for word in words))
    console.print(table)
    for line in judge_lines(report.interpreters):
        console.print(line, highlight=False, soft_wrap=True)
    peer = report.peer or "none: without onnxruntime no ONNX model is judged"
    console.print(f"peer of ONNX models: {peer}", highlight=False)


def judge_lines(interpreters: Sequence[InterpreterFacts]) -> list[str]:
    """Say who judges a TFLite model on this machine, one line per judge."""
    from mcuforge.compiler.judges.interpreters import EXACT

    lines = []
    for interpreter in interpreters:
        differs = ", ".join(interpreter.differs_in)
        but = f", except for models with {differs}" if differs else ""
        lines.append(f"judge of TFLite models: {interpreter.name}{but}")
        if not differs:
            return lines
    models = "all others" if interpreters else "TFLite models"
    lines.append(
        f"judge of {models}: mcuforge's own integer reference, which equals {EXACT} in every "
        "golden case; an interpreter that runs the model is shown beside it"
    )
    return lines


def command(
    board: Annotated[
        str | None,
        Option(
            "--board",
            "-b",
            metavar="ID",
            help="Look for all that `deploy --port` needs for this board.",
            autocompletion=board_ids,
        ),
    ] = None,
    port: Port = None,
    json: Json = None,
) -> None:
    """Say which tools, boards and serial ports this machine has, and what is missing."""
    report = doctor(board, port)
    write_json(report, json)
    print_doctor(report, open_console())
    raise typer.Exit(0 if all(tool.ok for tool in report.tools) else 1)
