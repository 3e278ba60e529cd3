# SPDX-License-Identifier: Apache-2.0
"""Give intermediate tensors the short names of the layers that write them."""

from __future__ import annotations

from dataclasses import replace

from mcuforge.compiler.ir import Graph


def name_after_layers(graph: Graph) -> Graph:
    """Every node's output is named after the node, except where some tensor has that name.

    Converters join the names of all they fused ("a/Relu;b/BiasAdd;c/Conv2D"), which no map, error
    or comment can carry. The graph's own inputs and outputs keep the user's names.
    """
    tensors = (*graph.inputs, *(t for n in graph.nodes for t in (*n.inputs, n.output)))
    taken = {t.name for t in tensors}  # of those renamed too: a name changes hands at most once
    fixed = {id(t) for t in graph.outputs}
    renamed = {
        id(node.output): replace(node.output, name=node.name)
        for node in graph.nodes
        if id(node.output) not in fixed and node.name not in taken
    }
    nodes = tuple(
        replace(
            node,
            inputs=tuple(renamed.get(id(t), t) for t in node.inputs),
            output=renamed.get(id(node.output), node.output),
        )
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes) if renamed else graph
