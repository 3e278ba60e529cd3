# SPDX-License-Identifier: Apache-2.0
"""The optimisation goals random models are compiled under."""

from __future__ import annotations

from mcuforge.compiler.compile import Compiled, compile_graph
from mcuforge.compiler.ir import Graph

GOALS = ("balanced",)
AMPLE_BYTES = 1 << 24


def compile_for(graph: Graph, goal: str) -> Compiled:
    """`graph` compiled for portable kernels; every plan is replayed on the way."""
    assert goal in GOALS
    return compile_graph(graph, "portable", AMPLE_BYTES, exact_seconds=0.0)
