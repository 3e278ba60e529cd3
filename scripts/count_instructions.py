# SPDX-License-Identifier: Apache-2.0
"""Counted instructions of layers and of whole models on an emulated board."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from mcuforge.boards.catalog.board import emulated, load_board
from mcuforge.boards.link.client import Link
from mcuforge.boards.regions import memory_regions
from mcuforge.compiler.builders.tflite_writer import ModelSpec, write_model
from mcuforge.compiler.codegen.model import generate
from mcuforge.compiler.compile import Compiled, PlanOptions
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.schedule.estimate import Estimates
from mcuforge.compiler.schedule.fit import LADDER
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.memory import memory_problem
from mcuforge.compiler.schedule.pipeline import build_pipeline
from mcuforge.compiler.schedule.schedule import Schedule, runnable
from mcuforge.compiler.schedule.search import make_schedule
from mcuforge.flow.data import random_samples
from mcuforge.flow.facts import instructions_of
from mcuforge.flow.firmware import build_check
from mcuforge.flow.session import Session, compile_session, open_session
from mcuforge.flow.target import open_board
from mcuforge.memplan import greedy
from mcuforge.report.progress import Stages

QUIET = Stages(Console(stderr=True), quiet=True)


@dataclass(frozen=True, eq=False)
class Counted:
    """Instructions of one inference; `stages` are those of each stage of the schedule alone."""

    schedule: Schedule
    isa: str
    arena_bytes: int
    whole: int
    stages: tuple[int, ...]


def session_of(model: Path | ModelSpec | Graph, board: str) -> Session:
    """A model, a file or one to be written or a graph no file states, on an emulated board."""
    if isinstance(model, Path):
        return open_session(model, board, emulate=True)
    if isinstance(model, Graph):
        return Session(Path(model.name), model.name.encode(), model, emulated(load_board(board)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(write_model(model))
        return open_session(path, board, emulate=True)


def count_goal(session: Session, options: PlanOptions) -> Counted:
    """As `mcuforge bench` plans it."""
    return count(session, compile_session(session, options))


def count_alone(session: Session, rows: int) -> Counted:
    """Make every layer a stage: `rows` rows per task where it runs by rows, whole for 0 rows."""
    graph = optimize(session.graph, None)
    calls = Calls(session.board.isa)
    estimates = Estimates(graph, runnable(graph), calls)
    cut = []
    for i, layer in enumerate(estimates.rows):
        choice = estimates.whole(i)
        if rows and layer is not None:
            pipeline = build_pipeline([layer], [layer.node.output], rows, eager=False)
            choice = replace(choice, layers=(layer,), like=pipeline)
        cut.append(choice)
    schedule = make_schedule(graph, tuple(cut), calls)
    problem = memory_problem(schedule, memory_regions(session.board))
    plan = greedy.place(problem)
    model = generate(schedule, plan.placements, plan.peaks)
    compiled = Compiled(
        graph=graph,
        schedule=schedule,
        problem=problem,
        plan=plan,
        rung=LADDER[0],
        isa=session.board.isa,
        model=model,
    )
    return count(session, compiled)


def count(session: Session, compiled: Compiled) -> Counted:
    """Build, run one sample, count: all at once, then stage by stage.

    What a call of the model costs beside its layers is taken off the stages; it is what they are
    together too many.
    """
    schedule = compiled.schedule
    with TemporaryDirectory() as folder:
        built = build_check(session, compiled, Path(folder))
        with open_board(session, built, QUIET) as link:
            _feed(link, compiled)
            whole = _instructions(link.run(), session)
            _feed(link, compiled)
            ends, step = [], 0
            for stage in schedule.stages:
                ends.append((step, step + len(stage.tasks)))
                step += len(stage.tasks)
            stages = [_instructions(link.run(*ends_of), session) for ends_of in ends]
    extra = (sum(stages) - whole) / max(len(stages) - 1, 1)
    found = tuple(max(round(n - extra), 1) for n in stages)
    return Counted(schedule, session.board.isa, compiled.arena_bytes, whole, found)


def _feed(link: Link, compiled: Compiled) -> None:
    for i, x in enumerate(random_samples(compiled.graph, 1).sample(0)):
        link.write_input(i, x.tobytes())


def _instructions(ticks: int, session: Session) -> int:
    return instructions_of(ticks, session) or 0
