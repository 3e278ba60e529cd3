# SPDX-License-Identifier: Apache-2.0
"""Gives intermediate tensors the short names of the layers that write them."""

from dataclasses import replace

from mcuforge.compiler.graph import Graph


def name_after_layers(graph: Graph) -> Graph:
    """Name every node's output after the node, unless a tensor has that name already.

    Converters join the names of all operators they fused ("a/Relu;b/BiasAdd;c/Conv2D"), which is
    too long for a map, an error or a comment. The graph's inputs and outputs keep the user's names.
    """
    tensors = (*graph.inputs, *(t for n in graph.nodes for t in (*n.inputs, n.output)))
    taken = {t.name for t in tensors}  # old names count too: no name moves to another tensor
    fixed = {id(t) for t in graph.outputs}
    renamed = {
        id(node.output): replace(node.output, name=node.name)
        for node in graph.nodes
        if id(node.output) not in fixed and node.name not in taken
    }
    nodes = tuple(node.rewired(renamed) for node in graph.nodes)
    return replace(graph, nodes=nodes) if renamed else graph
