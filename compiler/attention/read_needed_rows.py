# SPDX-License-Identifier: Apache-2.0
"""Computes only the rows that are read: moves slices of rows up through row-wise operators."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import compress
from math import prod

import numpy as np

from mcuforge.compiler.attention.names import Names
from mcuforge.compiler.graph import Graph, Node, Op
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.common.by_row import LastAxisOp, row_dims
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.tensors import Tensor, is_unknown, unknown


def read_needed_rows(graph: Graph) -> Graph:
    """Let the writer of a tensor compute only the rows that the tensor's one slice takes.

    A classifier on a class token needs one row of the queries, the products and the MLP of its last
    block. The slice moves up to the keys and values, which need every token.
    """
    if not any(_cuts_rows(node) for node in graph.nodes):
        return graph
    names, changing = Names(graph), _Changing(graph)
    changed = False
    while _merge(changing) or _move(changing, names):
        changed = True
    return replace(graph, nodes=tuple(changing.nodes)) if changed else graph


class _Changing:
    """The nodes of a graph while slices move: who writes and reads each tensor is kept up to date.

    A slice moves through a dozen nodes and more; a graph for each step would count its links anew.
    """

    def __init__(self, graph: Graph) -> None:
        self.outputs = frozenset(graph.outputs)
        self.nodes: list[Node] = []
        self._cuts: list[bool] = []  # for each node, whether it is a slice of rows
        self.writers: dict[Tensor, Node] = {}
        self._readers: dict[Tensor, list[Node]] = {}
        self.replace(None, graph.nodes)

    @property
    def cuts(self) -> list[Node]:
        """The slices that take some rows whole, in the order they run."""
        return list(compress(self.nodes, self._cuts))

    def readers(self, tensor: Tensor) -> list[Node]:
        """The nodes that read `tensor`; one that reads it twice stands here twice."""
        return self._readers.get(tensor, [])

    def replace(self, old: Node | None, new: Sequence[Node]) -> None:
        """Put nodes in the place of one; behind all others if there is none."""
        place = len(self.nodes)
        if old is not None:
            place = next(i for i, node in enumerate(self.nodes) if node is old)
            for tensor in old.inputs:
                self._readers[tensor].remove(old)
            if self.writers.get(old.output) is old:
                del self.writers[old.output]
        replaced = slice(place, place + (old is not None))
        self.nodes[replaced] = new
        self._cuts[replaced] = map(_cuts_rows, new)
        for node in new:
            self.writers[node.output] = node
            for tensor in node.inputs:
                self._readers.setdefault(tensor, []).append(node)


def _merge(changing: _Changing) -> bool:
    """Merge two slices that take the same rows of a tensor; False if no two do."""
    seen: dict[tuple[Tensor, Op, tuple[int, ...]], Node] = {}
    for node in changing.cuts:
        first = seen.setdefault((node.inputs[0], node.op, node.output.shape), node)
        if first is not node and node.output not in changing.outputs:
            same = {id(node.output): first.output}
            changing.replace(node, ())
            for reader in dict.fromkeys(changing.readers(node.output)):
                changing.replace(reader, (reader.rewired(same),))
            return True
    return False


def _move(changing: _Changing, names: Names) -> bool:
    """Move the first slice that can move up by one node; False when no slice can."""
    for cut in changing.cuts:
        x = cut.inputs[0]
        writer = changing.writers.get(x)
        if writer is None or x in changing.outputs or len(changing.readers(x)) != 1:
            continue
        moved = _moved_up(cut, writer, names)
        if moved is not None:
            changing.replace(cut, ())
            changing.replace(writer, moved)
            return True
    return False


def _row_axis(shape: tuple[int, ...]) -> int | None:
    """The axis along which rows are counted; None unless there is exactly one."""
    dims = [a for a in range(row_dims(len(shape))) if shape[a] != 1]
    if len(dims) == 1:
        return dims[0]
    return None


def _cuts_rows(node: Node) -> bool:
    """True for a slice that takes some rows whole."""
    if type(node.op) is not Slice:  # isinstance takes long
        return False
    assert isinstance(node.op, Slice)
    x, out = node.inputs[0], node.output
    axis = _row_axis(x.shape)
    others = [a for a in range(len(x.shape)) if a != axis]
    return (
        axis is not None
        and out.shape[axis] < x.shape[axis]
        and all(x.shape[a] == out.shape[a] for a in others)
        and all(step > 0 for step, n in zip(node.op.stride, x.shape, strict=True) if n > 1)
    )


def _moved_up(cut: Node, writer: Node, names: Names) -> list[Node] | None:
    """Run the writer on fewer rows, behind slices of its inputs; None where rows are mixed."""
    assert isinstance(cut.op, Slice)
    axis = _row_axis(cut.inputs[0].shape)
    assert axis is not None
    first, step, count = cut.op.begin[axis], cut.op.stride[axis], cut.output.shape[axis]
    sliced = _sliced_axes(writer, axis)
    if sliced is None:
        return None
    nodes: list[Node] = []
    inputs: list[Tensor] = []
    for x, at in zip(writer.inputs, sliced, strict=True):
        if at is None:
            inputs.append(x)
            continue
        if x.shape[at] != cut.inputs[0].shape[axis]:
            return None
        shape = (*x.shape[:at], count, *x.shape[at + 1 :])
        fewer = replace(x, name=names.tensor(f"{x.name}.needed"), shape=shape)
        if x.data is not None:
            rows = first + step * np.arange(count)
            known = not is_unknown(x.data)
            data = np.take(x.data, rows, axis=at) if known else unknown(shape, x.dtype)
            inputs.append(replace(fewer, data=data))
            continue
        begin = tuple(first if a == at else 0 for a in range(len(shape)))
        stride = tuple(step if a == at else 1 for a in range(len(shape)))
        name = names.node(f"{x.name}.needed")
        nodes.append(Node(name, Slice(begin=begin, stride=stride), (x,), fewer, cut.origin))
        inputs.append(fewer)
    nodes.append(replace(writer, inputs=tuple(inputs), output=cut.output))
    return nodes


def _sliced_axes(node: Node, axis: int) -> tuple[int | None, ...] | None:
    """For each input the axis that matches `axis` of the output, None for inputs read whole.

    Returns None instead of the tuple where output rows depend on other input rows.
    """
    x, out = node.inputs[0], node.output
    if isinstance(node.op, BroadcastOp):
        return _aligned_axes(node, axis)
    rows = _row_axis(x.shape)
    own = (rows, *(None for _ in node.inputs[1:]))
    found = False
    match node.op:
        case FullyConnected():
            found = out.rows == x.rows and prod(x.shape[:-1]) == x.rows
        case TableOp():
            found = True
        case BatchMatMul() as op:
            found = prod(out.shape[:-2]) == 1 and not op.adj_x
        case Concatenation() as op:
            own = (rows,) * len(node.inputs)
            found = op.axis == len(out.shape) - 1
        case Reshape():
            found = x.rows == out.rows
        case _ if isinstance(node.op, LastAxisOp):
            found = len(out.shape) == row_dims(len(out.shape)) + 1
    return own if found and rows is not None else None


def _aligned_axes(node: Node, axis: int) -> tuple[int | None, ...] | None:
    """The same for broadcast inputs, whose dimensions are aligned at the last one."""
    found: list[int | None] = []
    for x in node.inputs:
        at = axis - len(node.output.shape) + len(x.shape)
        varies = at >= 0 and x.shape[at] > 1
        if varies and not x.is_constant and _row_axis(x.shape) != at:
            return None
        found.append(at if varies else None)
    return tuple(found)
