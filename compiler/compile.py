# SPDX-License-Identifier: Apache-2.0
"""Compiles a graph to C: passes, schedule and memory plan, proof of the plan, code."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mcuforge.compiler.codegen.constants import StoredConstants, collect, store
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.passes import PASSES, optimize, write_dump
from mcuforge.compiler.schedule import fit
from mcuforge.compiler.schedule.choose import choose
from mcuforge.compiler.schedule.describe import describe
from mcuforge.compiler.schedule.estimate import Known
from mcuforge.compiler.schedule.fit import Memories
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.planned import Planned, PlanOptions
from mcuforge.compiler.schedule.trace import memory_trace
from mcuforge.compiler.schedule.weights import Flash, PlaceWeights, choose_flash, flash_bytes
from mcuforge.errors import CompileError
from mcuforge.memplan.problem import Plan, Problem, Region
from mcuforge.memplan.replay import replay
from mcuforge.memplan.solve import DEFAULT_EFFORT

if TYPE_CHECKING:
    from mcuforge.compiler.codegen.model import GeneratedModel

__all__ = [
    "ARENA",
    "Compiled",
    "Memories",
    "PlanOptions",
    "Planned",
    "compile_graph",
    "plan_graph",
    "proved",
    "refuse_over_budget",
    "with_code_room",
]

ARENA = "ram"  # the name of the region when RAM is given as a number of bytes
Ram = int | tuple[Region, ...] | Memories


@dataclass(frozen=True, eq=False, kw_only=True)
class Compiled(Planned):
    """A plan and the C that follows it: everything known of a model before it is built."""

    model: GeneratedModel
    flash: Flash | None = None  # what there is for constants, where that was given

    def largest_constant(self) -> str:
        """The constant that takes most flash, for the `where` line of an error."""
        largest = max(self.model.constants, key=lambda c: c.bytes, default=None)
        if largest is None:
            return f"{self.graph.source}: it has no constants, its code alone"
        return (
            f"{self.graph.source}: {self.model.weights_bytes:,} bytes of constants, "
            f"{largest.bytes:,} of them {largest.about}"
        )


def plan_graph(
    graph: Graph,
    isa: str,
    ram: Ram,
    *,
    options: PlanOptions | None = None,
    effort: float = DEFAULT_EFFORT,
    dump_passes: Path | None = None,
    known: Known | None = None,
    resident_too: bool = False,
) -> Planned:
    """Plan `graph` for `isa` without generating C; a plan that does not fit comes back too.

    `ram`: the memory for arenas, as bytes, as regions, or as regions that may be joined. What is
    tried until a plan fits stands in schedule/fit.py. `effort`: see memplan.solve.
    `known`: what plans of similar graphs have found out. `resident_too`: plan streamed inputs as
    resident ones too, for `Planned.resident_peak`. Raises CompileError for outputs that are
    constants, and when `dump_passes` cannot be written.
    """
    planned = fit.fit(
        optimize(graph, dump_passes),
        isa,
        _memories(ram),
        options or PlanOptions(),
        effort=effort,
        known=known,
        resident_too=resident_too,
    )
    write_dump(partial(describe, planned.schedule), dump_passes, f"{len(PASSES) + 1}_schedule")
    return planned


def compile_graph(
    graph: Graph,
    isa: str,
    ram: Ram,
    *,
    flash: Flash | None = None,
    options: PlanOptions | None = None,
    effort: float = DEFAULT_EFFORT,
    dump_passes: Path | None = None,
    resident_too: bool = False,
) -> Compiled:
    """Plan `graph` as `plan_graph` does, prove the plan by replaying it, and generate C.

    `flash`: what there is for constants; None for the image's flash alone, which the linker checks.
    A plan that does not fit comes back too: `refuse_over_budget` refuses it. Raises CompileError
    like `plan_graph`, and InternalError when the replay fails: then mcuforge is at fault.
    """
    planned = plan_graph(
        graph,
        isa,
        ram,
        options=options,
        effort=effort,
        dump_passes=dump_passes,
        resident_too=resident_too,
    )
    return _generated(proved(planned, flash)[0], flash)


def proved(planned: Planned, flash: Flash | None) -> tuple[Planned, StoredConstants]:
    """Prove a plan by replaying it, and fit its constants into `flash`; returns these too.

    Where the constants alone exceed the flash, slower kernels with smaller ones are called; the
    memory plan stays as it is. Where that is not enough, the kernels stay too. InternalError where
    the plan loses a byte that is still needed.
    """
    trace = memory_trace(planned.schedule, planned.plan.placements)
    replay(_with_room(planned.problem, planned.plan), planned.plan.placements, trace)
    constants = _stored(planned, flash)
    if flash is None:
        return planned, constants
    missing = constants.weights_bytes - flash_bytes(flash, planned.options.weights)
    smaller = fit.with_smaller_constants(planned, missing) if missing > 0 else None
    return (planned, constants) if smaller is None else (smaller, _stored(smaller, flash))


def _stored(planned: Planned, flash: Flash | None) -> StoredConstants:
    """The constant arrays that the C of a plan has, placed in `flash`."""
    schedule = planned.schedule
    return store(schedule, collect(schedule), _placing(planned.options, flash))


def with_code_room(compiled: Compiled, bytes_more: int) -> Compiled | None:
    """Leave `bytes_more` more bytes of the image's flash to code; None where that is impossible.

    The memory plan stays as it is. See `with_code_room` in schedule/fit.py for what is tried.
    """
    if compiled.flash is None:
        return None
    found = fit.with_code_room(compiled, compiled.flash, bytes_more)
    return None if found is None else _generated(*found)


def _generated(planned: Planned, flash: Flash | None) -> Compiled:
    """Generate the C of a plan, its constants placed in `flash`."""
    from mcuforge.compiler.codegen.model import generate  # a plan alone needs no templates

    plan, place = planned.plan, _placing(planned.options, flash)
    model = generate(planned.schedule, plan.placements, plan.peaks, place)
    known = {field.name: getattr(planned, field.name) for field in fields(Planned)}
    return Compiled(**known, model=model, flash=flash)


def _placing(options: PlanOptions, flash: Flash | None) -> PlaceWeights | None:
    """How the user wants constants placed; None where the image's flash is all there is."""
    return None if flash is None else partial(choose_flash, flash=flash, where=options.weights)


def _memories(ram: Ram) -> Memories:
    if isinstance(ram, Memories):
        return ram
    regions = (Region(ARENA, ram),) if isinstance(ram, int) else ram
    return Memories(regions, regions)


def refuse_over_budget(planned: Planned, board: str) -> None:
    """Raise CompileError when the arenas do not fit: bytes needed, bytes there, why, what helps."""
    if planned.fits:
        return
    needed, there = planned.arena_bytes, sum(r.bytes for r in planned.problem.regions)
    limit = f"{board} has {there:,} bytes"
    if planned.options.ram_budget is not None and there == planned.options.ram_budget:
        limit = f"the budget is {there:,} bytes"
    if needed <= there:  # enough in all, but some tensor or moment fits no single region
        missing = planned.plan.overflow(planned.problem)
        over = ", ".join(f"{count:,} too many for '{name}'" for name, count in missing.items())
        limit = f"{board} has {there:,} bytes in several memories: {over}"
    raise CompileError(
        f"the model needs {needed:,} bytes of RAM for its arena alone, {limit}",
        planned.deciding_layer(),
        _what_would_help(planned),
    )


def _what_would_help(planned: Planned) -> str:
    """Say what the user could change, and the bytes that would need where we can compute them."""
    board = "a board with more RAM (`mcuforge boards` lists them)"
    if planned.options.ram_budget is not None:
        board = f"`--ram-budget {planned.arena_bytes}`"
    if planned.options.streamed:
        return f"{board}, or a smaller input"
    regions = planned.problem.regions
    calls = Calls(planned.isa, packed=planned.rung.kernels == "isa")
    try:
        streamed = choose(planned.graph, calls, regions, PlanOptions("ram", streamed=True))
    except CompileError:  # the fault lies in the graph, and was told already
        return f"{board}, or a smaller input"
    if streamed.plan.peak >= planned.arena_bytes:
        return f"{board}, or a smaller input"
    if streamed.plan.overflow(streamed.problem):
        return f"{board}; `--input streamed` is not enough: {streamed.plan.peak:,} bytes"
    return f"`--input streamed` needs {streamed.plan.peak:,} bytes (would fit); or {board}"


def _with_room(problem: Problem, plan: Plan) -> Problem:
    """Grow the regions of `problem` until they hold `plan`; too little RAM is refused later."""
    regions = tuple(replace(r, bytes=max(r.bytes, plan.peaks[r.name])) for r in problem.regions)
    return replace(problem, regions=regions)
