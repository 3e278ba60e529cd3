# SPDX-License-Identifier: Apache-2.0
"""Computes only the rows that are read: moves slices of rows up through row-wise operators."""

from collections.abc import Sequence
from dataclasses import replace
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
    names = Names(graph)
    while True:
        changed = _one_step(graph, names)
        if changed is None:
            return graph
        graph = changed


def _one_step(graph: Graph, names: Names) -> Graph | None:
    """Move the first slice that can move up by one node; None when no slice can."""
    cuts = [node for node in graph.nodes if isinstance(node.op, Slice) and _cuts_rows(node)]
    merged = _merged(graph, cuts)
    if merged is not None:
        return merged
    for cut in cuts:
        if graph.only_reader(cut.inputs[0]) is None:
            continue
        writer = graph.writer(cut.inputs[0])
        if writer is None:
            continue
        moved = _moved_up(cut, writer, names)
        if moved is not None:
            nodes: list[Node] = []
            for node in graph.nodes:
                if node is not cut:
                    nodes += moved if node is writer else [node]
            return replace(graph, nodes=tuple(nodes))
    return None


def _merged(graph: Graph, cuts: Sequence[Node]) -> Graph | None:
    """Merge two slices that take the same rows of a tensor; None where there are no two."""
    seen: dict[tuple[int, Op, tuple[int, ...]], Node] = {}
    for node in cuts:
        first = seen.setdefault((id(node.inputs[0]), node.op, node.output.shape), node)
        if first is not node and not graph.is_output(node.output):
            same = {id(node.output): first.output}
            nodes = tuple(n.rewired(same) for n in graph.nodes if n is not node)
            return replace(graph, nodes=nodes)
    return None


def _row_axis(shape: tuple[int, ...]) -> int | None:
    """The axis along which rows are counted; None unless there is exactly one."""
    dims = [a for a in range(row_dims(len(shape))) if shape[a] != 1]
    if len(dims) == 1:
        return dims[0]
    return None


def _cuts_rows(node: Node) -> bool:
    """True for a slice that takes some rows whole."""
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
