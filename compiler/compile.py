# SPDX-License-Identifier: Apache-2.0
"""A graph to C: passes, schedule, memory plan, proof of the plan, code."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from mcuforge.compiler.codegen.model import GeneratedModel, generate
from mcuforge.compiler.ir import Graph
from mcuforge.compiler.passes import optimise
from mcuforge.compiler.schedule.choose import choose
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.schedule.search import Goal
from mcuforge.compiler.schedule.trace import memory_trace
from mcuforge.errors import CompileError
from mcuforge.memplan.peak import peak_moment
from mcuforge.memplan.problem import Plan, Problem, Region
from mcuforge.memplan.replay import replay

ARENA = "ram"  # the one region of this version; a board's several RAMs come with the regions issue


@dataclass(frozen=True, eq=False)
class Compiled:
    """Everything known of a model before it is built."""

    graph: Graph  # after the passes: its nodes are the layers reports speak of
    schedule: Schedule
    problem: Problem
    plan: Plan
    model: GeneratedModel

    @property
    def arena_bytes(self) -> int:
        """Bytes of activations, scratch and line buffers."""
        return self.plan.peaks[ARENA]

    def ram_live(self) -> tuple[int, ...]:
        """Bytes alive during each step, overlapping buffers counted once."""
        placed = self.plan.placements
        return tuple(
            _covered(
                [
                    (placed[b.name].offset, placed[b.name].offset + b.bytes)
                    for b in self.problem.buffers
                    if b.begin <= step < b.end
                ]
            )
            for step in range(len(self.schedule.layers))
        )

    def deciding_layer(self) -> str:
        """The layer during which the arena is fullest, as an error's `where` names it."""
        step, names = peak_moment(self.problem, self.plan)
        if not self.schedule.layers:
            return f"{self.graph.source}: its inputs and outputs alone"
        node = self.schedule.layers[min(step, len(self.schedule.layers) - 1)].node
        held = ", ".join(f"'{n}'" for n in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"{self.graph.source}, {node.origin} '{node.name}': {held}{more} alive at once"

    def largest_constant(self) -> str:
        """What takes most flash, as an error's `where` names it."""
        largest = max(self.model.constants, key=lambda c: c.bytes, default=None)
        if largest is None:
            return f"{self.graph.source}: it has no constants, its code alone"
        return (
            f"{self.graph.source}: {self.model.weights_bytes:,} bytes of constants, "
            f"{largest.bytes:,} of them {largest.about}"
        )


def compile_graph(
    graph: Graph,
    isa: str,
    ram_bytes: int,
    *,
    goal: Goal = "balanced",
    streamed: bool = False,
    exact_seconds: float = 2.0,
    dump_passes: Path | None = None,
) -> Compiled:
    """Compile `graph` for `isa`; `ram_bytes` is what the board has for everything.

    A plan that needs more comes back too: `refuse_over_budget` refuses it. Every plan is replayed,
    and InternalError says it is our fault when the replay fails. Raises CompileError for outputs
    that are constants, and when `dump_passes` cannot be written.
    """
    graph = optimise(graph, dump_passes)
    regions = (Region(ARENA, ram_bytes),)
    chosen = choose(graph, isa, regions, goal=goal, streamed=streamed, exact_seconds=exact_seconds)
    planned, problem, plan = chosen.schedule, chosen.problem, chosen.plan
    trace = memory_trace(planned, plan.placements)
    replay(_with_room(problem, plan), plan.placements, trace)
    model = generate(planned, plan.placements, plan.peaks)
    return Compiled(graph, planned, problem, plan, model)


def refuse_over_budget(compiled: Compiled, board: str, ram_bytes: int) -> None:
    """CompileError when the arena alone exceeds the board's RAM: bytes needed, there, and why."""
    if compiled.arena_bytes > ram_bytes:
        raise CompileError(
            f"the model needs {compiled.arena_bytes:,} bytes of RAM for its arena alone, "
            f"{board} has {ram_bytes:,} bytes",
            compiled.deciding_layer(),
            "a board with more RAM (`mcuforge boards` lists them), or a smaller input",
        )


def _with_room(problem: Problem, plan: Plan) -> Problem:
    """`problem` with regions that hold `plan`: too little RAM is refused later, by the byte."""
    regions = tuple(replace(r, bytes=max(r.bytes, plan.peaks[r.name])) for r in problem.regions)
    return replace(problem, regions=regions)


def _covered(intervals: list[tuple[int, int]]) -> int:
    """Length of the union of half-open intervals."""
    total, reached = 0, 0
    for begin, end in sorted(intervals):
        total += max(end, reached) - max(begin, reached)
        reached = max(end, reached)
    return total
