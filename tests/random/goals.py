# SPDX-License-Identifier: Apache-2.0
"""How random models are compiled."""

from __future__ import annotations

from mcuforge.compiler.compile import Compiled, PlanOptions, compile_graph
from mcuforge.compiler.ir import Graph
from mcuforge.compiler.schedule.search import Goal

AMPLE_BYTES = 1 << 24


def compile_for(graph: Graph, goal: Goal, streamed: bool = False) -> Compiled:
    """`graph` compiled for portable kernels; every plan is replayed on the way."""
    options = PlanOptions(goal=goal, streamed=streamed)
    return compile_graph(graph, "portable", AMPLE_BYTES, options=options, exact_seconds=0.0)
