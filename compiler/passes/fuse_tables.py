# SPDX-License-Identifier: Apache-2.0
"""Make one table of all that is computed from one 8-bit element, operator after operator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mcuforge.compiler.ir import Array, DType, Graph, Node, Tensor, unique
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.tables.lookup import HIGHEST, LOWEST, Lookup
from mcuforge.compiler.ops.tables.table import TableOp

BYTES = (DType.INT8, DType.UINT8)


def fuse_tables(graph: Graph) -> Graph:
    """Elementwise nodes that come from one int8 tensor, and are read only by each other, are one.

    x * sigmoid(1.702 * x), a GELU spelled with Erf, an epsilon added before a square root: all
    become a Lookup, and so does a single operator that is not a table yet, a product with a number.
    Exact, since the table is what these operators answer to the 256 values there are.
    """
    fusion = _Fusion(graph)
    nodes = tuple(fusion.nodes())
    return replace(graph, nodes=nodes) if fusion.found else graph


class _Fusion:
    """Regions of one graph; each ends in a node whose output others read."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.place = {id(node.output): i for i, node in enumerate(graph.nodes)}
        self.readers: dict[int, list[Node]] = {}
        for node in graph.nodes:
            for tensor in unique(node.activations):
                self.readers.setdefault(id(tensor), []).append(node)
        self.outputs = {id(t) for t in graph.outputs}
        self.found = False

    def nodes(self) -> Iterator[Node]:
        """What is left: the last node of each region as its table, the others as they are."""
        tables: dict[int, Node] = {}
        inside: set[int] = set()
        for node in reversed(self.graph.nodes):
            region = [] if id(node) in inside else self.region(node)
            if len(region) > 1 or any(not isinstance(n.op, TableOp) for n in region):
                inside |= {id(n) for n in region}
                tables[id(node)] = _as_table(region)
                self.found = True
        for node in self.graph.nodes:
            if id(node) in tables:
                yield tables[id(node)]
            elif id(node) not in inside:
                yield node

    def region(self, last: Node) -> list[Node]:
        """The most nodes up to `last` that come from one int8 tensor, in order; none if none do.

        Nodes are taken in backwards, the one computed last first: what is left outside is then the
        source as soon as it is a single tensor.
        """
        taken: list[Node] = []
        largest: list[Node] = []
        node: Node | None = last
        while node is not None and _elementwise(node):
            taken.append(node)
            written = {id(n.output) for n in taken}
            outside = [
                t for t in unique(t for n in taken for t in n.activations) if id(t) not in written
            ]
            if len(outside) == 1 and outside[0].dtype is DType.INT8:
                largest = list(taken)
            nearest = max(outside, key=lambda t: self.place.get(id(t), -1))
            node = self.hidden_writer(nearest, taken)
        largest.sort(key=lambda n: self.place[id(n.output)])
        return largest if last.output.dtype is DType.INT8 else []

    def hidden_writer(self, tensor: Tensor, taken: Sequence[Node]) -> Node | None:
        """The node that writes what only `taken` read."""
        if id(tensor) not in self.place or id(tensor) in self.outputs:
            return None
        inside = {id(node) for node in taken}
        if any(id(reader) not in inside for reader in self.readers[id(tensor)]):
            return None
        return self.graph.nodes[self.place[id(tensor)]]


def _elementwise(node: Node) -> bool:
    """True where each element of the output is a function of those that stand where it stands."""
    if not isinstance(node.op, TableOp | BroadcastOp):
        return False
    known = [t for t in node.inputs if t.is_constant]
    alike = all(t.shape == node.output.shape for t in node.activations)
    one_number = all((t.values() == t.values().flat[0]).all() for t in known)
    bytes_only = all(t.dtype in BYTES for t in (*node.inputs, node.output))
    return bool(node.activations) and alike and bytes_only and one_number


def _as_table(region: Sequence[Node]) -> Node:
    """The region's last node, reading its source through the table of what they all compute."""
    written = {id(node.output) for node in region}
    (source,) = unique(t for n in region for t in n.activations if id(t) not in written)
    values: dict[int, Array] = {id(source): np.arange(LOWEST, HIGHEST + 1, dtype=np.int8)}
    for node in region:
        inputs = tuple(_on_all_values(t) for t in node.inputs)
        operands = [
            values[id(t)] if one.data is None else one.data
            for t, one in zip(node.inputs, inputs, strict=True)
        ]
        output = _on_all_values(node.output)
        values[id(node.output)] = node.op.evaluate(inputs, output, operands)
    last = region[-1]
    table = tuple(values[id(last.output)].tolist())
    title = "+".join(node.op.title for node in region)
    origin = ", ".join(node.origin for node in region)
    return Node(last.name, Lookup(title, table), (source,), last.output, origin)


def _on_all_values(tensor: Tensor) -> Tensor:
    """It as a row of all int8 values, or as the one number it holds."""
    if tensor.data is None:
        return replace(tensor, shape=(HIGHEST - LOWEST + 1,))
    return replace(tensor, shape=(1,), data=tensor.data.reshape(-1)[:1])
