# SPDX-License-Identifier: Apache-2.0
"""`mcuforge mlperf`: an MLPerf Tiny benchmark from a model file to its folder of results."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Annotated, Literal

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
from mcuforge.errors import CompileError
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
            "above (ic01, kws01, ...).",
        ),
    ]
    _: KW_ONLY
    signature: SignatureName = None
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
    from mcuforge.flow.facts import board_facts, model_facts
    from mcuforge.flow.firmware import build_check, project_folder
    from mcuforge.flow.mlperf import Task, greet, measure, refuse_one_class, score
    from mcuforge.flow.reach import Way
    from mcuforge.flow.session import compile_session, open_session
    from mcuforge.flow.stimuli import read_stimuli
    from mcuforge.flow.target import open_text

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
        signature=request.signature,
    )
    connection = way.connection(session, None)
    with stages.stage("compiling and planning"):
        compiled = compile_session(session)
    task = Task.of(compiled.model, request.model.name)
    every = read_stimuli(request.data, task.id, task.wire_bytes)
    stimuli = every[: request.samples]
    if task.metric == "AUC" and request.mode != "performance":
        refuse_one_class([stimulus.label for stimulus in stimuli], str(request.data))
    measured = scored = None
    with project_folder(None) as folder, transcript(request.out) as log:
        with stages.stage("building the firmware"):
            protocol = None if connection is None else connection.protocol
            built = build_check(session, compiled, folder, protocol=protocol)
        with open_text(session, built, stages, connection, log) as link:
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
    report = MlperfReport(
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
    if request.out is not None:
        write_results(report, request.out)
    return report


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Run an MLPerf Tiny benchmark as its official runner does, and write its results."""
    report_verdict(MlperfReport, partial(mlperf, request), print_mlperf, json, quiet)
