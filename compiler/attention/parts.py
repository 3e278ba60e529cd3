# SPDX-License-Identifier: Apache-2.0
"""Computes some elements of a tensor alone: the rows of tokens that one head reads.

Moves are followed as index arrays: where elements come from decides, not how the graph spells it.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from mcuforge.compiler.attention.names import Names
from mcuforge.compiler.graph import Graph, Node, Op
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.strided_copy import CopyOp
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.tensors import Array, Index, Quant, Tensor, is_unknown, picked, unknown


class NotRecognized(Exception):
    """This product is not an attention that we can take apart; it stays as it is."""


MOVES = (Reshape, CopyOp)  # operators that only reorder elements or leave some out


def is_move(op: Op) -> bool:
    """True for operators that only reorder elements or leave some out."""
    return isinstance(op, MOVES)


def is_elementwise(node: Node) -> bool:
    """True where each element is computed from the element at the same place of the one input."""
    if isinstance(node.op, TableOp):
        return node.inputs[0].shape == node.output.shape
    live = node.activations
    return (
        isinstance(node.op, BroadcastOp) and len(live) == 1 and live[0].shape == node.output.shape
    )


def moved(node: Node, index: Index) -> Index:
    """Return where a move's input has the elements `index` of its output: int64, index's shape."""
    x = node.inputs[0]
    places = np.arange(x.elements, dtype=np.int64).reshape(x.shape)
    gathered = node.op.evaluate(node.inputs, node.output, [places]).reshape(-1)[index]
    return gathered.astype(np.int64)


@dataclass(eq=False)
class Parts:
    """Collects the nodes that compute parts of a graph's tensors.

    `sources` are the tensors that the projections read, `projections` the identities of those
    nodes. `tag` goes behind the names of what is added.
    """

    graph: Graph
    names: Names
    tag: str = ""
    sources: dict[int, Tensor] = field(default_factory=dict)
    projections: set[int] = field(default_factory=set)
    _nodes: list[Node] = field(default_factory=list)
    _made: dict[tuple[int, bytes], Tensor] = field(default_factory=dict)

    def taken(self) -> tuple[Node, ...]:
        """Return the nodes added since the last call."""
        nodes, self._nodes = tuple(self._nodes), []
        return nodes

    def add(self, op: Op, inputs: tuple[Tensor, ...], output: Tensor, like: Node) -> None:
        """Add a node that is named after `like` and reports the same origin."""
        name = self.names.node(f"{like.name}{self.tag}")
        self._nodes.append(Node(name, op, inputs, output, like.origin))

    def tensor(self, like: Tensor, shape: tuple[int, ...], more: str = "") -> Tensor:
        """Make a run-time tensor of `shape` that is otherwise like another."""
        name = self.names.tensor(f"{like.name}{self.tag}{more}")
        return replace(like, name=name, shape=shape, data=None)

    def part(self, tensor: Tensor, index: Index) -> Tensor:
        """Compute elements `index` of `tensor` as (1, *index.shape); raises NotRecognized."""
        node = self.graph.writer(tensor)
        if node is not None and is_move(node.op):
            return self.part(node.inputs[0], moved(node, index))
        key = (id(tensor), index.tobytes())
        if key in self._made:
            return self._made[key]
        if node is not None and is_elementwise(node):
            source = self.part(node.activations[0], index)
            inputs = tuple(
                self.constant_at(t, node.output.shape, index) if t.is_constant else source
                for t in node.inputs
            )
            out = self.tensor(tensor, (1, *index.shape))
            self.add(node.op, inputs, out, node)
        else:
            out = self._columns(tensor, node, index)
        self._made[key] = out
        return out

    def constant_at(self, constant: Tensor, shape: tuple[int, ...], index: Index) -> Tensor:
        """Return the part of a constant, broadcast to `shape`, that elements `index` meet."""
        if constant.elements == 1:
            return constant
        if is_unknown(constant.values()):
            return self._constant(constant, unknown((1, *index.shape), constant.dtype))
        data = np.broadcast_to(constant.values(), shape).reshape(-1)[index][None]
        if (data == data[:, :1]).all():
            data = data[:, :1]
        return self._constant(constant, np.ascontiguousarray(data))

    def _columns(self, tensor: Tensor, node: Node | None, index: Index) -> Tensor:
        """Compute some columns of all rows of tokens.

        A linear layer computes these columns alone; those of any other tensor are copied.
        """
        width = tensor.shape[-1] if tensor.shape else 1
        columns = index[0] % width
        first = index[0, 0] // width
        rows = (first + np.arange(index.shape[0]))[:, None] * width
        if tensor.is_constant or (index != rows + columns).any():
            raise NotRecognized
        all_rows = first == 0 and index.shape[0] * width == tensor.elements
        out = self.tensor(tensor, (1, *index.shape))
        if node is not None and isinstance(node.op, FullyConnected) and all_rows:
            self._project(node, columns, out)
            return out
        if (np.diff(columns) != 1).any() or not all_rows or node is None:
            raise NotRecognized
        self.sources[id(tensor)] = tensor
        view = tensor
        if tensor.shape != (1, index.shape[0], width):
            view = self.tensor(tensor, (1, index.shape[0], width), ".tokens")
            self.add(Reshape(), (tensor,), view, node)
        begin = (0, 0, int(columns[0]))
        self.add(Slice(begin=begin, stride=(1, 1, 1)), (view,), out, node)
        return out

    def _project(self, node: Node, columns: Index, out: Tensor) -> None:
        """Add the linear layer `node` with some of its output features only."""
        self.sources[id(node.inputs[0])] = node.inputs[0]
        self.projections.add(id(node))
        constants = tuple(self._features(t, columns) for t in node.inputs[1:])
        self.add(node.op, (node.inputs[0], *constants), out, node)

    def _features(self, constant: Tensor, columns: Index) -> Tensor:
        """Pick some output features of a linear layer's weights or bias."""
        quant = constant.quant
        if quant is not None and len(quant.scale) > 1:
            scale = tuple([quant.scale[c] for c in columns.tolist()])
            quant = Quant(scale, quant.zero_point, quant.axis)
        data = picked(constant.values(), columns)
        return self._constant(replace(constant, quant=quant), data)

    def _constant(self, like: Tensor, data: Array) -> Tensor:
        name = self.names.tensor(f"{like.name}{self.tag}")
        return replace(like, name=name, shape=data.shape, data=data)
