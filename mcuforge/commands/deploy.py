# SPDX-License-Identifier: Apache-2.0
"""`mcuforge deploy`: read, compile, plan, build, flash or emulate, run, compare, report."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import TYPE_CHECKING

import typer

from mcuforge.commands.options import (
    BoardId,
    Data,
    DumpPasses,
    Emulate,
    Exact,
    Json,
    Model,
    Out,
    Poison,
    Port,
    Protocol,
    Quiet,
    Samples,
    progress,
    report_verdict,
    with_flags,
)
from mcuforge.errors import BoardError
from mcuforge.report.model import Report
from mcuforge.report.progress import Stages

if TYPE_CHECKING:
    from mcuforge.compiler.compile import PlanOptions
    from mcuforge.flow.session import Session
    from mcuforge.flow.target import Connection


@dataclass(frozen=True)
class Request:
    """What to deploy, where and how; the fields are the arguments of `mcuforge deploy`."""

    model: Model
    board: BoardId
    _: KW_ONLY
    emulate: Emulate = False
    exact: Exact = False
    port: Port = None
    protocol: Protocol = None
    data: Data = None
    samples: Samples = None
    options: PlanOptions | None = None
    poison: Poison = False
    out: Out = None
    dump_passes: DumpPasses = None


def deploy(request: Request, stages: Stages | None = None) -> Report:
    """Take a model file to a verdict from the board.

    stages: announces progress; None is silent. Raises CompileError or BoardError when no verdict is
    possible.
    """
    from mcuforge.flow.session import open_session
    from mcuforge.flow.target import find_connection

    given = [name for name, value in _ways(request) if value]
    if len(given) > 1:
        raise BoardError(
            f"{' and '.join(given)} exclude each other", f"board {request.board}", "give one"
        )
    if request.protocol is not None and request.port is None:
        raise BoardError(
            f"--protocol {request.protocol} says how to flash, and nothing is flashed",
            f"board {request.board}, without --port",
            "add --port auto, or leave --protocol out",
        )
    session = open_session(
        request.model, request.board, emulate=request.emulate, exact=request.exact
    )
    if request.exact:
        return deploy_session(session, request, stages or progress(quiet=True))
    if session.board.emulated and request.port is not None:
        raise BoardError(
            f"'{request.board}' is emulated and has no port to flash through, --port is given",
            f"board {request.board}",
            "leave --port out; `mcuforge check PORT` reaches an emulator that runs already",
        )
    if not session.board.emulated and request.port is None:
        raise BoardError(
            f"no way to reach '{request.board}': none of --port, --exact and --emulate is given",
            f"board {request.board}",
            f"--port auto (`mcuforge doctor --board {request.board}` looks for it), --exact or "
            "--emulate",
        )
    connection = None
    if request.port is not None:
        connection = find_connection(session, request.port, request.protocol)
    return deploy_session(session, request, stages or progress(quiet=True), connection)


def _ways(request: Request) -> tuple[tuple[str, object], ...]:
    """The ways to reach a board, and whether each was asked for."""
    return (
        ("--emulate", request.emulate),
        ("--exact", request.exact),
        ("--port", request.port),
    )


def deploy_session(
    session: Session, request: Request, stages: Stages, connection: Connection | None = None
) -> Report:
    """Deploy a model and a board that are open already; the board may be outside the catalog."""
    from mcuforge.flow.deployment import deploy_to

    return deploy_to(
        session,
        stages,
        data=request.data,
        samples=request.samples,
        options=request.options,
        poison=request.poison,
        out=request.out,
        dump_passes=request.dump_passes,
        connection=connection,
    )


@with_flags
def command(request: Request, *, json: Json = None, quiet: Quiet = False) -> None:
    """Compile, build, flash (or emulate), run, compare, report; exit 0 only on a pass."""
    from mcuforge.report.text import print_report

    given = [name for name, value in _ways(request) if value]
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} exclude each other: give one of them")
    report_verdict(Report, partial(deploy, request), print_report, json, quiet)
