# SPDX-License-Identifier: Apache-2.0
"""Replaces chains of elementwise operators on one int8 tensor by one table of 256 results."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.tables.lookup import HIGHEST, LOWEST, Lookup
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.tensors import Array, DType, Tensor, is_unknown, unique

BYTES = (DType.INT8, DType.UINT8)


def fuse_tables(graph: Graph) -> Graph:
    """Merge elementwise nodes that compute from one int8 tensor and are read only by each other.

    x * sigmoid(1.702 * x), a GELU spelled with Erf, an epsilon added before a square root: each
    becomes one Lookup. So does a single operator that is not a table yet, such as a product with a
    number. Exact: the table holds what the operators compute for each of the 256 int8 values.
    """
    fusion = _Fusion(graph)
    nodes = tuple(fusion.nodes())
    return replace(graph, nodes=nodes) if fusion.found else graph


class _Fusion:
    """Finds the regions of one graph; each ends in a node whose output others read."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.found = False

    def nodes(self) -> Iterator[Node]:
        """Yield the nodes of the new graph: one table per region, all other nodes as they are."""
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
        """Find the most nodes up to `last` that compute from one int8 tensor, in order, or none.

        Nodes join backwards, the one computed last first. As soon as they read a single tensor from
        outside, that tensor is the source.
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
            nearest = max(outside, key=self.graph.written_at)
            node = self.hidden_writer(nearest, taken)
        largest.sort(key=lambda n: self.graph.written_at(n.output))
        return largest if last.output.dtype is DType.INT8 else []

    def hidden_writer(self, tensor: Tensor, taken: Sequence[Node]) -> Node | None:
        """The node that writes `tensor`; None where others than `taken` read it."""
        inside = {id(node) for node in taken}
        others = any(id(reader) not in inside for reader in self.graph.readers(tensor))
        return None if others or self.graph.is_output(tensor) else self.graph.writer(tensor)


def _elementwise(node: Node) -> bool:
    """True where an output element depends only on the input elements at the same place."""
    if not isinstance(node.op, TableOp | BroadcastOp):
        return False
    known = [t for t in node.inputs if t.is_constant]
    alike = all(t.shape == node.output.shape for t in node.activations)
    one_number = all(_is_one_number(t.values()) for t in known)
    bytes_only = all(t.dtype in BYTES for t in (*node.inputs, node.output))
    return bool(node.activations) and alike and bytes_only and one_number


def _is_one_number(values: Array) -> bool:
    return not is_unknown(values) and bool((values == values.flat[0]).all())


def _as_table(region: Sequence[Node]) -> Node:
    """Return the region's last node as a Lookup of its source."""
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
    """The tensor with one element per int8 value, or with the one number that a constant holds."""
    if tensor.data is None:
        return replace(tensor, shape=(HIGHEST - LOWEST + 1,))
    return replace(tensor, shape=(1,), data=tensor.data.reshape(-1)[:1])
