# SPDX-License-Identifier: Apache-2.0
"""Counted instructions of layers and of whole models on an emulated board.

Counts are kept in out/counts by all that decides them: the board, the generated C and the kernels.
So an interrupted run goes on, and a run after a change of prices counts only where plans changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
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
from mcuforge.flow.board_check import feed, layer_ticks
from mcuforge.flow.data import random_samples
from mcuforge.flow.facts import cost_of
from mcuforge.flow.firmware import Built, build_check
from mcuforge.flow.session import Session, compile_session, open_session
from mcuforge.flow.target import open_board
from mcuforge.memplan import greedy
from mcuforge.report.files import write_whole
from mcuforge.report.progress import Stages
from mcuforge.runtime_c.sources import kernels_dir

COUNTS = Path(__file__).resolve().parents[1] / "out" / "counts"
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


def count_alone(session: Session, rows: int, *, packed: bool = True) -> Counted:
    """Make every layer a stage: `rows` rows per task where it runs by rows, whole for 0 rows.

    `packed`: False leaves out kernels with packed weights.
    """
    graph = optimize(session.graph, None)
    calls = Calls(session.board.isa, packed=packed)
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
    whole, *stages = remembered(session, compiled, "stages", _by_stage)
    extra = (sum(stages) - whole) / max(len(stages) - 1, 1)
    found = tuple(max(round(n - extra), 1) for n in stages)
    return Counted(compiled.schedule, session.board.isa, compiled.arena_bytes, whole, found)


def count_layers(session: Session, compiled: Compiled) -> tuple[int, tuple[int, ...]]:
    """Build, run one sample, count: all at once, and each layer, which add up to it."""
    whole, *layers = remembered(session, compiled, "layers", by_layer)
    return whole, tuple(layers)


def once(link: Link, compiled: Compiled) -> list[int]:
    """The ticks of one inference."""
    feed(link, random_samples(compiled.graph, 1).sample(0))
    return [link.run()]


def _by_stage(link: Link, compiled: Compiled) -> list[int]:
    sample = random_samples(compiled.graph, 1).sample(0)
    feed(link, sample)
    ticks = [link.run()]
    feed(link, sample)
    step = 0
    for stage in compiled.schedule.stages:
        ticks.append(link.run(step, step + len(stage.tasks)))
        step += len(stage.tasks)
    return ticks


def by_layer(link: Link, compiled: Compiled) -> list[int]:
    samples = random_samples(compiled.graph, 1)
    feed(link, samples.sample(0))
    whole = link.run()
    return [whole, *layer_ticks(link, compiled, samples).adding_up(whole)]


def remembered(
    session: Session,
    compiled: Compiled,
    what: str,
    ticks_of: Callable[[Link, Compiled], list[int]],
) -> list[int]:
    """Count instructions on the board with `ticks_of`, unless COUNTS has them."""
    file = COUNTS / f"{what}_{_digest(session, compiled)}.json"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(on_board(session, compiled, ticks_of)))
    found: list[int] = json.loads(file.read_text(encoding="utf-8"))
    return found


def on_board(
    session: Session, compiled: Compiled, ticks_of: Callable[[Link, Compiled], list[int]]
) -> list[int]:
    """Build for the emulated board, run, and return instructions for the ticks of `ticks_of`."""
    with TemporaryDirectory() as folder:
        return run_built(session, compiled, build_check(session, compiled, Path(folder)), ticks_of)


def run_built(
    session: Session,
    compiled: Compiled,
    built: Built,
    ticks_of: Callable[[Link, Compiled], list[int]],
) -> list[int]:
    """Run a built firmware, and return instructions for the ticks of `ticks_of`."""
    with open_board(session, built, QUIET) as link:
        ticks = ticks_of(link, compiled)
    return [cost_of(n, session).instructions or 0 for n in ticks]


def _digest(session: Session, compiled: Compiled) -> str:
    """Of everything that decides the counts."""
    found = hashlib.sha256(session.board.id.encode())
    for _, text in sorted(compiled.model.files.items()):
        found.update(text.encode())
    for path in sorted(kernels_dir().rglob("*.[ch]")):
        found.update(path.read_bytes())
    return found.hexdigest()[:24]
