# SPDX-License-Identifier: Apache-2.0
"""Computes arithmetic on shapes (SHAPE, STRIDED_SLICE, PACK ...) while the file is read.

Converters write it where the batch is open: Flatten becomes SHAPE, STRIDED_SLICE, PACK and RESHAPE.
With fixed shapes all of it is constant.
"""

from collections.abc import Callable

import numpy as np

from mcuforge.compiler.frontends.common import LARGEST_INTEGER_LIST, contradiction, resolve_axis
from mcuforge.compiler.frontends.tflite.ops.operator import Operator
from mcuforge.compiler.frontends.tflite.ops.slicing import strided_cut
from mcuforge.compiler.frontends.tflite.tensors import INTEGER_TYPES, check_shape
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.tensors import DType

Fold = Callable[[Operator], Int64]


def shape_of(operator: Operator) -> Int64:
    """Compute SHAPE: the dimensions of its input, whatever its type; int64 (rank,)."""
    operator.arity(1)
    index = operator.index(0)
    raw = operator.values.raw(index)
    check_shape(raw, operator.values.names[index], DType.INT8)
    return np.array(raw.shape, np.int64)


def pack(operator: Operator) -> Int64:
    """Compute PACK: values_count 0, axis 1; int64, the inputs' shape with one more axis."""
    arrays = _arrays(operator)
    axis = resolve_axis(operator.options("PackOptions").integer(1), arrays[0].ndim + 1)
    _want_alike([a.shape for a in arrays])
    return np.stack(arrays, axis)


def concatenation(operator: Operator) -> Int64:
    """Compute CONCATENATION: axis 0; int64, the inputs' shape, longer along the axis."""
    arrays = _arrays(operator)
    axis = resolve_axis(operator.options("ConcatenationOptions").integer(0), arrays[0].ndim)
    _want_alike([(a.ndim, *a.shape[:axis], *a.shape[axis + 1 :]) for a in arrays])
    return np.concatenate(arrays, axis)


def cast(operator: Operator) -> Int64:
    """Compute CAST between integer types; int64 of the input's shape."""
    operator.arity(1)
    return operator.array(0)


def gather(operator: Operator) -> Int64:
    """Compute GATHER: axis 0; inputs values and indices; int64, the indices' shape at the axis."""
    operator.arity(2)
    values, indices = operator.array(0), operator.array(1)
    options = operator.options("GatherOptions")
    axis = resolve_axis(options.integer(0), values.ndim)
    if options.integer(1) != 0 or values.size * indices.size > LARGEST_INTEGER_LIST:
        raise contradiction(
            f"it takes {indices.size} of {values.size} values, batch_dims {options.integer(1)}; "
            f"expected batch_dims 0 and at most {LARGEST_INTEGER_LIST} values"
        )
    if indices.min(initial=0) < 0 or indices.max(initial=0) >= values.shape[axis]:
        raise contradiction(
            f"it takes an element outside axis {axis}, expected 0 to {values.shape[axis] - 1}"
        )
    return np.take(values, indices, axis)


def reduce_prod(operator: Operator) -> Int64:
    """Compute REDUCE_PROD: keep_dims 0; inputs values, axes; int64, the shape without the axes."""
    operator.arity(2)
    values = operator.array(0)
    axes = tuple(sorted({resolve_axis(axis, values.ndim) for axis in operator.integers(1)}))
    keep = operator.options("ReducerOptions").flag(0)
    return np.asarray(np.prod(values, axis=axes, keepdims=keep))


def strided_slice(operator: Operator) -> Int64:
    """Compute STRIDED_SLICE of a constant; int64 of the cut's shape."""
    values = operator.array(0)
    cut = strided_cut(operator, values.shape)
    for axis, (first, step, count) in enumerate(
        zip(cut.begin, cut.stride, cut.extent, strict=True)
    ):
        values = np.take(values, first + step * np.arange(count), axis)
    return values.reshape(cut.shape)


FOLDS: dict[str, Fold] = {
    "SHAPE": shape_of,
    "PACK": pack,
    "CONCATENATION": concatenation,
    "CAST": cast,
    "GATHER": gather,
    "REDUCE_PROD": reduce_prod,
    "STRIDED_SLICE": strided_slice,
}


def fold(operator: Operator) -> bool:
    """Compute the operator now if it is arithmetic on shapes; return False if it is not."""
    raw, values = operator.raw, operator.values
    if raw.name not in FOLDS or len(raw.outputs) != 1:
        return False
    output = raw.outputs[0]
    if values.raw(output).type_name not in INTEGER_TYPES:
        return False
    if raw.name != "SHAPE" and not all(i >= 0 and values.is_constant(i) for i in raw.inputs):
        return False
    value = FOLDS[raw.name](operator)
    if value.size > LARGEST_INTEGER_LIST or value.shape != values.raw(output).shape:
        raise contradiction(
            f"'{values.names[output]}' has shape {list(values.raw(output).shape)}, "
            f"but this operator computes {list(value.shape)}"
        )
    values.know(output, value)
    return True


def _arrays(operator: Operator) -> list[Int64]:
    """Read the inputs; 64 are more than any shape needs."""
    operator.arity(1, 64)
    return [operator.array(i) for i in range(len(operator.raw.inputs))]


def _want_alike(shapes: list[tuple[int, ...]]) -> None:
    if len(set(shapes)) != 1:
        raise contradiction("its inputs differ in shape, expected one shape")
