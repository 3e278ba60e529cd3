# SPDX-License-Identifier: Apache-2.0
"""Declares the arguments and options that commands share, and opens what they print progress to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_type_hints

import typer
from rich.console import Console
from typer import Argument, Option

from mcuforge.boards.catalog.board import all_boards
from mcuforge.commands.limits import LimitFlags, PlanLimitFlags
from mcuforge.commands.numbers import bytes_of
from mcuforge.report.console import open_console
from mcuforge.report.files import refusals_written, write_json
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.compiler.compile import PlanOptions
    from mcuforge.report.mlperf import MlperfReport
    from mcuforge.report.model import CheckReport, CompileReport, QuantizeReport, Report
    from mcuforge.report.search import SearchReport

R = TypeVar(
    "R", "Report", "CompileReport", "CheckReport", "QuantizeReport", "SearchReport", "MlperfReport"
)


def board_ids(begun: str) -> list[str]:
    """List the ids of boards that begin with `begun`, for a shell that completes them."""
    return [board.id for board in all_boards() if board.id.startswith(begun)]


Model = Annotated[Path, Argument(metavar="MODEL", help="An int8 .tflite or .onnx (QDQ) file.")]
SignatureName = Annotated[
    str | None,
    Option(
        "--signature",
        metavar="NAME",
        help="Which signature (or subgraph) of a .tflite file that has several; without it the "
        "first subgraph's.",
    ),
]
BoardId = Annotated[
    str,
    Option(
        "--board",
        "-b",
        metavar="ID",
        help="Board id; `mcuforge boards` lists them.",
        autocompletion=board_ids,
    ),
]
Emulate = Annotated[
    bool,
    Option(
        "--emulate", help="Run on the board's emulated stand-in, with the budgets of the board."
    ),
]
Exact = Annotated[
    bool,
    Option(
        "--exact",
        help="Run the very image that would be flashed, on a strict virtual chip (needs "
        "mcuforge\\[exact]).",
    ),
]
LineSpeed = Annotated[
    bool,
    Option(
        "--line-speed",
        help="With --exact: bytes cross the serial line at the board's baud rate, and are lost if "
        "the firmware reads too late.",
    ),
]
Port = Annotated[
    str | None,
    Option(
        metavar="auto|PORT",
        help="Flash the board, and check over this serial port; auto finds it by its USB ids.",
    ),
]
Protocol = Annotated[
    str | None,
    Option(metavar="NAME", help="How to flash: stlink, jlink, cmsis-dap, dfu, serial, picotool."),
]
Data = Annotated[
    Path | None,
    Option(
        "--data", "-d", metavar="FILE", help=".npz with x (or x0, x1, ...) and optional labels y."
    ),
]
Out = Annotated[
    Path | None,
    Option(
        "--out", "-o", metavar="DIR", help="Keep the generated PlatformIO project in this folder."
    ),
]
Json = Annotated[
    Path | None,
    Option(metavar="FILE", help="Write the report as one JSON object to this file too."),
]
Samples = Annotated[
    int | None,
    Option(
        "--samples",
        "-n",
        min=1,
        metavar="N",
        help="Samples to run; without it all of --data, or 32 random ones (fewer where an "
        "inference has over 125 million MACs).",
    ),
]
CheckpointFile = Annotated[
    Path | None,
    Option(
        "--checkpoint",
        metavar="FILE",
        help="Keep the answers in this file while samples run, and go on from it after the "
        "board or this program was away.",
    ),
]
DumpPasses = Annotated[
    Path | None,
    Option(
        metavar="DIR", help="Write the graph after each pass, and the schedule, to this folder."
    ),
]


@dataclass(frozen=True)
class PlanFlags:
    """The flags of every command that plans memory: one field, one flag."""

    optimize: Annotated[
        Literal["balanced", "ram", "speed"],
        Option(
            help="balanced: least RAM within 10 % of the fastest plan's instructions; ram: least "
            "RAM; speed: fewest instructions that fit."
        ),
    ] = "balanced"
    ram_budget: Annotated[
        int | None,
        Option(
            metavar="BYTES",
            parser=bytes_of,
            help="RAM the arena may take: 5500, 64K; without it all of the board's.",
        ),
    ] = None
    input_mode: Annotated[
        Literal["resident", "streamed"],
        Option(
            "--input",
            help="resident: the whole input lies in RAM; streamed: the model asks for its rows.",
        ),
    ] = "resident"
    weights: Annotated[
        Literal["auto", "internal", "external"],
        Option(
            help="auto: external flash only for what does not fit the internal one; internal: all "
            "on the chip; external: all in external flash."
        ),
    ] = "auto"
    arena: Annotated[
        Literal["internal", "auto", "external"],
        Option(
            help="internal: buffers lie in RAM on the chip; auto: also in RAM beside it if that is "
            "needed; external: all beside it."
        ),
    ] = "internal"

    def record(self) -> PlanOptions:
        """The options as the compiler takes them."""
        from mcuforge.compiler.compile import PlanOptions

        return PlanOptions(
            goal=self.optimize,
            ram_budget=self.ram_budget,
            streamed=self.input_mode == "streamed",
            weights=self.weights,
            arena=self.arena,
        )


# field of a request -> the record of its flags
GROUPS = {"options": PlanFlags, "limits": LimitFlags, "plan_limits": PlanLimitFlags}
# the types of such fields, which are imported for types alone
FIELD_TYPES = {"PlanOptions": PlanFlags, "Limits": LimitFlags, "PlanLimits": PlanLimitFlags}


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one flag per field of each record (a dataclass) among its parameters.

    Typer reads a command's flags from its signature, so the returned function has one parameter
    per field. A field that GROUPS names, such as `options: PlanOptions | None`, has the flags of
    its record there.
    """
    parameters: list[Parameter] = []
    records: dict[str, type] = {}
    for parameter in signature(command, eval_str=True).parameters.values():
        kind = parameter.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            records[parameter.name] = kind
            parameters += _flags(kind)
        else:
            parameters.append(parameter)

    @wraps(command)
    def flat(**given: Any) -> None:
        filled = {name: _filled(record, given) for name, record in records.items()}
        command(**filled, **given)

    flat.__annotations__ = {p.name: p.annotation for p in parameters}
    flat.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return flat


def _flags(record: type) -> Iterator[Parameter]:
    types = get_type_hints(record, localns=FIELD_TYPES, include_extras=True)
    for f in fields(record):
        if f.name in GROUPS:
            yield from _flags(GROUPS[f.name])
        else:
            default = Parameter.empty if f.default is MISSING else f.default
            yield Parameter(
                f.name, Parameter.KEYWORD_ONLY, default=default, annotation=types[f.name]
            )


def _filled(record: type, given: dict[str, object]) -> Any:
    """Make the record of its flags' values, which are taken out of `given`."""
    values = {
        f.name: _filled(GROUPS[f.name], given).record() if f.name in GROUPS else given.pop(f.name)
        for f in fields(record)
    }
    return record(**values)


Poison = Annotated[
    bool,
    Option(
        "--poison", help="Overwrite dead bytes of RAM between steps: the answers must not change."
    ),
]
Cycles = Annotated[
    bool,
    Option(
        "--cycles",
        help="Estimate cycles too, from executed instructions and documented timings: Cortex-M4, "
        "M7.",
    ),
]
Quiet = Annotated[bool, Option("--quiet", "-q", help="Print only the report, no progress.")]


def progress(quiet: bool) -> Stages:
    """Announces stages on stderr, unless `quiet`."""
    return Stages(open_console(stderr=True), quiet)


def report_verdict(
    kind: type[R],
    run: Callable[[Stages], R],
    show: Callable[[R, Console], None],
    json: Path | None,
    quiet: bool,
) -> None:
    """Run a command that ends in a verdict, show and write its report; a "fail" exits with 1."""
    with refusals_written(kind, json):
        report = run(progress(quiet))
    show(report, open_console())
    write_json(report, json)
    raise typer.Exit(1 if report.verdict == "fail" else 0)
