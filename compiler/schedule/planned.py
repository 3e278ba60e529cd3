# SPDX-License-Identifier: Apache-2.0
"""What the planner is asked and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.schedule.search import Goal
from mcuforge.compiler.schedule.weights import WeightsIn
from mcuforge.memplan.intervals import union_length
from mcuforge.memplan.peak import peak_moment
from mcuforge.memplan.problem import Plan, Problem

ArenaIn = Literal["internal", "auto", "external"]


@dataclass(frozen=True)
class PlanOptions:
    """What the user asks of a plan: `deploy --optimize --ram-budget --input --weights --arena`.

    `ram_budget`: bytes that all arenas may take together, None for all that the board has.
    `streamed`: inputs arrive row by row instead of being resident. `weights`: the flash that
    constants lie in. `arena`: the RAM that buffers lie in; auto takes RAM outside the chip only if
    the chip's own does not hold them.
    """

    goal: Goal = "balanced"
    ram_budget: int | None = None
    streamed: bool = False
    weights: WeightsIn = "auto"
    arena: ArenaIn = "internal"


@dataclass(frozen=True)
class Rung:
    """One attempt to make a model fit.

    `regions`: each memory is a region of its own, or neighbouring ones are one. `kernels`: those of
    the board's ISA, or those without packed weights alone. `flash`: constants lie where the user
    asked, some move to external flash, or kernels with smaller constants are called.
    """

    name: str
    regions: Literal["apart", "joined"]
    kernels: Literal["isa", "portable"]
    flash: Literal["asked", "moved", "smaller"] = "asked"


@dataclass(frozen=True, eq=False, kw_only=True)
class Planned:
    """A graph with its schedule and memory plan."""

    graph: Graph  # after the passes: its nodes are the layers that reports name
    schedule: Schedule
    problem: Problem
    plan: Plan
    rung: Rung  # the attempt that led to this plan
    isa: str = "portable"  # the board's: its prices are those of the kernels
    options: PlanOptions = field(default_factory=PlanOptions)
    resident_peak: int | None = None
    """Bytes of arena if the streamed inputs were resident; None unless that was planned too."""

    @property
    def arena_bytes(self) -> int:
        """Bytes of activations, scratch and line buffers, in all regions together."""
        return self.plan.peak

    @property
    def fits(self) -> bool:
        """True when every region holds what is placed in it."""
        return not self.plan.overflow(self.problem)

    def ram_live(self) -> tuple[int, ...]:
        """Bytes alive during each layer; bytes that buffers share count once."""
        placed = self.plan.placements
        return tuple(
            union_length(
                (placed[b.name].offset, placed[b.name].offset + b.bytes)
                for b in self.problem.buffers
                if b.begin <= step < b.end
            )
            for step in range(len(self.schedule.layers))
        )

    def deciding_layer(self) -> str:
        """The layer during which the arena is fullest, for the `where` line of an error."""
        step, names = peak_moment(self.problem, self.plan)
        if not self.schedule.layers:
            return f"{self.graph.source}: its inputs and outputs alone"
        node = self.schedule.layers[min(step, len(self.schedule.layers) - 1)].node
        held = ", ".join(f"'{n}'" for n in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"{self.graph.source}, {node.origin} '{node.name}': {held}{more} alive at once"
