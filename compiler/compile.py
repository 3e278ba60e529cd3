# SPDX-License-Identifier: Apache-2.0
"""A graph to C: passes, schedule, memory plan, proof of the plan, code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path

from mcuforge.compiler.codegen.model import GeneratedModel, generate
from mcuforge.compiler.ir import Graph
from mcuforge.compiler.passes import optimise
from mcuforge.compiler.schedule.choose import choose
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.schedule.search import Goal
from mcuforge.compiler.schedule.slim import slimmed
from mcuforge.compiler.schedule.trace import memory_trace
from mcuforge.compiler.schedule.weights import Flash, WeightsIn, choose_flash
from mcuforge.errors import CompileError
from mcuforge.memplan.intervals import union_length
from mcuforge.memplan.peak import peak_moment
from mcuforge.memplan.problem import Plan, Problem, Region
from mcuforge.memplan.replay import replay
from mcuforge.runtime_c.sources import PORTABLE

DEFAULT_EXACT_SECONDS = 2.0
ARENA = "ram"  # the region when RAM is given as a number of bytes


@dataclass(frozen=True)
class PlanOptions:
    """What the user asks of a plan: `mcuforge deploy --optimize --ram-budget --input --weights`.

    `ram_budget`: bytes the arenas may take together, None for all the board has. `streamed`: inputs
    arrive row by row instead of being resident. `weights`: which flash constants lie in.
    """

    goal: Goal = "balanced"
    ram_budget: int | None = None
    streamed: bool = False
    weights: WeightsIn = "auto"


@dataclass(frozen=True, eq=False)
class Compiled:
    """Everything known of a model before it is built."""

    graph: Graph  # after the passes: its nodes are the layers reports speak of
    schedule: Schedule
    problem: Problem
    plan: Plan
    model: GeneratedModel
    isa: str = "portable"  # whose kernels it calls
    options: PlanOptions = field(default_factory=PlanOptions)

    @property
    def arena_bytes(self) -> int:
        """Bytes of activations, scratch and line buffers, in all regions together."""
        return self.plan.peak

    @property
    def fits(self) -> bool:
        """True when every region holds what is placed in it."""
        return not self.plan.overflow(self.problem)

    def resident_peak(self) -> int:
        """Bytes of arena with the whole input resident, whatever it is here."""
        if not self.options.streamed:
            return self.arena_bytes
        return choose(
            self.graph,
            self.isa,
            self.problem.regions,
            goal=self.options.goal,
            exact_seconds=DEFAULT_EXACT_SECONDS,
        ).plan.peak

    def ram_live(self) -> tuple[int, ...]:
        """Bytes alive during each step, overlapping buffers counted once."""
        placed = self.plan.placements
        return tuple(
            union_length(
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
    ram: int | tuple[Region, ...],
    *,
    flash: Flash | None = None,
    options: PlanOptions | None = None,
    exact_seconds: float = DEFAULT_EXACT_SECONDS,
    dump_passes: Path | None = None,
) -> Compiled:
    """Compile `graph` for `isa`; `ram` is what there is for arenas, in bytes or region by region.

    Where the kernels of `isa` lack room for the pixels they bring together, those that take weights
    and pixels as they lie are called, at several times the instructions.

    `flash`: what there is for constants, None for the image's flash alone, which the linker checks.
    A plan that needs more comes back too: `refuse_over_budget` refuses it. Every plan is replayed,
    and InternalError says it is our fault when the replay fails. Raises CompileError for outputs
    that are constants, and when `dump_passes` cannot be written.
    """
    graph = optimise(graph, dump_passes)
    wanted = options or PlanOptions()
    regions = (Region(ARENA, ram),) if isinstance(ram, int) else ram
    cuts = _within(regions, wanted.ram_budget)
    for kernels, cut in product(dict.fromkeys((isa, PORTABLE)), cuts):
        chosen = choose(
            graph,
            kernels,
            cut,
            goal=wanted.goal,
            streamed=wanted.streamed,
            exact_seconds=exact_seconds,
        )
        if not chosen.plan.overflow(chosen.problem):
            break
    planned, problem, plan = chosen.schedule, chosen.problem, chosen.plan
    trace = memory_trace(planned, plan.placements)
    replay(_with_room(problem, plan), plan.placements, trace)
    place = None if flash is None else partial(choose_flash, flash=flash, where=wanted.weights)
    model = generate(planned, plan.placements, plan.peaks, place)
    return Compiled(graph, planned, problem, plan, model, kernels, wanted)


def with_weights_in(compiled: Compiled, flash: Flash) -> Compiled:
    """The same plan with its constants in other flashes."""
    place = partial(choose_flash, flash=flash, where=compiled.options.weights)
    plan = compiled.plan
    model = generate(compiled.schedule, plan.placements, plan.peaks, place)
    return replace(compiled, model=model)


def with_fewer_constants(compiled: Compiled, bytes_less: int) -> Compiled | None:
    """The same plan with kernels that read so many bytes less of flash; None where there are none.

    They take more instructions.
    """
    schedule = slimmed(compiled.schedule, compiled.isa, bytes_less)
    if schedule is None:
        return None
    plan = compiled.plan
    model = generate(schedule, plan.placements, plan.peaks)
    return replace(compiled, schedule=schedule, model=model)


def refuse_over_budget(compiled: Compiled, board: str) -> None:
    """CompileError when the arenas do not fit: bytes needed, bytes there, why, what would help."""
    if compiled.fits:
        return
    needed, there = compiled.arena_bytes, sum(r.bytes for r in compiled.problem.regions)
    limit = f"{board} has {there:,} bytes"
    if compiled.options.ram_budget is not None and there == compiled.options.ram_budget:
        limit = f"the budget is {there:,} bytes"
    if needed <= there:  # enough together, but some tensor or moment does not fit region by region
        missing = compiled.plan.overflow(compiled.problem)
        over = ", ".join(f"{count:,} too many for '{name}'" for name, count in missing.items())
        limit = f"{board} has {there:,} bytes in several memories: {over}"
    raise CompileError(
        f"the model needs {needed:,} bytes of RAM for its arena alone, {limit}",
        compiled.deciding_layer(),
        _what_would_help(compiled),
    )


def _what_would_help(compiled: Compiled) -> str:
    """What the user could change, with the bytes it would come to where that can be computed."""
    board = "a board with more RAM (`mcuforge boards` lists them)"
    if compiled.options.ram_budget is not None:
        board = f"`--ram-budget {compiled.arena_bytes}`"
    if compiled.options.streamed:
        return f"{board}, or a smaller input"
    regions = compiled.problem.regions
    try:
        streamed = choose(compiled.graph, compiled.isa, regions, goal="ram", streamed=True)
    except CompileError:  # the graph's own fault, told already
        return f"{board}, or a smaller input"
    if streamed.plan.peak >= compiled.arena_bytes:
        return f"{board}, or a smaller input"
    if streamed.plan.overflow(streamed.problem):
        return f"{board}; `--input streamed` is not enough: {streamed.plan.peak:,} bytes"
    return f"`--input streamed` needs {streamed.plan.peak:,} bytes (would fit); or {board}"


def _within(regions: tuple[Region, ...], budget: int | None) -> list[tuple[Region, ...]]:
    """The regions cut to `budget` bytes together, in the ways to try.

    The fastest are kept longest or, where inputs and outputs then lack room, those that peripherals
    reach.
    """
    if budget is None:
        return [regions]
    fastest = sorted(regions, key=lambda r: -r.speed)
    reached = sorted(fastest, key=lambda r: not r.dma)
    ways = list(dict.fromkeys(_cut(regions, first, budget) for first in (fastest, reached)))
    return [cut for cut in ways if any(region.dma for region in cut)] or ways


def _cut(regions: tuple[Region, ...], first: Sequence[Region], budget: int) -> tuple[Region, ...]:
    """`regions` with `budget` bytes together, given out in the order of `first`."""
    left, kept = budget, {}
    for region in first:
        kept[region.name] = min(region.bytes, left)
        left -= kept[region.name]
    cut = tuple(replace(r, bytes=kept[r.name]) for r in regions if kept[r.name])
    return cut or (replace(regions[0], bytes=1),)


def _with_room(problem: Problem, plan: Plan) -> Problem:
    """`problem` with regions that hold `plan`: too little RAM is refused later, by the byte."""
    regions = tuple(replace(r, bytes=max(r.bytes, plan.peaks[r.name])) for r in problem.regions)
    return replace(problem, regions=regions)
