# SPDX-License-Identifier: Apache-2.0
"""Reads operators that only move values: RESHAPE, PAD, CONCATENATION, TRANSPOSE, SPLIT, ..."""

from dataclasses import replace
from itertools import accumulate

import numpy as np

from mcuforge.compiler.frontends.common import completed, contradiction, resolve_axis
from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, NewNodes, Operator
from mcuforge.compiler.frontends.tflite.shifted import SHIFT
from mcuforge.compiler.frontends.tflite.tensors import FIX_SHAPE
from mcuforge.compiler.ops.common.checks import want_constant, want_same_quant, want_shape
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.ops.quantize import rounded_quotient
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.tables.lookup import HIGHEST, LOWEST, Lookup
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import Refusal


def reshape(operator: Operator) -> NewNodes:
    """Read ReshapeOptions: new_shape 0; a second input overrides it."""
    operator.arity(1, 2)
    options = operator.options("ReshapeOptions")
    x, output = operator.input(0), operator.output()
    wanted = operator.integers(1) if operator.has(1) else options.integers(0)
    wanted = operator.values.unbatched(wanted, x.elements)
    want_shape(output, completed(wanted, x.elements))
    return (NewNode(Reshape(), (x,), output),)


def squeeze(operator: Operator) -> NewNodes:
    """Read SqueezeOptions: squeeze_dims 0; an empty list drops every dimension of size 1."""
    operator.arity(1)
    options = operator.options("SqueezeOptions")
    x, output = operator.input(0), operator.output()
    rank = len(x.shape)
    axes = {resolve_axis(axis, rank) for axis in options.integers(0)}
    axes = axes or {i for i, n in enumerate(x.shape) if n == 1}
    if any(x.shape[axis] != 1 for axis in axes):
        raise contradiction(
            f"it drops dimensions {sorted(axes)} of {list(x.shape)}, expected ones of size 1"
        )
    want_shape(output, tuple(n for i, n in enumerate(x.shape) if i not in axes))
    return (NewNode(Reshape(), (x,), output),)


def expand_dims(operator: Operator) -> NewNodes:
    """Read inputs x and one constant axis."""
    operator.arity(2)
    operator.options("ExpandDimsOptions")
    x, output = operator.input(0), operator.output()
    axis = resolve_axis(operator.integer(1), len(x.shape) + 1)
    want_shape(output, (*x.shape[:axis], 1, *x.shape[axis:]))
    return (NewNode(Reshape(), (x,), output),)


def pad(operator: Operator) -> NewNodes:
    """Read inputs x and constant paddings (rank, 2); fills with the zero point."""
    operator.arity(2)
    operator.options("PadOptions")
    return _pad(operator, operator.output().zero_point)


def pad_v2(operator: Operator) -> NewNodes:
    """Read inputs x, constant paddings, and the constant to fill with, on x's scale."""
    operator.arity(3)
    operator.options("PadV2Options")
    fill = operator.input(2)
    want_constant(fill)
    want_same_quant(fill, operator.output())
    if fill.elements != 1 or fill.dtype is not operator.input(0).dtype:
        raise contradiction(
            f"the fill value is {fill.dtype.value} {list(fill.shape)}, "
            f"expected one {operator.input(0).dtype.value}"
        )
    return _pad(operator, int(fill.values().reshape(-1)[0]))


def concatenation(operator: Operator) -> NewNodes:
    """Read ConcatenationOptions: axis 0, activation 1."""
    operator.arity(1, len(operator.raw.inputs))
    options = operator.options("ConcatenationOptions", required=True)
    output = operator.output()
    if options.activation(1) != "none":
        raise Refusal(
            f"the fused activation is {options.activation(1)}, supported: none",
            "put the activation in a separate layer",
        )
    axis = resolve_axis(options.integer(0), len(operator.input(0).shape))
    inputs = tuple(operator.input(i) for i in range(len(operator.raw.inputs)))
    if axis == 0 and operator.values.batch > 1:
        raise Refusal(
            f"it joins along the batch of {operator.values.batch}, supported: samples kept apart",
            FIX_SHAPE,
        )
    first = inputs[0].shape
    if all(len(x.shape) == len(first) for x in inputs):
        joined = sum(x.shape[axis] for x in inputs)
        want_shape(output, (*first[:axis], joined, *first[axis + 1 :]))
    nodes: list[NewNode] = []
    if operator.values.legacy:
        inputs = tuple(_on_scale(operator, x, output, nodes) for x in inputs)
    return (*nodes, NewNode(Concatenation(axis), inputs, output))


def _on_scale(operator: Operator, x: Tensor, output: Tensor, nodes: list[NewNode]) -> Tensor:
    """Put x on the output's scale as the reference does for uint8; int8 values in between.

    It computes round(q * scale + bias) + zero point in float32, q and zero points in uint8.
    """
    if x.quant == output.quant or x.quant is None or output.quant is None:
        return x
    stored = np.arange(LOWEST, HIGHEST + 1).astype(np.float32) + np.float32(SHIFT)
    scale = np.float32(x.scale) * (np.float32(1.0) / np.float32(output.scale))
    bias = np.float32(-(x.zero_point + SHIFT)) * scale
    steps = rounded_quotient(stored * scale + bias, 1.0) + output.zero_point
    table = np.clip(steps, LOWEST, HIGHEST)
    name = operator.values.fresh(f"{x.name}/scaled")
    scaled = replace(x, name=name, quant=output.quant, data=None)
    if x.data is not None:
        return replace(scaled, data=table[x.data.astype(np.int64) - LOWEST].astype(np.int8))
    lookup = Lookup("requantize", tuple(int(v) for v in table))
    nodes.append(NewNode(lookup, (x,), scaled))
    return scaled


def transpose(operator: Operator) -> NewNodes:
    """Read inputs x and a constant permutation."""
    operator.arity(2)
    operator.options("TransposeOptions")
    return (NewNode(Transpose(operator.integers(1)), (operator.input(0),), operator.output()),)


def split(operator: Operator) -> NewNodes:
    """Read SplitOptions: num_splits 0; inputs axis and x; equal parts."""
    count = len(operator.raw.outputs)
    operator.arity(2, outputs=count)
    met = operator.options("SplitOptions", required=True).integer(0)
    x = operator.input(1)
    axis = resolve_axis(operator.integer(0), len(x.shape))
    if count == 0 or met != count or x.shape[axis] % count != 0:
        raise contradiction(
            f"it splits {x.shape[axis]} elements of axis {axis} into {met} parts, "
            f"but has {count} outputs; expected equal parts, one per output"
        )
    return _parts(operator, x, axis, (x.shape[axis] // count,) * count)


def split_v(operator: Operator) -> NewNodes:
    """Read SplitVOptions: num_splits 0; inputs x, sizes (one may be -1: the rest) and axis."""
    count = len(operator.raw.outputs)
    operator.arity(3, outputs=count)
    operator.options("SplitVOptions")
    x = operator.input(0)
    axis = resolve_axis(operator.integer(2), len(x.shape))
    sizes = _completed_sum(operator.integers(1), x.shape[axis])
    if len(sizes) != count or min(sizes, default=0) < 1 or sum(sizes) != x.shape[axis]:
        raise contradiction(
            f"it splits {x.shape[axis]} elements of axis {axis} into {list(sizes[:8])}, "
            f"but has {count} outputs; expected one size per output, which add up"
        )
    return _parts(operator, x, axis, sizes)


def _completed_sum(sizes: tuple[int, ...], total: int) -> tuple[int, ...]:
    """Compute the one -1 of requested sizes."""
    if sizes.count(-1) != 1:
        return sizes
    left = total - sum(n for n in sizes if n != -1)
    return tuple(left if n == -1 else n for n in sizes)


def _pad(operator: Operator, value: int) -> NewNodes:
    x = operator.input(0)
    paddings = operator.array(1)
    if paddings.shape != (len(x.shape), 2):
        raise contradiction(
            f"the paddings have shape {list(paddings.shape)}, expected {[len(x.shape), 2]}"
        )
    before = tuple(int(n) for n in paddings[:, 0])
    after = tuple(int(n) for n in paddings[:, 1])
    return (NewNode(Pad(before, after, value), (x,), operator.output()),)


def _parts(operator: Operator, x: Tensor, axis: int, sizes: tuple[int, ...]) -> NewNodes:
    """Make one slice per output, in order along `axis`."""
    nodes = []
    for i, (size, end) in enumerate(zip(sizes, accumulate(sizes), strict=True)):
        output = operator.output(i)
        want_shape(output, (*x.shape[:axis], size, *x.shape[axis + 1 :]))
        starts = tuple(end - size if d == axis else 0 for d in range(len(x.shape)))
        nodes.append(NewNode(Slice(starts, (1,) * len(x.shape)), (x,), output))
    return tuple(nodes)
