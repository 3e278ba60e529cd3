# SPDX-License-Identifier: Apache-2.0
"""`mcuforge mlperf`: an MLPerf Tiny benchmark from a model file to its folder of results."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Option

from mcuforge.commands.options import (
    BoardId,
    Emulate,
    Exact,
    Json,
    Model,
    Port,
    Protocol,
    Quiet,
    SignatureName,
    report_verdict,
    with_flags,
)
from mcuforge.errors import BoardError, CompileError
from mcuforge.report.mlperf import (
    LEAST_SECONDS,
    Accuracy,
    Energy,
    MlperfReport,
    Performance,
    broken_rules,
    make_folder,
    print_mlperf,
    transcript,
    write_results,
)
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.boards.link.text import Log
    from mcuforge.compiler.compile import Compiled
    from mcuforge.flow.mlperf import Task
    from mcuforge.flow.session import Session
    from mcuforge.flow.stimuli import Stimulus
    from mcuforge.flow.target import Connection


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge mlperf`."""

    model: Model
    board: BoardId
    data: Annotated[
        Path,
        Option(
            "--data",
            "-d",
            metavar="DIR",
            help="The benchmark's stimuli: y_labels.csv and the files it names, or the folder "
            "above (ic01, kws01, ...); for sww01 .wav files and the .json files that name them.",
        ),
    ]
    _: KW_ONLY
    signature: SignatureName = None
    emulate: Emulate = False
    exact: Exact = False
    port: Port = None
    protocol: Protocol = None
    mode: Annotated[
        Literal["both", "performance", "accuracy", "energy"],
        Option(
            help="performance: five windows of inferences; accuracy: every file once; energy: five "
            "windows between edges of a pin, which instruments watch."
        ),
    ] = "both"
    interface_port: Annotated[
        str | None,
        Option(
            metavar="PORT",
            help="Energy on hardware: the interface board, whose board `deploy --firmware "
            "mlperf-energy` has flashed.",
        ),
    ] = None
    power_port: Annotated[
        str | None,
        Option(metavar="PORT", help="Energy on hardware: the power board, an X-NUCLEO-LPM01A."),
    ] = None
    millivolts: Annotated[
        int,
        Option(
            min=1800, max=3300, metavar="MV", help="What the power board supplies to the board."
        ),
    ] = 3300
    window: Annotated[
        float,
        Option(
            min=0.0,
            metavar="S",
            help="Seconds of the board in a window; the rules ask for 10.",
        ),
    ] = LEAST_SECONDS
    samples: Annotated[
        int | None,
        Option("--samples", "-n", min=1, metavar="N", help="Send only the first N files."),
    ] = None
    out: Annotated[
        Path | None,
        Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Write results.txt, results.json and transcript.txt to this folder.",
        ),
    ] = None


def mlperf(request: Request, stages: Stages) -> MlperfReport:
    """Build, start or flash the board, and run the benchmark of the model's sizes.

    Raises CompileError for a model without a benchmark and for broken stimuli, BoardError when the
    board cannot be reached or answers otherwise than the protocol says.
    """
    from mcuforge.flow.mlperf import Task
    from mcuforge.flow.reach import Way
    from mcuforge.flow.session import compile_session, open_session

    way = Way(request.board, request.emulate, request.exact, request.port, request.protocol)
    way.refuse_contradictions()
    _refuse_wrong_instruments(request)
    if not isfinite(request.window):
        raise CompileError(
            f"a window of {request.window} seconds never ends", "--window", "the rules ask for 10"
        )
    if request.out is not None:
        make_folder(request.out)
    session = open_session(
        request.model,
        request.board,
        emulate=request.emulate,
        exact=request.exact,
        firmware="mlperf-energy" if request.mode == "energy" else "mlperf",
        signature=request.signature,
    )
    if request.mode == "energy":
        _refuse_without_instruments(request, session)
    connection = None if request.mode == "energy" else way.connection(session, None)
    with stages.stage("compiling and planning"):
        compiled = compile_session(session)
    task = Task.of(compiled.model, request.model.name)
    if session.listens:
        report = _listened(request, session, compiled, task, stages)
    else:
        report = _fed(request, session, compiled, connection, task, stages)
    if request.out is not None:
        write_results(report, request.out)
    return report


def _fed(
    request: Request,
    session: Session,
    compiled: Compiled,
    connection: Connection | None,
    task: Task,
    stages: Stages,
) -> MlperfReport:
    """Run a benchmark whose inputs are sent one by one."""
    from mcuforge.flow.facts import board_facts, model_facts
    from mcuforge.flow.mlperf import refuse_one_class
    from mcuforge.flow.stimuli import read_stimuli

    every = read_stimuli(request.data, task.id, task.wire_bytes)
    stimuli = every[: request.samples]
    if task.metric == "AUC" and request.mode in ("both", "accuracy"):
        refuse_one_class([stimulus.label for stimulus in stimuli], str(request.data))
    with transcript(request.out) as log:
        if request.mode == "energy":
            found = _energy(request, session, compiled, task, stimuli, stages, log)
        else:
            of_files = len(every)
            found = _measure(
                request, session, compiled, connection, task, stimuli, of_files, stages, log
            )
    scored = found.accuracy
    reasons = []
    if scored is not None and scored.value < scored.aim:
        reasons.append(f"{scored.metric} is {scored.value:.3f}, the rules ask for {scored.aim:.2f}")
    return MlperfReport(
        model=model_facts(session),
        board=board_facts(session),
        verdict="fail" if reasons else "measured" if scored is None else "pass",
        reasons=tuple(reasons),
        benchmark=task.id,
        device=found.device,
        performance=found.performance,
        accuracy=scored,
        energy=found.energy,
        slowest_answer_s=found.slowest_answer_s,
        not_by_rules=tuple(broken_rules(found.performance, scored, found.energy)),
    )


def _listened(
    request: Request, session: Session, compiled: Compiled, task: Task, stages: Stages
) -> MlperfReport:
    """Run the benchmark whose audio is played: both modes are one."""
    from mcuforge.flow.facts import board_facts, model_facts
    from mcuforge.flow.firmware import build_check, project_folder
    from mcuforge.flow.mlperf import identify
    from mcuforge.flow.target import open_interface
    from mcuforge.flow.wake_words import hear, read_recordings
    from mcuforge.report import wake_words

    if not session.board.emulated:
        raise BoardError(
            "an interface board plays the streaming wake word, and mcuforge has a virtual one for "
            "boards that QEMU emulates",
            f"board {session.board.id}",
            "--emulate; or flash the board with `mcuforge deploy --firmware mlperf` and use the "
            "benchmark's own runner and interface board",
        )
    if request.mode == "energy":
        raise BoardError(
            "the energy of the streaming wake word is not measured yet",
            f"board {session.board.id}, --mode energy",
            "leave --mode out: one run has detections and duty cycle",
        )
    recordings = read_recordings(request.data)
    with project_folder(None) as folder, transcript(request.out) as log:
        with stages.stage("building the firmware"):
            built = build_check(session, compiled, folder)
        with open_interface(session, built, stages, recordings.folder, log) as link:
            device = identify(link, task)
            heard = hear(link, recordings, request.samples, session.board.tick_hz, stages)
            slowest = link.slowest_s
    reasons = () if request.mode == "performance" else tuple(wake_words.reasons(heard))
    return MlperfReport(
        model=model_facts(session),
        board=board_facts(session),
        verdict="fail" if reasons else "measured" if request.mode == "performance" else "pass",
        reasons=reasons,
        benchmark=task.id,
        device=device,
        performance=None,
        accuracy=None,
        slowest_answer_s=slowest,
        not_by_rules=tuple(wake_words.broken_rules(heard)),
        energy=None,
        wake_words=heard,
    )


@dataclass(frozen=True)
class _Found:
    """What the board said."""

    device: str
    slowest_answer_s: float
    performance: Performance | None = None
    accuracy: Accuracy | None = None
    energy: Energy | None = None


def _refuse_wrong_instruments(request: Request) -> None:
    """Raise BoardError for instruments that the mode or the way to the board does not take."""
    ports = {"--interface-port": request.interface_port, "--power-port": request.power_port}
    given = [name for name, port in ports.items() if port is not None]
    missing = [name for name in ports if name not in given]
    where = f"board {request.board}, --mode {request.mode}"
    if given and (request.mode != "energy" or request.emulate or request.exact):
        raise BoardError(
            f"{' and '.join(given)}: instruments of an energy measurement on hardware",
            where,
            "an emulated board has virtual instruments: leave them out"
            if request.emulate or request.exact
            else "add --mode energy, or leave them out",
        )
    if request.mode == "energy" and request.port is not None:
        raise BoardError(
            "--port flashes a board, which takes its power from the power board in this mode",
            where,
            "flash it first: `mcuforge deploy MODEL --board ID --port auto --firmware "
            "mlperf-energy`; then give --interface-port and --power-port",
        )
    if given and missing:
        raise BoardError(
            f"{given[0]} is given, and {missing[0]} is not: both instruments are needed",
            where,
            f"add {missing[0]} PORT",
        )


def _refuse_without_instruments(request: Request, session: Session) -> None:
    """Raise BoardError where nothing would see the edges."""
    if session.board.emulated or session.exact or request.power_port is not None:
        return
    raise BoardError(
        "nothing would see the edges of the timestamp pin: no instruments are given",
        f"board {request.board}, --mode energy",
        "add --interface-port and --power-port; --emulate or --exact runs the dialogue without a "
        "measurement",
    )


def _measure(
    request: Request,
    session: Session,
    compiled: Compiled,
    connection: Connection | None,
    task: Task,
    stimuli: Sequence[Stimulus],
    of_files: int,
    stages: Stages,
    log: Log,
) -> _Found:
    """Build, start or flash the board, and run the modes that the board's own clock serves."""
    from mcuforge.flow.firmware import build_check, project_folder
    from mcuforge.flow.mlperf import greet, measure, score
    from mcuforge.flow.target import open_text

    measured = scored = None
    with project_folder(None) as folder:
        with stages.stage("building the firmware"):
            protocol = None if connection is None else connection.protocol
            built = build_check(session, compiled, folder, protocol=protocol)
        with open_text(session, built, stages, connection, log) as link:
            device = greet(link, task)
            if request.mode != "accuracy":
                emulated = session.board.emulated or session.exact
                measured = measure(link, stimuli, request.window, stages, emulated=emulated)
            if request.mode != "performance":
                scored = score(link, task, stimuli, of_files, stages)
            return _Found(device, link.slowest_s, measured, scored)


def _energy(
    request: Request,
    session: Session,
    compiled: Compiled,
    task: Task,
    stimuli: Sequence[Stimulus],
    stages: Stages,
    log: Log,
) -> _Found:
    """Run the energy mode: on an emulated board, or between the instruments that were named."""
    from mcuforge.flow.energy import measure_energy, open_emulated, open_instruments
    from mcuforge.flow.firmware import build_check, project_folder
    from mcuforge.flow.mlperf import greet

    with ExitStack() as held:
        if request.interface_port is not None and request.power_port is not None:
            opened = open_instruments(
                request.interface_port, request.power_port, request.millivolts, log
            )
        else:
            folder = held.enter_context(project_folder(None))
            with stages.stage("building the firmware"):
                built = build_check(session, compiled, folder)
            opened = open_emulated(session, built, stages, log)
        measured = held.enter_context(opened)
        if measured.millivolts is None and not (session.board.emulated or session.exact):
            raise BoardError(
                "the power board is a virtual one: it measures no hardware",
                f"board {request.board}, --power-port {request.power_port}",
                "leave both ports out and add --emulate, which has its own virtual instruments",
            )
        device = greet(measured.link, task)
        emulated = measured.millivolts is None
        energy = measure_energy(measured, stimuli, request.window, stages, emulated=emulated)
        return _Found(device, measured.link.slowest_s, energy=energy)


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Run an MLPerf Tiny benchmark as its official runner does, and write its results."""
    report_verdict(MlperfReport, partial(mlperf, request), print_mlperf, json, quiet)
