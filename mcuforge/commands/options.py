# SPDX-License-Identifier: Apache-2.0
"""The arguments and options that commands share, with the help they have everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


def board_ids(begun: str) -> list[str]:
    """Boards whose id begins so, for a shell that completes it."""
    from mcuforge.boards.catalog.board import all_boards

    return [board.id for board in all_boards() if board.id.startswith(begun)]


Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="An int8 .tflite or .onnx (QDQ) file.")
]
BoardId = Annotated[
    str,
    typer.Option(
        "--board",
        "-b",
        metavar="ID",
        help="Board id; `mcuforge boards` lists them.",
        autocompletion=board_ids,
    ),
]
Emulate = Annotated[
    bool, typer.Option("--emulate", help="Run on the board's emulated stand-in, its budgets kept.")
]
Port = Annotated[
    str | None,
    typer.Option(
        metavar="PORT", help="Serial port of the board: /dev/ttyACM0, COM3, socket://host:port."
    ),
]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", "-d", metavar="FILE", help=".npz with x (or x0, x1, ...) and optional labels y."
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="DIR", help="Keep the generated PlatformIO project in this folder."
    ),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json", metavar="FILE", help="Write the report as one JSON object to this file too."
    ),
]
Samples = Annotated[
    int | None,
    typer.Option(
        "--samples",
        "-n",
        min=1,
        metavar="N",
        help="Samples to run; without it all of --data, or 32 random ones (fewer where an "
        "inference has over 125 million MACs).",
    ),
]
DumpPasses = Annotated[
    Path | None,
    typer.Option(
        "--dump-passes", metavar="DIR", help="Write the graph after each pass to this folder."
    ),
]


class Goal(StrEnum):
    """What a plan is to be good at."""

    balanced = "balanced"
    ram = "ram"
    speed = "speed"


class InputMode(StrEnum):
    """How inputs reach the model."""

    resident = "resident"
    streamed = "streamed"


class WeightsIn(StrEnum):
    """Which flash constants lie in."""

    auto = "auto"
    internal = "internal"
    external = "external"


def _bytes(text: str) -> int:
    """'5500', '64K' or '64KiB' as bytes."""
    digits = text.strip().lower()
    unit = 1
    for suffix, size in (("kib", 1024), ("kb", 1024), ("k", 1024), ("b", 1)):
        if digits.endswith(suffix):
            digits, unit = digits.removesuffix(suffix).strip(), size
            break
    if not digits.isdecimal() or int(digits) * unit < 1:
        raise typer.BadParameter(f"'{text}' is no number of bytes; wanted 5500, 64K or 64KiB")
    return int(digits) * unit


Optimize = Annotated[
    Goal,
    typer.Option(
        "--optimize",
        help="balanced: least RAM within 10 % of the fastest plan's instructions; ram: least RAM; "
        "speed: fewest instructions that fit.",
    ),
]
RamBudget = Annotated[
    int | None,
    typer.Option(
        "--ram-budget",
        metavar="BYTES",
        parser=_bytes,
        help="RAM the arena may take: 5500, 64K; without it all of the board's.",
    ),
]
Input = Annotated[
    InputMode,
    typer.Option(
        "--input",
        help="resident: the whole input lies in RAM; streamed: the model asks for its rows.",
    ),
]
Weights = Annotated[
    WeightsIn,
    typer.Option(
        "--weights",
        help="auto: in an external flash only what the internal one does not hold; internal: all "
        "in the chip's; external: all beside it.",
    ),
]
Poison = Annotated[
    bool,
    typer.Option(
        "--poison",
        help="Overwrite all that is dead between steps: the answers must not change.",
    ),
]
Cycles = Annotated[
    bool,
    typer.Option(
        "--cycles",
        help="Estimate cycles too, from what is executed and documented timings: Cortex-M4, M7.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the report.")]
