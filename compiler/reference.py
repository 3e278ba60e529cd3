# SPDX-License-Identifier: Apache-2.0
"""The integer meaning of a graph: every operator's numpy `evaluate`, one after the other."""

from collections.abc import Mapping, Sequence

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.tensors import Array


def run(graph: Graph, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """The graph's outputs for one inference; `inputs` match `graph.inputs` in shape and dtype."""
    values = run_all(graph, inputs)
    return tuple(values[t.name] for t in graph.outputs)


def run_all(graph: Graph, inputs: Sequence[Array]) -> Mapping[str, Array]:
    """Compute every tensor of one inference, by tensor name, inputs included.

    Each array has its tensor's shape and dtype.
    """
    values = {t.name: v for t, v in zip(graph.inputs, inputs, strict=True)}
    for node in graph.nodes:
        operands = [t.data if t.data is not None else values[t.name] for t in node.inputs]
        values[node.output.name] = node.op.evaluate(node.inputs, node.output, operands)
    return values
