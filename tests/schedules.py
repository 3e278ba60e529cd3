# SPDX-License-Identifier: Apache-2.0
"""Schedules that need no search, to test what comes after the planner."""

from __future__ import annotations

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.schedule import (
    Execution,
    Layer,
    Schedule,
    Stage,
    Task,
    runnable,
    scratch_names,
    view_storage,
)


def whole_layers(graph: Graph, isa: str) -> Schedule:
    """Run the graph's nodes in file order, each whole, with the kernel calls of `isa`.

    Raises CompileError for an output that is a constant under another shape: no layer writes it.
    """
    scratch = scratch_names(graph)
    stages = []
    for node in runnable(graph):
        calls = node.op.calls(node.inputs, node.output, isa)
        layer = Layer(node, Execution.WHOLE, calls, scratch[node.output.name])
        stages.append(Stage((layer,), (Task(0, 0, node.output.rows),)))
    storage = view_storage(graph)
    return Schedule(graph, tuple(stages), storage, storage)
