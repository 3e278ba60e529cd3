# SPDX-License-Identifier: Apache-2.0
"""`mcuforge emulate`: an emulated board that keeps running, for a program that wants a port."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from mcuforge.commands.options import Json, Quiet, SignatureName, board_ids, progress, with_flags
from mcuforge.errors import BoardError, CompileError
from mcuforge.report.console import open_console
from mcuforge.report.files import refuse_unwritable, write_json
from mcuforge.report.model import EmulatedBoard, Firmware
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.flow.session import Session

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge emulate`."""

    target: Annotated[
        Path,
        Argument(
            metavar="PROJECT_OR_MODEL",
            help="What `deploy --out` left, or its ELF file; or a model, with --board.",
        ),
    ]
    _: KW_ONLY
    board: Annotated[
        str | None,
        Option(
            "--board",
            "-b",
            metavar="ID",
            help="The board to build a model for; a project remembers its own.",
            autocompletion=board_ids,
        ),
    ] = None
    signature: SignatureName = None
    firmware: Annotated[
        Firmware | None,
        Option(
            help="Of a model: `mlperf-energy` runs with a virtual interface board and a virtual "
            "power board around it. A project remembers its own.",
        ),
    ] = None
    link: Annotated[
        Path | None,
        Option(
            metavar="PATH",
            help="Link to the port while the board runs (symbolic), and PATH-power to that of a "
            "virtual power board; nothing is overwritten.",
        ),
    ] = None
    sounds: Annotated[
        Path | None,
        Option(
            metavar="DIR",
            help="Of firmware that listens: the folder of .wav files that the virtual interface "
            "board plays.",
        ),
    ] = None
    seconds: Annotated[
        float | None,
        Option(
            min=0.0, metavar="S", help="End so many seconds after the start; without it at Ctrl-C."
        ),
    ] = None


def emulate(
    request: Request, stages: Stages, running: Callable[[EmulatedBoard], None]
) -> EmulatedBoard:
    """Run firmware on the board's emulator until the time is up; returns what ran.

    running: called once the board runs. Ends early with KeyboardInterrupt, as Ctrl-C raises it.
    Raises CompileError or BoardError when the firmware cannot be built or started, and BoardError
    when the emulator ends by itself.
    """
    with contextlib.ExitStack() as held:
        told, failed = held.enter_context(_started(request, stages))
        held.enter_context(_linked(request.link, told.port))
        if request.link is not None and told.power_port is not None:
            power = request.link.with_name(f"{request.link.name}-power")
            held.enter_context(_linked(power, told.power_port))
        running(told)
        end = None if request.seconds is None else time.monotonic() + request.seconds
        while end is None or time.monotonic() < end:
            if failed():
                raise BoardError(
                    "the emulator has ended by itself",
                    f"board {told.board}, port {told.port}",
                    "start it again; the machine may be out of memory",
                )
            time.sleep(POLL_SECONDS)
    return told


@contextmanager
def _started(
    request: Request, stages: Stages
) -> Iterator[tuple[EmulatedBoard, Callable[[], bool]]]:
    """Build the model, if it is one, and start the firmware; the function tells if it has ended."""
    from mcuforge.boards.emulator import qemu
    from mcuforge.boards.instruments.bench import INTERFACE_BAUD
    from mcuforge.boards.instruments.power_board import NOT_MEASURED
    from mcuforge.flow.bench import instruments_around
    from mcuforge.flow.firmware import build_check, project_folder
    from mcuforge.flow.project import project_session
    from mcuforge.flow.session import compile_session, open_session

    with contextlib.ExitStack() as held:
        if request.target.suffix in (".tflite", ".onnx"):
            if request.board is None:
                raise BoardError(
                    f"'{request.target}' is a model, and no board is given to build it for",
                    str(request.target),
                    "add --board ID; `mcuforge boards` lists them",
                )
            firmware = request.firmware or "check"
            session = open_session(
                request.target,
                request.board,
                emulate=True,
                firmware=firmware,
                signature=request.signature,
            )
            _refuse_sounds(request, session)
            with stages.stage("compiling and planning"):
                compiled = compile_session(session)
            folder = held.enter_context(project_folder(None))
            with stages.stage("building the firmware"):
                elf = build_check(session, compiled, folder).firmware.elf
            name = request.target.name
        else:
            session, elf, name = project_session(request.target, None, request.board)
            if request.firmware not in (None, session.firmware):
                raise BoardError(
                    f"the project has the firmware '{session.firmware}', --firmware says "
                    f"'{request.firmware}'",
                    str(request.target),
                    "leave --firmware out: a project remembers its own",
                )
            _refuse_sounds(request, session)
        with stages.stage("starting the emulator"):
            emulator = held.enter_context(qemu.start(session.board, elf))
        if not (session.energy or session.listens):
            told = EmulatedBoard(session.board.id, name, emulator.port, session.board.baud)
            yield told, lambda: emulator.ended
            return
        bench = held.enter_context(instruments_around(session.board, emulator, request.sounds))
        told = EmulatedBoard(
            *(session.board.id, name, bench.interface_port, INTERFACE_BAUD),
            power_port=bench.power_port,
            energy=NOT_MEASURED,
        )
        yield told, lambda: emulator.ended or bench.failure is not None


def _refuse_sounds(request: Request, session: Session) -> None:
    """Raise an error for sounds that cannot be played: to this firmware, or because none is there.

    BoardError for the firmware, CompileError for the folder.
    """
    if request.sounds is None:
        return
    if not session.listens:
        raise BoardError(
            f"the firmware '{session.firmware}' of this model does not listen",
            f"--sounds {request.sounds}",
            "leave --sounds out, or deploy the streaming wake word with --firmware mlperf",
        )
    if not any(request.sounds.glob("*.wav")):
        raise CompileError(
            "no .wav file is there",
            f"--sounds {request.sounds}",
            "name the folder of recordings, such as the benchmark's sww_data_dir",
        )


@contextmanager
def _linked(link: Path | None, port: str) -> Iterator[None]:
    """Keep a symbolic link to the port; BoardError where it cannot be made.

    Only a link that leads nowhere is replaced: a killed run left it behind.
    """
    if link is None:
        yield
        return
    try:
        if link.is_symlink() and not link.exists():
            link.unlink()
        link.symlink_to(port)
    except OSError as error:
        raise BoardError(
            f"the link cannot be made: {error.strerror or error}",
            str(link),
            "name a path with --link where there is no file yet",
        ) from error
    try:
        yield
    finally:
        if link.is_symlink() and str(link.readlink()) == port:
            link.unlink()


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Keep an emulated board running, and print the port for another program to open."""

    def tell(board: EmulatedBoard) -> None:
        write_json(board, json)
        console = open_console()
        console.print(f"board:    {board.board}, emulated, with the firmware of {board.model}")
        if board.power_port is None:
            console.print(f"port:     {request.link or board.port}, {board.baud} baud")
        else:
            power = board.power_port if request.link is None else f"{request.link}-power"
            console.print(f"port:     {request.link or board.port}, a virtual interface board")
            console.print(f"power:    {power}, a virtual power board: {board.energy}")
        if request.seconds is None:
            console.print("Ctrl-C ends it")

    refuse_unwritable(json)
    with contextlib.suppress(KeyboardInterrupt):
        emulate(request, progress(quiet), tell)
