# SPDX-License-Identifier: Apache-2.0
"""`mcuforge mlperf`: an MLPerf Tiny benchmark from a model file to its folder of results."""

from __future__ import annotations

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
    report_verdict,
    with_flags,
)
from mcuforge.errors import BoardError, CompileError
from mcuforge.report.mlperf import (
    LEAST_SECONDS,
    MlperfReport,
    broken_rules,
    make_folder,
    print_mlperf,
    transcript,
    write_results,
)
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.compiler.compile import Compiled
    from mcuforge.flow.firmware import Built
    from mcuforge.flow.mlperf import Task
    from mcuforge.flow.session import Session
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
    emulate: Emulate = False
    exact: Exact = False
    port: Port = None
    protocol: Protocol = None
    mode: Annotated[
        Literal["both", "performance", "accuracy"],
        Option(help="performance: five windows of inferences; accuracy: every file once."),
    ] = "both"
    window: Annotated[
        float,
        Option(
            min=0.0,
            metavar="S",
            help="Seconds of the board in a performance window; the rules ask for 10.",
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
        firmware="mlperf",
    )
    connection = way.connection(session, None)
    with stages.stage("compiling and planning"):
        compiled = compile_session(session)
    task = Task.of(compiled.model, request.model.name)
    run = _listened if session.listens else _fed
    report = run(request, Opened(session, compiled, task, connection), stages)
    if request.out is not None:
        write_results(report, request.out)
    return report


@dataclass(frozen=True, eq=False)
class Opened:
    """What a run needs of the model and the board."""

    session: Session
    compiled: Compiled
    task: Task
    connection: Connection | None

    def built(self, folder: Path, stages: Stages) -> Built:
        """Build the firmware."""
        from mcuforge.flow.firmware import build_check

        with stages.stage("building the firmware"):
            protocol = None if self.connection is None else self.connection.protocol
            return build_check(self.session, self.compiled, folder, protocol=protocol)


def _fed(request: Request, opened: Opened, stages: Stages) -> MlperfReport:
    """Run a benchmark whose inputs are sent one by one."""
    from mcuforge.flow.facts import board_facts, model_facts
    from mcuforge.flow.firmware import project_folder
    from mcuforge.flow.mlperf import greet, measure, refuse_one_class, score
    from mcuforge.flow.stimuli import read_stimuli
    from mcuforge.flow.target import open_text

    session, task = opened.session, opened.task
    every = read_stimuli(request.data, task.id, task.wire_bytes)
    stimuli = every[: request.samples]
    if task.metric == "AUC" and request.mode != "performance":
        refuse_one_class([stimulus.label for stimulus in stimuli], str(request.data))
    measured = scored = None
    with project_folder(None) as folder, transcript(request.out) as log:
        built = opened.built(folder, stages)
        with open_text(session, built, stages, opened.connection, log) as link:
            device = greet(link, task)
            if request.mode != "accuracy":
                emulated = session.board.emulated or session.exact
                measured = measure(link, stimuli, request.window, stages, emulated=emulated)
            if request.mode != "performance":
                scored = score(link, task, stimuli, len(every), stages)
            slowest = link.slowest_s
    reasons = []
    if scored is not None and scored.value < scored.aim:
        reasons.append(f"{scored.metric} is {scored.value:.3f}, the rules ask for {scored.aim:.2f}")
    return MlperfReport(
        model=model_facts(session),
        board=board_facts(session),
        verdict="fail" if reasons else "measured" if scored is None else "pass",
        reasons=tuple(reasons),
        benchmark=task.id,
        device=device,
        performance=measured,
        accuracy=scored,
        slowest_answer_s=slowest,
        not_by_rules=tuple(broken_rules(measured, scored)),
    )


def _listened(request: Request, opened: Opened, stages: Stages) -> MlperfReport:
    """Run the benchmark whose audio is played: both modes are one."""
    from mcuforge.flow.facts import board_facts, model_facts
    from mcuforge.flow.firmware import project_folder
    from mcuforge.flow.mlperf import identify
    from mcuforge.flow.target import open_interface
    from mcuforge.flow.wake_words import hear, read_recordings
    from mcuforge.report import wake_words

    session = opened.session
    if not session.board.emulated:
        raise BoardError(
            "an interface board plays the streaming wake word, and mcuforge has a virtual one for "
            "boards that QEMU emulates",
            f"board {session.board.id}",
            "--emulate; or flash the board with `mcuforge deploy --firmware mlperf` and use the "
            "benchmark's own runner and interface board",
        )
    recordings = read_recordings(request.data)
    with project_folder(None) as folder, transcript(request.out) as log:
        built = opened.built(folder, stages)
        with open_interface(session, built, stages, recordings.folder, log) as link:
            device = identify(link, opened.task)
            heard = hear(link, recordings, request.samples, session.board.tick_hz, stages)
            slowest = link.slowest_s
    reasons = () if request.mode == "performance" else tuple(wake_words.reasons(heard))
    return MlperfReport(
        model=model_facts(session),
        board=board_facts(session),
        verdict="fail" if reasons else "measured" if request.mode == "performance" else "pass",
        reasons=reasons,
        benchmark=opened.task.id,
        device=device,
        performance=None,
        accuracy=None,
        slowest_answer_s=slowest,
        not_by_rules=tuple(wake_words.broken_rules(heard)),
        wake_words=heard,
    )


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Run an MLPerf Tiny benchmark as its official runner does, and write its results."""
    report_verdict(MlperfReport, partial(mlperf, request), print_mlperf, json, quiet)
