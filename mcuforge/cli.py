# SPDX-License-Identifier: Apache-2.0
"""Assembles the command line from the commands, and turns errors into exit codes.

Exit codes: 0 verdict pass; 1 the model, the board or the answers are at fault; 2 usage; 3 our bug.
"""

import os
import signal
import sys
import tempfile
import traceback
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from mcuforge.commands import (
    bench,
    boards,
    check,
    deploy,
    doctor,
    emulate,
    mlperf,
    ops,
    plan,
    quantize,
    search,
)
from mcuforge.commands import compile as compile_
from mcuforge.errors import UserError
from mcuforge.garbage import collect_rarely
from mcuforge.version import VERSION

EXIT_FAULT, EXIT_BUG, EXIT_INTERRUPTED = 1, 3, 130

app = typer.Typer(
    name="mcuforge",
    help="From a neural network file to a verdict from the microcontroller board: "
    "it fits, it runs, its answers match the reference.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mcuforge {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Declare the options of every command; main() reads --debug."""


_COMMANDS = (  # in the order of the help, each with the arguments of an example
    (deploy.command, "deploy kws.tflite --board hifive1 --emulate --data kws.npz"),
    (compile_.command, "compile kws.tflite --board nucleo_l4r5zi --out kws_c"),
    (plan.command, "plan kws.tflite --board hifive1 --html kws.html"),
    (ops.command, "ops model.tflite"),
    (boards.command, "boards disco_f746ng"),
    (doctor.command, "doctor"),
    (check.command, "check out/kws --data kws.npz"),
    (emulate.command, "emulate out/kws"),
    (bench.command, "bench kws.tflite --board qemu-mps2-an386"),
    (mlperf.command, "mlperf kws.tflite --board nucleo_f446re --port auto --data kws01"),
    (quantize.command, "quantize vit.onnx --data train.npz"),
    (search.command, "search --space cnn32 --board nucleo_f446re --data digits"),
)
for _command, _words in _COMMANDS:
    app.command(_words.partition(" ")[0], epilog=f"Example: mcuforge {_words}")(_command)


def _terminated(number: int, frame: object) -> NoReturn:
    """Leave every context, as on Ctrl-C, so that no emulator, process or folder stays behind."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command line and exit with its code."""
    debug = "--debug" in sys.argv[1:]
    _prepare_process()
    collect_rarely()
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
        _tell_bug(error)
        sys.exit(EXIT_BUG)


def _prepare_process() -> None:
    """End cleanly on signals, and print on terminals that lack some letters."""
    for name in ("SIGTERM", "SIGHUP"):  # told to end, or the terminal is gone; nohup stays nohup
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminated)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _tell_bug(error: Exception) -> None:
    """Write the traceback of the exception being handled to a file, and print three lines."""
    descriptor, place = tempfile.mkstemp(".txt", "mcuforge-error-")
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as dump:
        dump.write(f"mcuforge {VERSION}, {' '.join(sys.argv)}\n\n")
        dump.write(traceback.format_exc())
    first = str(error).splitlines()[0] if str(error) else ""
    print(f"error: {type(error).__name__}: {first}", file=sys.stderr)
    print(f"where: this is our fault; the details are in {place}", file=sys.stderr)
    print("try:   send that file with the model, or run `mcuforge --debug ...`", file=sys.stderr)
