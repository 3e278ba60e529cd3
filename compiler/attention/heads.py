# SPDX-License-Identifier: Apache-2.0
"""Attention taken apart into heads: small matrix products on rows of tokens instead of one batch.

The graph's own form computes all heads at once: projections, a transpose to (heads, tokens, width),
two batched products with a softmax between, a transpose back. Nothing in it can run token by token.
Here every head becomes nodes of its own on (1, tokens, width) tensors: its columns of the
projections, its products, its softmax. Their `row_reads` then say all there is to know: scores need
one row of the queries and all keys, the head's output one row of scores and all values.

It is recognised by where elements go, not by how it is spelled: moves are followed as index arrays,
so separate projections, a fused one, any reshapes, transposes and slices, a scale or a table
anywhere and a constant bias on the scores come to the same nodes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.ir import Array, Graph, Node, Quant, Tensor, fresh
from mcuforge.compiler.ops.base import Op
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.softmax import Softmax
from mcuforge.compiler.ops.softmax_qdq import SoftmaxQdq
from mcuforge.compiler.ops.strided_copy import CopyOp
from mcuforge.compiler.ops.tables.table import TableOp

Index = NDArray[np.int64]


class NotRecognised(Exception):
    """This product is no attention of a form we take apart; it stays as it is."""


@dataclass(frozen=True, eq=False)
class Attention:
    """The nodes of one attention, head by head, and what they stand in for.

    `keys_values[h]` and `queries[h]` compute what head h multiplies, `heads[h]` the rest of it,
    `join` puts the heads side by side in `output`, whose writer they replace. `sources` are what
    the `projections`, nodes of the graph by identity, read.
    """

    keys_values: tuple[tuple[Node, ...], ...]
    queries: tuple[tuple[Node, ...], ...]
    heads: tuple[tuple[Node, ...], ...]
    join: tuple[Node, ...]
    output: Tensor
    sources: tuple[Tensor, ...]
    projections: frozenset[int]

    @property
    def queries_alone(self) -> bool:
        """True when no query is computed from what computes keys and values."""
        made = {id(node.output) for nodes in self.keys_values for node in nodes}
        return not any(id(x) in made for nodes in self.queries for n in nodes for x in n.inputs)


def find_attention(graph: Graph, links: Links) -> tuple[Attention, ...]:
    """Every attention of the graph that can be taken apart, in the order they run.

    Each call makes nodes and tensors of its own; `links` keeps their names apart.
    """
    found = []
    for node in graph.nodes:
        if isinstance(node.op, BatchMatMul):
            try:
                found.append(_Splitter(links, node).split())
            except NotRecognised:
                continue
    return tuple(found)


class Links:
    """Who writes and who reads each tensor, looked up once."""

    def __init__(self, graph: Graph) -> None:
        self.writer: dict[int, Node] = {id(n.output): n for n in graph.nodes}
        self.readers: dict[int, list[Node]] = {}
        for node in graph.nodes:
            for x in node.inputs:
                self.readers.setdefault(id(x), []).append(node)
        self.outputs = {id(t) for t in graph.outputs}
        self.place = {id(n): i for i, n in enumerate(graph.nodes)}
        self.tensors = {t.name for n in graph.nodes for t in (*n.inputs, n.output)}
        self.tensors |= {t.name for t in graph.inputs}
        self.nodes = {n.name for n in graph.nodes}

    def tensor_name(self, name: str) -> str:
        """`name`, or the like where a tensor has that name."""
        return fresh(name, self.tensors)

    def node_name(self, name: str) -> str:
        """`name`, or the like where a node has that name."""
        return fresh(name, self.nodes)

    def only_reader(self, tensor: Tensor) -> Node | None:
        """The one node that reads `tensor`, None for several or for an output of the graph."""
        readers = self.readers.get(id(tensor), [])
        return readers[0] if len(readers) == 1 and id(tensor) not in self.outputs else None


def is_move(op: Op) -> bool:
    """True for what only puts elements in another order or leaves some out."""
    return isinstance(op, Reshape | CopyOp)


def is_elementwise(node: Node) -> bool:
    """True where each element comes from the same one of the only run-time input."""
    if isinstance(node.op, TableOp):
        return node.inputs[0].shape == node.output.shape
    live = node.activations
    return (
        isinstance(node.op, BroadcastOp) and len(live) == 1 and live[0].shape == node.output.shape
    )


def moved(node: Node, index: Index) -> Index:
    """Where elements `index` of a move's output stand in its input."""
    x = node.inputs[0]
    places = np.arange(x.elements, dtype=np.int64).reshape(x.shape)
    gathered = node.op.evaluate(node.inputs, node.output, [places]).reshape(-1)[index]
    return gathered.astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Joined:
    """Where heads stand side by side, the elementwise nodes from the product up to there.

    `columns` holds for every column of `output` (head, column within it).
    """

    output: Tensor
    tail: tuple[Node, ...]
    columns: Index


@dataclass(eq=False)
class _Splitter:
    """Takes apart the attention that ends in the product `values`."""

    links: Links
    values: Node
    nodes: list[Node] = field(default_factory=list)  # of the part being built
    made: dict[tuple[int, bytes], Tensor] = field(default_factory=dict)
    tag: str = ""
    sources: dict[int, Tensor] = field(default_factory=dict)
    projections: set[int] = field(default_factory=set)

    def split(self) -> Attention:
        """The nodes that do the same; raises NotRecognised."""
        probabilities = self.values.inputs[0]
        chain, scores = self._scores(probabilities)
        count = prod(self.values.output.shape[:-2])
        if prod(scores.output.shape[:-2]) != count:  # heads share their scores
            raise NotRecognised
        joined = self._joined(count)
        keys_values, queries, heads, last = [], [], [], []
        for head in range(count):
            self.tag = f".head{head}" if count > 1 else ".rows"
            keys = self._operand(scores, 1, head)
            weighted = self._operand(self.values, 1, head)
            keys_values.append(self._taken())
            query = self._operand(scores, 0, head)
            queries.append(self._taken())
            rows = self._product(scores, query, keys, adj_y=True)
            for node in chain:
                rows = self._same(node, rows, head)
            rows = self._product(self.values, rows, weighted, adj_y=False)
            for node in joined.tail:
                rows = self._same(node, rows, head)
            heads.append(self._taken())
            last.append(rows)
        join = self._join(last, joined)
        return Attention(
            tuple(keys_values),
            tuple(queries),
            tuple(heads),
            join,
            joined.output,
            tuple(self.sources.values()),
            frozenset(self.projections),
        )

    def _taken(self) -> tuple[Node, ...]:
        nodes, self.nodes = tuple(self.nodes), []
        return nodes

    def _scores(self, tensor: Tensor) -> tuple[list[Node], Node]:
        """The nodes from the scores' product to the probabilities, and that product."""
        chain: list[Node] = []
        softmax = 0
        while True:
            node = self.links.writer.get(id(tensor))
            if node is None or self.links.only_reader(tensor) is None:
                raise NotRecognised
            if isinstance(node.op, BatchMatMul) and softmax == 1:
                break
            same_rows = node.output.shape[-2:] == node.inputs[0].shape[-2:]
            if not (isinstance(node.op, Reshape) and same_rows):
                if isinstance(node.op, Softmax | SoftmaxQdq):
                    softmax += 1
                elif not is_elementwise(node):
                    raise NotRecognised
                chain.insert(0, node)
            tensor = node.activations[0]
        op = self.values.op
        assert isinstance(op, BatchMatMul)
        if op.adj_x or node.output.shape[-2:] != self.values.inputs[0].shape[-2:]:
            raise NotRecognised
        return chain, node

    def _joined(self, count: int) -> _Joined:
        """The last tensor behind the product that is rows of tokens, columns of heads."""
        out = self.values.output
        tokens, width = out.shape[-2:]
        tensor, index = out, np.arange(out.elements, dtype=np.int64)
        tail: list[Node] = []
        best: _Joined | None = None
        while True:
            node = self.links.only_reader(tensor)
            if tensor.shape[-1:] == (count * width,) or count == 1:
                columns = self._columns(index, count, tokens, width)
                if columns is not None:
                    best = _Joined(tensor, tuple(tail), columns)
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
            raise NotRecognised
        return best

    def _columns(self, index: Index, count: int, tokens: int, width: int) -> Index | None:
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

    def _join(self, heads: list[Tensor], joined: _Joined) -> tuple[Node, ...]:
        """The heads side by side in the order the columns say, under the output's shape."""
        width = heads[0].shape[-1]
        columns, output = joined.columns, joined.output
        order = columns[0][::width]
        inner = np.tile(np.arange(width), len(heads))
        if (columns[0] != np.repeat(order, width)).any() or (columns[1] != inner).any():
            raise NotRecognised
        self.tag = ".join"
        parts = tuple(heads[h] for h in order)
        rows = parts[0]
        if len(parts) > 1:
            shape = (*rows.shape[:-1], width * len(parts))
            rows = output if shape == output.shape else self._tensor(output, shape)
            self._add(Concatenation(axis=len(shape) - 1), parts, rows, self.values)
        if rows is not output:
            self._add(Reshape(), (rows,), output, self.values)
        return self._taken()

    def _product(self, node: Node, a: Tensor, b: Tensor, *, adj_y: bool) -> Tensor:
        rows = a.shape[-2]
        columns = b.shape[-2] if adj_y else b.shape[-1]
        out = self._tensor(node.output, (1, rows, columns))
        self._add(BatchMatMul(adj_x=False, adj_y=adj_y), (a, b), out, node)
        return out

    def _same(self, node: Node, x: Tensor, head: int) -> Tensor:
        """`node`, which works element by element or on the last axis, on one head."""
        index = np.arange(node.output.elements, dtype=np.int64)
        if node.output.elements > x.elements:
            index = index.reshape(-1, x.elements)[head]
        inputs = tuple(
            self._constant_at(t, node.output.shape, index.reshape(x.shape[1:]))
            if t.is_constant
            else x
            for t in node.inputs
        )
        out = self._tensor(node.output, x.shape)
        self._add(node.op, inputs, out, node)
        return out

    def _operand(self, product: Node, which: int, head: int) -> Tensor:
        """A head's operand as (1, tokens, width), whatever way the product reads it."""
        x = product.inputs[which]
        op = product.op
        assert isinstance(op, BatchMatMul)
        if prod(x.shape[:-2]) != prod(product.output.shape[:-2]):
            raise NotRecognised
        index = np.arange(x.elements, dtype=np.int64).reshape(-1, *x.shape[-2:])[head]
        is_scores = product is not self.values
        turned = op.adj_x if which == 0 else op.adj_y != is_scores
        return self._part(x, index.T if turned else index)

    def _part(self, tensor: Tensor, index: Index) -> Tensor:
        """Elements `index` of `tensor`, (1, *index.shape), computed from where they come from."""
        node = self.links.writer.get(id(tensor))
        if node is not None and is_move(node.op):
            return self._part(node.inputs[0], moved(node, index))
        key = (id(tensor), index.tobytes())
        if key in self.made:
            return self.made[key]
        if node is not None and is_elementwise(node):
            source = self._part(node.activations[0], index)
            inputs = tuple(
                self._constant_at(t, node.output.shape, index) if t.is_constant else source
                for t in node.inputs
            )
            out = self._tensor(tensor, (1, *index.shape))
            self._add(node.op, inputs, out, node)
        else:
            out = self._columns_of(tensor, node, index)
        self.made[key] = out
        return out

    def _columns_of(self, tensor: Tensor, node: Node | None, index: Index) -> Tensor:
        """Some columns of rows of tokens: of a linear layer computed alone, of all else copied."""
        width = tensor.shape[-1] if tensor.shape else 1
        columns = index[0] % width
        first = index[0, 0] // width
        rows = (first + np.arange(index.shape[0]))[:, None] * width
        if tensor.is_constant or (index != rows + columns).any():
            raise NotRecognised
        all_rows = first == 0 and index.shape[0] * width == tensor.elements
        out = self._tensor(tensor, (1, *index.shape))
        if node is not None and isinstance(node.op, FullyConnected) and all_rows:
            self.sources[id(node.inputs[0])] = node.inputs[0]
            self.projections.add(id(node))
            constants = tuple(self._picked(t, columns) for t in node.inputs[1:])
            self._add(node.op, (node.inputs[0], *constants), out, node)
            return out
        if (np.diff(columns) != 1).any() or not all_rows or node is None:
            raise NotRecognised
        self.sources[id(tensor)] = tensor
        view = tensor
        if tensor.shape != (1, index.shape[0], width):
            view = self._tensor(tensor, (1, index.shape[0], width), ".tokens")
            self._add(Reshape(), (tensor,), view, node)
        begin = (0, 0, int(columns[0]))
        self._add(Slice(begin=begin, stride=(1, 1, 1)), (view,), out, node)
        return out

    def _tensor(self, like: Tensor, shape: tuple[int, ...], more: str = "") -> Tensor:
        name = self.links.tensor_name(f"{like.name}{self.tag}{more}")
        return replace(like, name=name, shape=shape, data=None)

    def _picked(self, constant: Tensor, columns: Index) -> Tensor:
        """Some output features of a linear layer's weights or bias."""
        quant = constant.quant
        if quant is not None and len(quant.scale) > 1:
            scale = tuple(quant.scale[c] for c in columns)
            quant = Quant(scale, quant.zero_point, quant.axis)
        data = np.ascontiguousarray(constant.values()[columns])
        return self._constant(replace(constant, quant=quant), data)

    def _constant_at(self, constant: Tensor, shape: tuple[int, ...], index: Index) -> Tensor:
        """What elements `index` of a tensor of `shape` meet of a constant broadcast to it."""
        if constant.elements == 1:
            return constant
        data = np.broadcast_to(constant.values(), shape).reshape(-1)[index][None]
        if (data == data[:, :1]).all():
            data = data[:, :1]
        return self._constant(constant, np.ascontiguousarray(data))

    def _constant(self, like: Tensor, data: Array) -> Tensor:
        name = self.links.tensor_name(f"{like.name}{self.tag}")
        return replace(like, name=name, shape=data.shape, data=data)

    def _add(self, op: Op, inputs: tuple[Tensor, ...], output: Tensor, node: Node) -> None:
        name = self.links.node_name(f"{node.name}{self.tag}")
        self.nodes.append(Node(name, op, inputs, output, node.origin))
