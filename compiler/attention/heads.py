# SPDX-License-Identifier: Apache-2.0
"""Takes attention apart into heads: small matrix products on rows of tokens, not one batch.

The graph's own form computes all heads at once: projections, a transpose to (heads, tokens, width),
two batched products with a softmax between them, a transpose back. Nothing in it can run token by
token. Here every head gets nodes of its own on (1, tokens, width) tensors: its columns of the
projections, its products, its softmax. Their `row_reads` then tell the scheduler all it must know:
scores need one row of the queries and all keys, the head's output one row of scores and all values.

Attention is recognized by where elements go: separate projections, a fused one, any reshapes,
transposes and slices, a scale or a table anywhere and a constant bias on the scores all lead to the
same nodes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from mcuforge.compiler.attention.names import Names
from mcuforge.compiler.attention.parts import (
    NotRecognized,
    Parts,
    is_elementwise,
    is_move,
    moved,
)
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.softmax import Softmax
from mcuforge.compiler.ops.softmax_qdq import SoftmaxQdq
from mcuforge.compiler.tensors import Index, Tensor, Tensors


@dataclass(frozen=True, eq=False)
class Head:
    """The nodes of one head: those of its operands, then the rest, and the tensor they end in."""

    keys_values: tuple[Node, ...]
    queries: tuple[Node, ...]
    products: tuple[Node, ...]
    output: Tensor


@dataclass(frozen=True, eq=False)
class Attention:
    """The nodes of one attention, head by head, and the part of the graph they replace.

    `join` puts the heads side by side in `output`, whose writer it replaces. The `projections`,
    nodes of the graph by identity, read the `sources`.
    """

    heads: tuple[Head, ...]
    join: tuple[Node, ...]
    output: Tensor
    sources: tuple[Tensor, ...]
    projections: frozenset[int]

    @property
    def queries_alone(self) -> bool:
        """True when no query is computed from what computes keys and values."""
        made = {id(node.output) for head in self.heads for node in head.keys_values}
        return not any(id(x) in made for head in self.heads for n in head.queries for x in n.inputs)


def find_attention(graph: Graph, names: Names) -> tuple[Attention, ...]:
    """Find every attention of the graph that can be taken apart, in the order they run.

    Each call makes new nodes and tensors, with names from `names`.
    """
    found = []
    for node in graph.nodes:
        if isinstance(node.op, BatchMatMul):
            try:
                found.append(_split(_recognized(graph, node), Parts(graph, names)))
            except NotRecognized:
                continue
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Pattern:
    """Where an attention stands in the graph.

    scores -> `chain` (one softmax, else elementwise) -> values -> `tail` (elementwise) -> `output`,
    where heads stand side by side. `columns` holds (head, column within it) for every column of
    the output, as an array (2, heads * width).
    """

    scores: Node
    chain: tuple[Node, ...]
    values: Node
    tail: tuple[Node, ...]
    output: Tensor
    columns: Index

    @property
    def count(self) -> int:
        """How many heads there are."""
        return prod(self.values.output.shape[:-2])


def _recognized(graph: Graph, values: Node) -> _Pattern:
    """Recognize the attention whose second product is `values`; raises NotRecognized."""
    scores, chain = _scores(graph, values)
    count = prod(values.output.shape[:-2])
    if prod(scores.output.shape[:-2]) != count:  # heads share their scores
        raise NotRecognized
    return _Pattern(scores, chain, values, *_joined(graph, values.output, count))


def _scores(graph: Graph, values: Node) -> tuple[Node, tuple[Node, ...]]:
    """Find the product of the scores, and the nodes from it to the probabilities."""
    tensor = values.inputs[0]
    chain: list[Node] = []
    softmax = 0
    while True:
        node = graph.writer(tensor)
        if node is None or graph.only_reader(tensor) is None:
            raise NotRecognized
        if isinstance(node.op, BatchMatMul) and softmax == 1:
            break
        same_rows = node.output.shape[-2:] == node.inputs[0].shape[-2:]
        if not (isinstance(node.op, Reshape) and same_rows):
            if isinstance(node.op, Softmax | SoftmaxQdq):
                softmax += 1
            elif not is_elementwise(node):
                raise NotRecognized
            chain.insert(0, node)
        tensor = node.activations[0]
    op = values.op
    assert isinstance(op, BatchMatMul)
    if op.adj_x or node.output.shape[-2:] != values.inputs[0].shape[-2:]:
        raise NotRecognized
    return node, tuple(chain)


def _joined(graph: Graph, out: Tensor, count: int) -> tuple[tuple[Node, ...], Tensor, Index]:
    """Find the last tensor behind the product with rows of tokens and columns of heads.

    Returns the elementwise nodes up to it, the tensor, and the (head, column) of its columns.
    """
    tokens, width = out.shape[-2:]
    tensor, index = out, np.arange(out.elements, dtype=np.int64)
    tail: list[Node] = []
    best: tuple[tuple[Node, ...], Tensor, Index] | None = None
    while True:
        node = graph.only_reader(tensor)
        if tensor.shape[-1:] == (count * width,) or count == 1:
            columns = _head_columns(index, count, tokens, width)
            if columns is not None:
                best = tuple(tail), tensor, columns
        if node is None:
            break
        if is_move(node.op):
            index = index[moved(node, np.arange(node.output.elements, dtype=np.int64))]
        elif is_elementwise(node) and all(t.elements == 1 for t in node.inputs[1:]):
            tail.append(node)
        else:
            break
        if len(index) != out.elements:
            break
        tensor = node.output
    if best is None:
        raise NotRecognized
    return best


def _head_columns(index: Index, count: int, tokens: int, width: int) -> Index | None:
    """The (head, column) of each column when `index` reads rows of tokens, else None.

    `index`: for each element of a tensor its place in the product (count, tokens, width).
    """
    rows = index.reshape(tokens, -1) if len(index) == count * tokens * width else None
    if rows is None:
        return None
    head, rest = np.divmod(rows, tokens * width)
    token, column = np.divmod(rest, width)
    straight = (token == np.arange(tokens)[:, None]).all()
    if not straight or (head != head[0]).any() or (column != column[0]).any():
        return None
    columns: Index = np.stack([head[0], column[0]])
    return columns


def _split(pattern: _Pattern, parts: Parts) -> Attention:
    """Compute the attention head by head; raises NotRecognized."""
    splitter = _Splitter(pattern, parts)
    heads = tuple(splitter.head(number) for number in range(pattern.count))
    return Attention(
        heads,
        splitter.join([head.output for head in heads]),
        pattern.output,
        tuple(parts.sources.values()),
        frozenset(parts.projections),
    )


class _Splitter:
    """Makes the nodes of single heads, and those that join them."""

    def __init__(self, pattern: _Pattern, parts: Parts) -> None:
        self.pattern = pattern
        self.parts = parts

    def head(self, number: int) -> Head:
        """Compute one head; raises NotRecognized."""
        pattern, parts = self.pattern, self.parts
        parts.tag = f".head{number}" if pattern.count > 1 else ".rows"
        keys = self._operand(pattern.scores, 1, number)
        weighted = self._operand(pattern.values, 1, number)
        keys_values = parts.taken()
        query = self._operand(pattern.scores, 0, number)
        queries = parts.taken()
        rows = self._product(pattern.scores, query, keys, adj_y=True)
        for node in pattern.chain:
            rows = self._same(node, rows, number)
        rows = self._product(pattern.values, rows, weighted, adj_y=False)
        for node in pattern.tail:
            rows = self._same(node, rows, number)
        return Head(keys_values, queries, parts.taken(), rows)

    def join(self, heads: Sequence[Tensor]) -> tuple[Node, ...]:
        """Put the heads side by side in the order of the columns, in the output's shape."""
        parts, values, output = self.parts, self.pattern.values, self.pattern.output
        head, column = self.pattern.columns
        width = heads[0].shape[-1]
        order = head[::width]
        inner = np.tile(np.arange(width), len(heads))
        if (head != np.repeat(order, width)).any() or (column != inner).any():
            raise NotRecognized
        parts.tag = ".join"
        rows = heads[order[0]]
        if len(heads) > 1:
            shape = (*rows.shape[:-1], width * len(heads))
            rows = output if shape == output.shape else parts.tensor(output, shape)
            in_order = tuple(heads[h] for h in order)
            parts.add(Concatenation(axis=len(shape) - 1), in_order, rows, values)
        if rows is not output:
            parts.add(Reshape(), (rows,), output, values)
        return parts.taken()

    def _product(self, node: Node, a: Tensor, b: Tensor, *, adj_y: bool) -> Tensor:
        rows = a.shape[-2]
        columns = b.shape[-2] if adj_y else b.shape[-1]
        out = self.parts.tensor(node.output, (1, rows, columns))
        self.parts.add(BatchMatMul(adj_x=False, adj_y=adj_y), (a, b), out, node)
        return out

    def _same(self, node: Node, x: Tensor, head: int) -> Tensor:
        """Run `node`, which works element by element or on the last axis, on one head."""
        inputs: Tensors = (x,)
        if len(node.inputs) > 1:
            index = np.arange(node.output.elements, dtype=np.int64)
            if node.output.elements > x.elements:
                index = index.reshape(-1, x.elements)[head]
            inputs = tuple(
                self.parts.constant_at(t, node.output.shape, index.reshape(x.shape[1:]))
                if t.is_constant
                else x
                for t in node.inputs
            )
        out = self.parts.tensor(node.output, x.shape)
        self.parts.add(node.op, inputs, out, node)
        return out

    def _operand(self, product: Node, which: int, head: int) -> Tensor:
        """Compute a head's operand as (1, tokens, width), whichever way the product reads it."""
        x = product.inputs[which]
        op = product.op
        assert isinstance(op, BatchMatMul)
        if prod(x.shape[:-2]) != prod(product.output.shape[:-2]):
            raise NotRecognized
        index = np.arange(x.elements, dtype=np.int64).reshape(-1, *x.shape[-2:])[head]
        is_scores = product is self.pattern.scores
        turned = op.adj_x if which == 0 else op.adj_y != is_scores
        return self.parts.part(x, index.T if turned else index)
