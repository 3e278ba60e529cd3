# SPDX-License-Identifier: Apache-2.0
"""`mcuforge deploy`: read, compile, plan, build, flash or emulate, run, compare, report."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from mcuforge.commands.options import (
    BoardId,
    CheckpointFile,
    Data,
    DumpPasses,
    Emulate,
    Exact,
    Json,
    LineSpeed,
    Model,
    Out,
    Poison,
    Port,
    Protocol,
    Quiet,
    Samples,
    SignatureName,
    progress,
    report_verdict,
    with_flags,
)
from mcuforge.errors import UserError
from mcuforge.report.model import Firmware, Report
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.compiler.compile import PlanOptions
    from mcuforge.flow.gate import Gate, Limits
    from mcuforge.flow.reach import Way
    from mcuforge.flow.session import Session
    from mcuforge.flow.target import Connection


@dataclass(frozen=True)
class Request:
    """What to deploy, where and how; the fields are the arguments of `mcuforge deploy`."""

    model: Model
    board: BoardId
    _: KW_ONLY
    signature: SignatureName = None
    emulate: Emulate = False
    exact: Exact = False
    line_speed: LineSpeed = False
    port: Port = None
    protocol: Protocol = None
    data: Data = None
    samples: Samples = None
    options: PlanOptions | None = None
    limits: Limits | None = None
    poison: Poison = False
    checkpoint: CheckpointFile = None
    firmware: Annotated[
        Firmware,
        Option(
            help="mlperf: only for a model and a board that the MLPerf Tiny runner can use; "
            "mlperf-energy: the same for its energy mode, 9600 baud and timestamps on a pin.",
        ),
    ] = "check"
    out: Out = None
    dump_passes: DumpPasses = None

    def way(self) -> Way:
        """How the board is to be reached."""
        from mcuforge.flow.reach import Way

        return Way(self.board, self.emulate, self.exact, self.port, self.protocol, self.line_speed)


def deploy(request: Request, stages: Stages | None = None) -> Report:
    """Take a model file to a verdict from the board.

    stages: announces progress; None is silent. Raises CompileError or BoardError when no verdict is
    possible.
    """
    from mcuforge.flow.gate import Gate, Limits
    from mcuforge.flow.session import open_session

    way = request.way()
    way.refuse_contradictions()
    gate = Gate.open(request.limits or Limits(), way, request.model, request.data)
    session = open_session(
        request.model,
        request.board,
        emulate=request.emulate,
        exact=request.exact,
        signature=request.signature,
        firmware=request.firmware,
    )
    connection = way.connection(session, request.options)
    quiet = progress(quiet=True)
    report = deploy_session(session, request, stages or quiet, connection, gate)
    return gate.judged(report)


def deploy_session(
    session: Session,
    request: Request,
    stages: Stages,
    connection: Connection | None = None,
    gate: Gate | None = None,
) -> Report:
    """Deploy a model and a board that are open already; the board may be outside the catalog.

    gate: is asked whether it admits the samples; the report's limits are not looked at.
    """
    from mcuforge.flow.checkpoint import Checkpoint
    from mcuforge.flow.deployment import deploy_to

    return deploy_to(
        session,
        stages,
        data=request.data,
        samples=request.samples,
        options=request.options,
        poison=request.poison,
        checkpoint=None if request.checkpoint is None else Checkpoint(request.checkpoint),
        out=request.out,
        dump_passes=request.dump_passes,
        connection=connection,
        line_speed=request.line_speed,
        admit=None if gate is None else gate.admit,
    )


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Compile, build, flash (or emulate), run, compare, report; exit 0 only on a pass."""
    from mcuforge.report.text import print_report

    _refuse_wrong_usage(request, json)
    report_verdict(Report, partial(deploy, request), print_report, json, quiet)


def _refuse_wrong_usage(request: Request, json: Path | None) -> None:
    """Raise BadParameter for flags that exclude each other, whatever the model and the board are.

    The report may not be written over its baseline: a worse run would pass the next time.
    """
    way, limits = request.way(), request.limits
    if len(way.given) > 1:
        raise typer.BadParameter(f"{' and '.join(way.given)} exclude each other: give one of them")
    if limits is None:
        return
    try:
        limits.refuse_undecidable(way, request.model, request.data)
    except UserError as error:
        raise typer.BadParameter(f"{error.what}: {error.hint}") from None
    baseline = limits.baseline
    if baseline is not None and json is not None and baseline.resolve() == json.resolve():
        raise typer.BadParameter(
            f"--json would replace the baseline {baseline} with the report of this run: name "
            "another file, and copy it over the baseline once you accept it"
        )
