# SPDX-License-Identifier: Apache-2.0
"""Computes at compile time what depends on constants alone."""

from dataclasses import replace

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.tensors import Tensor, is_unknown, unknown


def fold_constants(graph: Graph) -> Graph:
    """Replace nodes whose inputs are all constants, except where the user reads their output."""
    folded: dict[int, Tensor] = {}
    kept = []
    for node in graph.nodes:
        inputs = tuple(folded.get(id(t), t) for t in node.inputs)
        if all(t.is_constant for t in inputs) and not graph.is_output(node.output):
            values = [t.values() for t in inputs]
            if any(is_unknown(one) for one in values):
                value = unknown(node.output.shape, node.output.dtype)
            else:
                value = node.op.evaluate(inputs, node.output, values)
            folded[id(node.output)] = replace(node.output, data=value)
        else:
            kept.append(replace(node, inputs=inputs) if inputs != node.inputs else node)
    return replace(graph, nodes=tuple(kept)) if folded else graph
