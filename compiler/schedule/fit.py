# SPDX-License-Identifier: Apache-2.0
"""Tries to make a model fit its board, one attempt after another; the first that fits is taken.

RAM is fitted when the model is planned: `fit` climbs the `LADDER`. Flash is fitted when the image
has been linked, which tells how much code there is: `with_code_room` makes room for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.schedule.choose import choose
from mcuforge.compiler.schedule.estimate import Known
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.planned import Planned, PlanOptions, Rung
from mcuforge.compiler.schedule.slim import slimmed
from mcuforge.compiler.schedule.weights import Flash
from mcuforge.memplan.problem import Region
from mcuforge.memplan.solve import DEFAULT_EFFORT

LADDER = (
    Rung("the fastest memory fills up first", regions="apart", kernels="isa"),
    Rung("portable kernels need less scratch", regions="apart", kernels="portable"),
    Rung("buffers may lie across neighbouring memories", regions="joined", kernels="isa"),
    Rung("both together need least", regions="joined", kernels="portable"),
)
CODE_MARGIN_BYTES = 4096  # added to what an image lacked: other kernels may be linked then
MOVED = "constants that are read least move to external flash"
SMALLER = "slower kernels have smaller constants"


@dataclass(frozen=True)
class Memories:
    """The RAM for arenas: each memory as a region, and neighbouring memories joined to one."""

    apart: tuple[Region, ...]
    joined: tuple[Region, ...]


def fit(
    graph: Graph,
    isa: str,
    memories: Memories,
    options: PlanOptions,
    *,
    effort: float = DEFAULT_EFFORT,
    known: Known | None = None,
    resident_too: bool = False,
) -> Planned:
    """Plan `graph` by the first rung of the `LADDER` that fits; the last one where none does.

    `known`: what plans of similar graphs have found out. `resident_too`: plan streamed inputs as
    resident ones too, for `Planned.resident_peak`. Raises CompileError for outputs that are
    constants.
    """
    plan = partial(choose, graph, effort=effort, known=known)
    calls = {"isa": Calls(isa), "portable": Calls(isa, packed=False)}
    if not find_instruction_set(isa).packed_kernels:
        calls["portable"] = calls["isa"]
    tried: dict[tuple[Calls, tuple[Region, ...]], Planned] = {}
    for rung, regions in _attempts(memories, options.ram_budget):
        key = (calls[rung.kernels], regions)
        if key not in tried:
            chosen = plan(*key, options)
            tried[key] = Planned(graph=graph, rung=rung, isa=isa, options=options, **vars(chosen))
        found = tried[key]
        if found.fits:
            break
    if options.streamed and resident_too:
        asked = replace(options, streamed=False)
        resident = plan(calls[found.rung.kernels], found.problem.regions, asked)
        found = replace(found, resident_peak=resident.plan.peak)
    return found


def _attempts(memories: Memories, budget: int | None) -> Iterator[tuple[Rung, tuple[Region, ...]]]:
    """Every rung with each way to cut its regions to the budget."""
    for rung in LADDER:
        regions = memories.apart if rung.regions == "apart" else memories.joined
        for cut in _within(regions, budget):
            yield rung, cut


def with_code_room(planned: Planned, flash: Flash, bytes_more: int) -> tuple[Planned, Flash] | None:
    """Leave `bytes_more` more bytes of the image's flash to code; None where that is impossible.

    Constants move to external flash where the user lets them and there is one. Where the image's
    flash is the only one, slower kernels with smaller constants are called instead. Returns the
    plan and the flashes its constants are to be placed in.
    """
    where, rung = planned.options.weights, planned.rung
    image, *others = flash.internal
    if where == "auto" and flash.external:
        if image.bytes <= bytes_more:
            return None
        smaller = replace(image, bytes=image.bytes - bytes_more)
        moved = replace(rung, name=f"{rung.name}; {MOVED}", flash="moved")
        return replace(planned, rung=moved), replace(flash, internal=(smaller, *others))
    if where == "external" or others:
        return None
    slim = with_smaller_constants(planned, bytes_more)
    return None if slim is None else (slim, flash)


def with_smaller_constants(planned: Planned, bytes_less: int) -> Planned | None:
    """Call slower kernels whose constants take at least `bytes_less` fewer bytes; None: no way."""
    schedule = slimmed(planned.schedule, planned.isa, bytes_less)
    if schedule is None:
        return None
    rung = planned.rung
    if rung.flash != "smaller":  # kernels may be changed twice: the second build knows more
        rung = replace(rung, name=f"{rung.name}; {SMALLER}", flash="smaller")
    return replace(planned, rung=rung, schedule=schedule)


def _within(regions: tuple[Region, ...], budget: int | None) -> list[tuple[Region, ...]]:
    """The ways to cut the regions to `budget` bytes together.

    The first keeps the fastest regions, the second those that peripherals reach, since inputs and
    outputs must lie there.
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
