# SPDX-License-Identifier: Apache-2.0
"""`mcuforge plan`: where every byte of RAM goes, without building anything."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from typer import Option

from mcuforge.commands.options import BoardId, Json, Model, SignatureName, with_flags
from mcuforge.report.console import open_console
from mcuforge.report.files import refuse_unwritable, write_json, write_whole
from mcuforge.report.model import PlanReport

if TYPE_CHECKING:
    from mcuforge.compiler.codegen.constants import StoredConstants
    from mcuforge.compiler.compile import Planned, PlanOptions
    from mcuforge.flow.gate import PlanLimits
    from mcuforge.flow.session import Session
    from mcuforge.picture.record import PlanPicture


@dataclass(frozen=True)
class Request:
    """The arguments of `mcuforge plan`; the files that are None are not written."""

    model: Model
    board: BoardId
    _: KW_ONLY
    signature: SignatureName = None
    options: PlanOptions | None = None
    plan_limits: PlanLimits | None = None
    svg: Annotated[
        Path | None,
        Option(metavar="FILE", help="Draw the plan, time against address, for a document."),
    ] = None
    html: Annotated[
        Path | None, Option(metavar="FILE", help="The same as a page: zoom, filter, table.")
    ] = None
    explain: Annotated[
        bool,
        Option("--explain", help="Print the schedule too: stages, tasks, rings, distances, bytes."),
    ] = False
    json: Json = None


def plan(request: Request, console: Console) -> None:
    """Print the plan as a table and a map, and write the files asked for.

    Raises CompileError for a plan over the board's RAM or over a limit, after showing it: that is
    when the user needs to see it.
    """
    from mcuforge.compiler.compile import refuse_over_budget
    from mcuforge.compiler.frontends.common import printable
    from mcuforge.compiler.schedule.describe import describe
    from mcuforge.flow.gate import PlanLimits, gate_plan, refuse_over_limits
    from mcuforge.flow.session import open_session, plan_session
    from mcuforge.picture.adapter import picture_of

    for file in (request.json, request.svg, request.html):
        refuse_unwritable(file)
    session = open_session(request.model, request.board, signature=request.signature)
    planned, constants = plan_session(session, request.options)
    gate = gate_plan(planned, constants.weights_bytes, request.plan_limits or PlanLimits())
    report = replace(plan_report(session, planned), gate=gate)
    write_json(report, request.json)
    picture = picture_of(planned, session.path.name, session.board.id)
    _draw(request, picture)
    _print(report, session, planned, constants, picture, console)
    if request.explain:
        text = describe(planned.schedule, printable)
        console.print(text, end="", markup=False, highlight=False, soft_wrap=True)
    refuse_over_budget(planned, session.board.id)
    refuse_over_limits(gate, planned)


def _draw(request: Request, picture: PlanPicture) -> None:
    """Write the drawings asked for: both are made before the first is written."""
    if request.svg is None and request.html is None:
        return  # the templates take long to import
    from mcuforge.picture.write import html, svg

    wanted = ((request.svg, svg), (request.html, html))
    for file, text in [(file, draw(picture)) for file, draw in wanted if file]:
        write_whole(file, text)


def plan_report(session: Session, planned: Planned) -> PlanReport:
    """Make the record of a plan."""
    from mcuforge.flow.facts import board_facts, buffer_facts, layer_facts, model_facts, plan_facts

    return PlanReport(
        model=model_facts(session),
        board=board_facts(session),
        plan=plan_facts(planned),
        buffers=buffer_facts(planned),
        layers=layer_facts(planned, session),
    )


def _print(
    report: PlanReport,
    session: Session,
    planned: Planned,
    constants: StoredConstants,
    picture: PlanPicture,
    console: Console,
) -> None:
    """Print the table of layers, the map of each memory, and the plan in two lines."""
    from mcuforge.compiler.schedule.fit import LADDER
    from mcuforge.flow.session import ram_budget
    from mcuforge.picture.adapter import slot_names
    from mcuforge.picture.letters import WIDTH, draw
    from mcuforge.picture.table import plan_table, plan_text
    from mcuforge.report.gate_text import print_limits
    from mcuforge.report.text import print_plan, weights_words

    text = None if console.is_terminal else plan_text(picture, console.width)
    if text is None:
        console.print(plan_table(picture, console.width if console.is_terminal else None))
    else:
        console.out(text, highlight=False)
    width = console.width if console.is_terminal else WIDTH
    console.print(
        draw(planned.problem, planned.plan, width=width, steps=slot_names(planned)),
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    used = [name for name, peak in planned.plan.peaks.items() if peak]
    budget = planned.options.ram_budget or ram_budget(session.board, used)
    weights = weights_words(constants.weights_bytes, constants.further_weights)
    print_plan(report.plan, budget, weights, console)
    print_limits(report.gate.limits, console)
    if planned.fits and planned.rung != LADDER[0]:
        attempt = f"the first attempt did not fit, this one does: {planned.rung.name}"
        console.print(attempt, highlight=False, soft_wrap=True)


@with_flags
def command(request: Request) -> None:
    """Show where every byte of RAM goes, without building anything."""
    plan(request, open_console())
