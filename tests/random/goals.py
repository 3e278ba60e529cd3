# SPDX-License-Identifier: Apache-2.0
"""How random models are compiled."""

from __future__ import annotations

from mcuforge.compiler.compile import Compiled, PlanOptions, compile_graph
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.search import GOALS, Goal
from mcuforge.runtime_c.sources import PORTABLE
from tests.golden.isas import ISAS, own_kernels

AMPLE_BYTES = 1 << 24


# every goal in portable C; for an ISA's kernels the one that cuts models into most pieces
ISA_GOALS: tuple[tuple[str, Goal], ...] = (
    *((PORTABLE, goal) for goal in GOALS),
    *((isa, "ram") for isa in ISAS if isa != PORTABLE and own_kernels(isa)),
)


def compile_for(graph: Graph, goal: Goal, streamed: bool = False, isa: str = PORTABLE) -> Compiled:
    """`graph` compiled for kernels of `isa`; every plan is replayed on the way."""
    options = PlanOptions(goal=goal, streamed=streamed)
    return compile_graph(graph, isa, AMPLE_BYTES, options=options, effort=0.0)
