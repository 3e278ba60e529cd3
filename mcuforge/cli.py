# SPDX-License-Identifier: Apache-2.0
"""The command line: arguments in, a call, a table out. No logic lives here.

Exit codes: 0 verdict pass; 1 the model, the board or the answers are at fault; 2 usage; 3 our bug.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import traceback
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

import mcuforge
from mcuforge.commands.options import (
    BoardId,
    Cycles,
    Data,
    DumpPasses,
    Emulate,
    Goal,
    Input,
    InputMode,
    Json,
    Model,
    Optimize,
    Out,
    Poison,
    Port,
    Quiet,
    RamBudget,
    Samples,
    Weights,
    WeightsIn,
    board_ids,
)
from mcuforge.errors import UserError
from mcuforge.report.console import open_console

if TYPE_CHECKING:
    from mcuforge.compiler.compile import PlanOptions
    from mcuforge.report.progress import Stages

EXIT_PASS, EXIT_FAULT, EXIT_BUG, EXIT_INTERRUPTED = 0, 1, 3, 130

app = typer.Typer(
    name="mcuforge",
    help="From a neural network file to a verdict from the microcontroller board: "
    "it fits, it runs, its answers are the reference's.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mcuforge {mcuforge.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command; --debug is read by main()."""


@app.command(epilog="Example: mcuforge deploy kws.tflite --board hifive1 --emulate --data kws.npz")
def deploy(
    model: Model,
    board: BoardId,
    emulate: Emulate = False,
    port: Port = None,
    data: Data = None,
    samples: Samples = None,
    optimize: Optimize = Goal.balanced,
    ram_budget: RamBudget = None,
    input_mode: Input = InputMode.resident,
    weights: Weights = WeightsIn.auto,
    poison: Poison = False,
    out: Out = None,
    json: Json = None,
    dump_passes: DumpPasses = None,
    quiet: Quiet = False,
) -> None:
    """Compile, build, flash (or emulate), run, compare, report; exit 0 only when all is well."""
    from mcuforge.commands.deploy import Request
    from mcuforge.commands.deploy import deploy as run
    from mcuforge.report.files import refusals_written, refuse_unwritable, write_json
    from mcuforge.report.model import Report
    from mcuforge.report.text import print_report

    if emulate and port is not None:
        raise typer.BadParameter("--emulate and --port exclude each other: give one of them")
    refuse_unwritable(json)
    options = _options_of_plan(optimize, ram_budget, input_mode, weights)
    request = Request(model, board, emulate, port, data, samples, out, dump_passes, options, poison)
    with refusals_written(Report, json):
        report = run(request, _progress(quiet))
    print_report(report, open_console())
    write_json(report, json)
    raise typer.Exit(EXIT_PASS if report.verdict == "pass" else EXIT_FAULT)


@app.command(
    name="compile", epilog="Example: mcuforge compile kws.tflite --board nucleo_l4r5zi --out kws_c"
)
def compile_(
    model: Model,
    board: BoardId,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder to write.")],
    optimize: Optimize = Goal.balanced,
    ram_budget: RamBudget = None,
    input_mode: Input = InputMode.resident,
    weights: Weights = WeightsIn.auto,
    dump_passes: DumpPasses = None,
) -> None:
    """Write the model as C with a main.c that shows its use, to put into your own firmware."""
    from mcuforge.commands import inspect

    options = _options_of_plan(optimize, ram_budget, input_mode, weights)
    inspect.compile_to_folder(model, board, out, options, dump_passes, open_console())


@app.command(epilog="Example: mcuforge plan kws.tflite --board hifive1 --html kws.html")
def plan(
    model: Model,
    board: BoardId,
    optimize: Optimize = Goal.balanced,
    ram_budget: RamBudget = None,
    input_mode: Input = InputMode.resident,
    weights: Weights = WeightsIn.auto,
    svg: Annotated[
        Path | None,
        typer.Option(
            "--svg", metavar="FILE", help="Draw the plan, time against address, for a document."
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="The same as a page: zoom, filter, table."),
    ] = None,
    json: Json = None,
) -> None:
    """Show where every byte of RAM goes, without building anything."""
    from mcuforge.commands import inspect

    options = _options_of_plan(optimize, ram_budget, input_mode, weights)
    files = {"svg_file": svg, "html_file": html}
    raise typer.Exit(inspect.plan(model, board, options, json, open_console(), **files))


@app.command(epilog="Example: mcuforge ops model.tflite")
def ops(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL", help="A .tflite or .onnx file to check; none: the whole table."
        ),
    ] = None,
    json: Json = None,
) -> None:
    """List the operators mcuforge takes; with MODEL, every one it does not take and why."""
    from mcuforge.commands import ops as operators

    raise typer.Exit(operators.ops(model, json, open_console()))


@app.command(epilog="Example: mcuforge boards disco_f746ng")
def boards(
    board: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="One board in full.", autocompletion=board_ids),
    ] = None,
    json: Json = None,
) -> None:
    """List the boards mcuforge knows, or show one."""
    from mcuforge.commands import inspect

    inspect.boards(board, json, open_console())


@app.command(epilog="Example: mcuforge doctor")
def doctor(json: Json = None) -> None:
    """Say which tools, boards and serial ports this machine has, and what is missing."""
    from mcuforge.commands import inspect

    raise typer.Exit(inspect.doctor(json, open_console()))


@app.command(epilog="Example: mcuforge check out/kws --data kws.npz")
def check(
    target: Annotated[
        str,
        typer.Argument(
            metavar="ELF_OR_PORT", help="A built firmware (or its project), or a serial port."
        ),
    ],
    data: Annotated[
        Path, typer.Option("--data", "-d", metavar="FILE", help=".npz with x and optional y.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", metavar="MODEL", help="The model on the board; a project remembers its own."
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(
            "--board",
            "-b",
            metavar="ID",
            help="The board at a port; a project remembers its own.",
            autocompletion=board_ids,
        ),
    ] = None,
    samples: Samples = None,
    poison: Poison = False,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Run only the on-board check, for firmware that is built or flashed already."""
    from mcuforge.commands import check as flow
    from mcuforge.report.files import refusals_written, refuse_unwritable, write_json
    from mcuforge.report.text import print_check

    refuse_unwritable(json)
    request = flow.Request(target, data, model, board, samples, poison)
    with refusals_written(flow.CheckReport, json):
        report = flow.check(request, _progress(quiet))
    print_check(report, open_console())
    write_json(report, json)
    raise typer.Exit(EXIT_PASS if report.verdict == "pass" else EXIT_FAULT)


@app.command(epilog="Example: mcuforge bench kws.tflite --board qemu-mps2-an386")
def bench(
    model: Model,
    board: BoardId,
    optimize: Optimize = Goal.balanced,
    ram_budget: RamBudget = None,
    input_mode: Input = InputMode.resident,
    weights: Weights = WeightsIn.auto,
    cycles: Cycles = False,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Count the instructions of every layer on the emulated board."""
    from mcuforge.commands import bench as flow
    from mcuforge.report.cycles import print_cycles
    from mcuforge.report.files import refuse_unwritable, write_json
    from mcuforge.report.text import print_bench

    refuse_unwritable(json)
    options = _options_of_plan(optimize, ram_budget, input_mode, weights)
    report = flow.bench(model, board, _progress(quiet), options, cycles=cycles)
    print_bench(report, open_console())
    if report.estimated_cycles is not None:
        print_cycles(report.estimated_cycles, report.layers, open_console())
    write_json(report, json)


@app.command(epilog="Example: mcuforge quantize vit.onnx --data train.npz")
def quantize(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A float32 .onnx file.")],
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            "-d",
            metavar="FILE",
            help=".npz with float32 x in the model's own layout, and optional labels y.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="The int8 file; MODEL_int8.onnx without it."
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(
            "--samples",
            "-n",
            min=1,
            metavar="N",
            help="Samples to calibrate on, evenly from all of --data; 200 without it.",
        ),
    ] = None,
    asymmetric: Annotated[
        bool, typer.Option("--asymmetric", help="Activations with zero points of their own.")
    ] = False,
    per_channel: Annotated[
        bool,
        typer.Option("--per-channel/--per-tensor", help="Weights with a scale a channel, or one."),
    ] = True,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Quantise a float ONNX model to int8 with onnxruntime, and say what it costs in accuracy."""
    from mcuforge.commands import quantize as flow
    from mcuforge.compiler.builders.onnx_quantizer import Options
    from mcuforge.report.files import refusals_written, refuse_unwritable, write_json
    from mcuforge.report.text import print_quantize

    refuse_unwritable(json)
    request = flow.Request(model, data, out, samples, Options(asymmetric, per_channel))
    with refusals_written(flow.QuantizeReport, json):
        report = flow.quantize(request, _progress(quiet))
    print_quantize(report, open_console())
    write_json(report, json)
    raise typer.Exit(EXIT_PASS if report.verdict == "pass" else EXIT_FAULT)


def _options_of_plan(
    goal: Goal, ram_budget: int | None, mode: InputMode, weights: WeightsIn
) -> PlanOptions:
    from mcuforge.compiler.compile import PlanOptions

    return PlanOptions(goal.value, ram_budget, mode is InputMode.streamed, weights.value)


def _progress(quiet: bool) -> Stages:
    from mcuforge.report.progress import Stages

    return Stages(open_console(stderr=True), quiet)


def _terminated(number: int, frame: object) -> NoReturn:
    """Leave every context, as on Ctrl-C: no emulator, process or folder stays behind."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command line; turns errors into the contract's exit codes."""
    debug = "--debug" in sys.argv[1:]
    for name in ("SIGTERM", "SIGHUP"):  # told to end, or the terminal is gone; nohup stays nohup
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without the letters of a name
    try:
        app()
    except UserError as error:
        if debug:
            raise
        print(error, file=sys.stderr)
        sys.exit(EXIT_FAULT)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        if debug:
            raise
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="mcuforge-error-",
            suffix=".txt",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as dump:
            dump.write(f"mcuforge {mcuforge.__version__}, {' '.join(sys.argv)}\n\n")
            dump.write(traceback.format_exc())
        first = str(error).splitlines()[0] if str(error) else ""
        print(f"error: {type(error).__name__}: {first}", file=sys.stderr)
        print(f"where: this is our fault; the details are in {dump.name}", file=sys.stderr)
        print(
            "try:   send that file with the model, or run `mcuforge --debug ...`", file=sys.stderr
        )
        sys.exit(EXIT_BUG)
