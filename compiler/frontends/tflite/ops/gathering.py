# SPDX-License-Identifier: Apache-2.0
"""Reads GATHER, PACK, UNPACK and BROADCAST_TO."""

from dataclasses import replace
from math import prod

from mcuforge.compiler.frontends.common import contradiction, resolve_axis
from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator
from mcuforge.compiler.frontends.tflite.ops.slicing import cut_and_shaped
from mcuforge.compiler.ops.broadcast_to import BroadcastTo
from mcuforge.compiler.ops.common.checks import want_shape
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.gather import picked
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import Refusal


def gather(operator: Operator) -> NewNodes:
    """Read GatherOptions: axis 0, batch_dims 1; inputs x and constant indices of any shape."""
    operator.arity(2)
    options = operator.options("GatherOptions")
    x, output = operator.input(0), operator.output()
    indices = operator.array(1)
    axis = resolve_axis(options.integer(0), len(x.shape))
    batch = options.integer(1)
    if batch < 0:
        batch += indices.ndim
    in_batches = not 0 <= batch <= min(axis, indices.ndim)
    if in_batches or prod(x.shape[:batch]) != 1 or prod(indices.shape[:batch]) != 1:
        raise Refusal(
            f"it gathers with batch_dims {options.integer(1)} from {list(x.shape)}, "
            "expected one list of indices for the whole batch",
            "gather with the same indices in every batch",
        )
    want_shape(output, (*x.shape[:axis], *indices.shape[batch:], *x.shape[axis + 1 :]))
    numbers = tuple(int(i) for i in indices.reshape(-1))
    extent = (*x.shape[:axis], len(numbers), *x.shape[axis + 1 :])
    return cut_and_shaped(operator, picked(x, axis, numbers), x, extent, output)


def unpack(operator: Operator) -> NewNodes:
    """Read UnpackOptions: num 0, axis 1; each element of the axis becomes one output."""
    count = len(operator.raw.outputs)
    operator.arity(1, outputs=count)
    options = operator.options("UnpackOptions", required=True)
    x = operator.input(0)
    axis = resolve_axis(options.integer(1), len(x.shape))
    if count == 0 or not count == x.shape[axis] == options.integer(0):
        raise contradiction(
            f"it unpacks {x.shape[axis]} elements of axis {axis} into {options.integer(0)}, "
            f"but has {count} outputs; expected one per element"
        )
    extent = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    nodes: list[NewNode] = []
    for i in range(count):
        output = operator.output(i)
        want_shape(output, (*x.shape[:axis], *x.shape[axis + 1 :]))
        nodes += cut_and_shaped(operator, picked(x, axis, (i,)), x, extent, output)
    return tuple(nodes)


def pack(operator: Operator) -> NewNodes:
    """Read PackOptions: values_count 0, axis 1; joins inputs of one shape along a new dimension."""
    count = len(operator.raw.inputs)
    operator.arity(1, count)
    options = operator.options("PackOptions", required=True)
    inputs = tuple(operator.input(i) for i in range(count))
    output = operator.output()
    axis = resolve_axis(options.integer(1), len(inputs[0].shape) + 1)
    shape = inputs[0].shape
    if any(x.shape != shape for x in inputs):
        raise contradiction("its inputs differ in shape, expected one shape")
    want_shape(output, (*shape[:axis], count, *shape[axis:]))
    if count == 1:
        return (NewNode(Reshape(), inputs, output),)
    nodes: list[NewNode] = []
    parts: list[Tensor] = []
    single = (*shape[:axis], 1, *shape[axis:])
    for i, x in enumerate(inputs):
        name = operator.values.fresh(f"{output.name}/part_{i}")
        data = None if x.data is None else x.data.reshape(single)
        part = replace(x, name=name, shape=single, data=data)
        parts.append(part)
        if data is None:
            nodes.append(NewNode(Reshape(), (x,), part))
    return (*nodes, NewNode(Concatenation(axis), tuple(parts), output))


def broadcast_to(operator: Operator) -> NewNodes:
    """Read inputs x and a constant shape."""
    operator.arity(2)
    operator.options("BroadcastToOptions")
    x, output = operator.input(0), operator.output()
    want_shape(output, operator.integers(1))
    return (NewNode(BroadcastTo(), (x,), output),)
