# SPDX-License-Identifier: Apache-2.0
"""Removes nodes that contribute to no output."""

from dataclasses import replace

from mcuforge.compiler.graph import Graph


def drop_unread(graph: Graph) -> Graph:
    """Remove the nodes whose output reaches no output of the graph."""
    wanted = {id(t) for t in graph.outputs}
    kept = []
    for node in reversed(graph.nodes):
        if id(node.output) in wanted:
            kept.append(node)
            wanted.update(id(t) for t in node.inputs)
    nodes = tuple(reversed(kept))
    return graph if len(nodes) == len(graph.nodes) else replace(graph, nodes=nodes)
