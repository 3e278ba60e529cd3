# SPDX-License-Identifier: Apache-2.0
"""Give intermediate tensors the short names of the layers that write them."""

from __future__ import annotations

from dataclasses import replace

from mcuforge.compiler.ir import Graph, Tensor


def name_after_layers(graph: Graph) -> Graph:
    """Every node's output is named after the node, except where another tensor has that name.

    Converters join the names of all they fused ("a/Relu;b/BiasAdd;c/Conv2D"), which no map, error
    or comment can carry. The graph's own inputs and outputs keep the user's names.
    """
    kept = [*graph.inputs, *graph.outputs, *graph.constants()]
    taken = {t.name for t in kept}
    fixed = {id(t) for t in kept}
    renamed: dict[int, Tensor] = {}
    for node in graph.nodes:
        out = node.output
        if id(out) not in fixed and node.name not in taken:
            renamed[id(out)] = replace(out, name=node.name)
            taken.add(node.name)
    left = {t.name for n in graph.nodes if id(n.output) not in renamed for t in (n.output,)}
    renamed = {k: t for k, t in renamed.items() if t.name not in left}
    nodes = tuple(
        replace(
            node,
            inputs=tuple(renamed.get(id(t), t) for t in node.inputs),
            output=renamed.get(id(node.output), node.output),
        )
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes) if renamed else graph
