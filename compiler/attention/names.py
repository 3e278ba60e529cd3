# SPDX-License-Identifier: Apache-2.0
"""Names for the tensors and nodes that a rewrite adds to a graph."""

from mcuforge.compiler.graph import Graph, fresh


class Names:
    """The names taken in a graph; every name given out is taken from then on."""

    def __init__(self, graph: Graph) -> None:
        self._tensors = {t.name for n in graph.nodes for t in (*n.inputs, n.output)}
        self._tensors |= {t.name for t in graph.inputs}
        self._nodes = {n.name for n in graph.nodes}

    def tensor(self, name: str) -> str:
        """Return `name`, changed where a tensor has that name."""
        return fresh(name, self._tensors)

    def node(self, name: str) -> str:
        """Return `name`, changed where a node has that name."""
        return fresh(name, self._nodes)
