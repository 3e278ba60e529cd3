# SPDX-License-Identifier: Apache-2.0
"""Names for the tensors and nodes that a rewrite adds to a graph."""

from __future__ import annotations

from copy import copy

from mcuforge.compiler.graph import Graph, fresh


class Names:
    """The names taken in a graph; every name given out is taken from then on."""

    def __init__(self, graph: Graph) -> None:
        self._tensors = {t.name for n in graph.nodes for t in (*n.inputs, n.output)}
        self._tensors |= {t.name for t in graph.inputs}
        self._nodes = {n.name for n in graph.nodes}

    def copy(self) -> Names:
        """Return the same names taken, for another rewrite of the graph."""
        other = copy(self)
        other._tensors, other._nodes = set(self._tensors), set(self._nodes)
        return other

    def tensor(self, name: str) -> str:
        """Return `name`, changed where a tensor has that name."""
        return fresh(name, self._tensors)

    def node(self, name: str) -> str:
        """Return `name`, changed where a node has that name."""
        return fresh(name, self._nodes)
