# SPDX-License-Identifier: Apache-2.0
"""From an open session to a verdict: compile, build, flash or emulate, run, compare."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mcuforge.boards.link.client import Link
from mcuforge.compiler.compile import PlanOptions
from mcuforge.compiler.judges.choose import judge
from mcuforge.flow.checkpoint import Checkpoint
from mcuforge.flow.data import Samples, choose_samples
from mcuforge.flow.firmware import build_check, project_folder
from mcuforge.flow.measure import Measured, make_report, measure_board
from mcuforge.flow.session import Session, compile_session
from mcuforge.flow.target import Connection, open_board, open_exact
from mcuforge.report.model import Report
from mcuforge.report.progress import Stages


def deploy_to(
    session: Session,
    stages: Stages,
    *,
    data: Path | None = None,
    samples: int | None = None,
    options: PlanOptions | None = None,
    poison: bool = False,
    out: Path | None = None,
    dump_passes: Path | None = None,
    connection: Connection | None = None,
    line_speed: bool = False,
    admit: Callable[[Samples], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Report:
    """Deploy a session's model to its board; see `mcuforge deploy` for the options.

    connection: how to reach a board that is not emulated; line_speed: a virtual board's serial line
    takes its time. admit: raises for samples that are not to be run, before anything is built.
    checkpoint: where the answers are kept, to go on from.
    Raises CompileError or BoardError when no verdict is possible.
    """
    with stages.stage("compiling and planning"):
        compiled = compile_session(session, options, dump_passes)
    drawn = choose_samples(compiled.graph, data, samples)
    if admit is not None:
        admit(drawn)

    def measured_over(link: Link) -> Measured:
        return measure_board(
            link, compiled, drawn, oracle, stages, poison=poison, checkpoint=checkpoint
        )

    oracle = judge(session.graph, session.path, drawn.inputs)
    with oracle, project_folder(out) as folder:
        with stages.stage("building the firmware"):
            protocol = None if connection is None else connection.protocol
            built = build_check(session, compiled, folder, poison=poison, protocol=protocol)
        if session.exact:
            exact = open_exact(session, built.firmware.elf, stages, line_speed=line_speed)
            with exact as (link, machine):
                measured = measured_over(link)
            return make_report(session, compiled, built, measured, machine)
        with open_board(session, built, stages, connection) as link:
            measured = measured_over(link)
    return make_report(session, compiled, built, measured)
