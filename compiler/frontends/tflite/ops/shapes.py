# SPDX-License-Identifier: Apache-2.0
"""Computes arithmetic on shapes (SHAPE, STRIDED_SLICE, PACK ...) while the file is read.

Converters write it where the batch is open: Flatten becomes SHAPE, STRIDED_SLICE, PACK and RESHAPE.
With fixed shapes all of it is constant, and so is what is made of it: the zeros that a recurrent
layer starts from (FILL), a mask of truth values (LESS, LOGICAL_AND), a factor (CAST, DIV).
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.frontends.common import (
    FEWER,
    LARGEST_INTEGER_LIST,
    MOST_DIMENSIONS,
    completed,
    contradiction,
    resolve_axes,
    resolve_axis,
    want_elements,
)
from mcuforge.compiler.frontends.tflite.ops.operator import Operator
from mcuforge.compiler.frontends.tflite.ops.slicing import strided_cut
from mcuforge.compiler.frontends.tflite.tensors import CONSTANT_TYPES, STORED_TYPES, check_shape
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.tensors import Array, DType

Fold = Callable[[Operator], Array]
MOST_INPUTS = 64  # more than any shape needs


def _shape_of(operator: Operator) -> Int64:
    """Compute SHAPE: the dimensions of its input, whatever its type; int64 (rank,)."""
    operator.arity(1)
    index = operator.index(0)
    raw = operator.values.raw(index)
    check_shape(raw, operator.values.names[index], DType.INT8)
    return np.array(raw.shape, np.int64)


def _rank_of(operator: Operator) -> Int64:
    """Compute RANK: how many dimensions its input has; int64 ()."""
    return np.array(len(_shape_of(operator)), np.int64)


def _pack(operator: Operator) -> Array:
    """Compute PACK: values_count 0, axis 1; the inputs' shape with one more axis."""
    arrays = _arrays(operator)
    axis = resolve_axis(operator.options("PackOptions").integer(1), arrays[0].ndim + 1)
    _want_alike([a.shape for a in arrays])
    return np.stack(arrays, axis)


def _concatenation(operator: Operator) -> Array:
    """Compute CONCATENATION: axis 0; the inputs' shape, longer along the axis."""
    arrays = _arrays(operator)
    axis = resolve_axis(operator.options("ConcatenationOptions").integer(0), arrays[0].ndim)
    _want_alike([(a.ndim, *a.shape[:axis], *a.shape[axis + 1 :]) for a in arrays])
    return np.concatenate(arrays, axis)


def _cast(operator: Operator) -> Array:
    """Compute CAST: the values toward zero in the output's type, of the input's shape."""
    operator.arity(1)
    kind = CONSTANT_TYPES[operator.values.raw(operator.raw.outputs[0]).type_name]
    value = operator.constant(0)
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise contradiction(f"it casts {value.reshape(-1)[0]:g}, expected finite numbers")
    return value.astype(kind)


def _gather(operator: Operator) -> Array:
    """Compute GATHER: axis 0; inputs values and indices; the indices' shape at the axis."""
    operator.arity(2)
    values, indices = operator.constant(0), operator.array(1)
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


def _reduced(function: Callable[..., Array], operator: Operator) -> Array:
    """Compute a REDUCE operator: keep_dims 0; inputs values, axes; the shape without the axes."""
    operator.arity(2)
    values = operator.constant(0)
    axes = tuple(sorted({resolve_axis(axis, values.ndim) for axis in operator.integers(1)}))
    keep = operator.options("ReducerOptions").flag(0)
    return np.asarray(function(values, axis=axes, keepdims=keep)).astype(values.dtype)


def _strided_slice(operator: Operator) -> Array:
    """Compute STRIDED_SLICE of a constant: the cut's shape."""
    values = operator.constant(0)
    cut = strided_cut(operator, values.shape)
    for axis, (first, step, count) in enumerate(
        zip(cut.begin, cut.stride, cut.extent, strict=True)
    ):
        values = np.take(values, first + step * np.arange(count), axis)
    return values.reshape(cut.shape)


def _slice(operator: Operator) -> Array:
    """Compute SLICE: inputs values, begin and size, in which -1 takes the rest."""
    operator.arity(3)
    values, begin, size = operator.constant(0), operator.integers(1), operator.integers(2)
    if not len(begin) == len(size) == values.ndim:
        raise contradiction(f"it slices {list(values.shape)} by {len(begin)} and {len(size)} sizes")
    ends = tuple(n if s == -1 else b + s for n, b, s in zip(values.shape, begin, size, strict=True))
    if any(not 0 <= b <= e <= n for n, b, e in zip(values.shape, begin, ends, strict=True)):
        raise contradiction(f"it takes {list(begin)} to {list(ends)} of {list(values.shape)}")
    return values[tuple(slice(b, e) for b, e in zip(begin, ends, strict=True))]


def _reshaped(operator: Operator) -> Array:
    """Compute RESHAPE: new_shape 0; a second input overrides it."""
    operator.arity(1, 2)
    options = operator.options("ReshapeOptions")
    values = operator.constant(0)
    wanted = operator.integers(1) if operator.has(1) else options.integers(0)
    shape = completed(wanted, values.size)
    if min(shape, default=1) < 0 or prod(shape) != values.size:
        raise contradiction(f"it gives {values.size} values the shape {list(wanted)}")
    return values.reshape(shape)


def _squeeze(operator: Operator) -> Array:
    """Compute SQUEEZE: squeeze_dims 0; an empty list drops every dimension of size 1."""
    operator.arity(1)
    values = operator.constant(0)
    axes = resolve_axes(operator.options("SqueezeOptions").integers(0), values.ndim)
    if any(values.shape[axis] != 1 for axis in axes):
        raise contradiction(f"it drops dimensions {sorted(axes)} of {list(values.shape)}")
    return np.squeeze(values, axes or None)


def _expand_dims(operator: Operator) -> Array:
    """Compute EXPAND_DIMS: inputs values and one axis."""
    operator.arity(2)
    values = operator.constant(0)
    return np.expand_dims(values, resolve_axis(operator.integer(1), values.ndim + 1))


def _range(operator: Operator) -> Array:
    """Compute RANGE: inputs start, limit and delta, one number each; one dimension."""
    operator.arity(3)
    start, limit, delta = (operator.constant(i).reshape(-1) for i in range(3))
    if not start.size == limit.size == delta.size == 1 or delta[0] == 0:
        raise contradiction("its start, limit and delta are not one number each, delta above 0")
    count = int(np.ceil((float(limit[0]) - float(start[0])) / float(delta[0])))
    if count > LARGEST_INTEGER_LIST:
        raise contradiction(f"it lists {count} values, expected at most {LARGEST_INTEGER_LIST}")
    # one sum after the other, as the interpreter does: in float32 a product rounds differently
    terms = np.repeat(delta.astype(start.dtype), max(count, 0))
    terms[:1] = start
    values: Array = np.add.accumulate(terms)
    return values


def _fill(operator: Operator) -> Array:
    """Compute FILL: inputs dimensions and one value; a large one takes the memory of one value."""
    operator.arity(2)
    value = operator.constant(1)
    if value.size != 1:
        raise contradiction(f"it fills with {value.size} values, expected one")
    return _repeated(operator, value.reshape(()), operator.integers(0))


def _broadcast_to(operator: Operator) -> Array:
    """Compute BROADCAST_TO: inputs values and a shape."""
    operator.arity(2)
    return _repeated(operator, operator.constant(0), operator.integers(1))


def _broadcast_args(operator: Operator) -> Int64:
    """Compute BROADCAST_ARGS: the shape to which two shapes broadcast; int64 (rank,)."""
    operator.arity(2)
    try:
        return np.array(
            np.broadcast_shapes(operator.integers(0), operator.integers(1)), dtype=np.int64
        )
    except ValueError:
        raise contradiction(
            f"shapes {list(operator.integers(0))} and {list(operator.integers(1))} do not broadcast"
        ) from None


def _zeros_like(operator: Operator) -> Array:
    """Compute ZEROS_LIKE: zeros of the input's shape and type."""
    operator.arity(1)
    return np.zeros_like(operator.constant(0))


def _select(operator: Operator) -> Array:
    """Compute SELECT and SELECT_V2: inputs condition, values where true, values where false."""
    operator.arity(3)
    condition, yes, no = (operator.constant(i) for i in range(3))
    if operator.raw.name == "SELECT":
        condition = by_rows(condition, yes.ndim)
    _want_broadcast(condition.shape, yes.shape, no.shape)
    return np.where(condition, yes, no)


def by_rows(condition: Array, rank: int) -> Array:
    """Give SELECT's condition of one dimension the others too: it chooses whole rows.

    Returns the condition in its dtype, of shape (rows, 1, ...).
    """
    spread = condition.ndim == 1 and rank > 1
    return condition.reshape(-1, *(1,) * (rank - 1)) if spread else condition


def _binary(
    function: Callable[[Array, Array], Array], options: str, operator: Operator, fused: bool = False
) -> Array:
    """Compute an elementwise operator of two inputs that broadcast."""
    operator.arity(2)
    table = operator.options(options)
    a, b = operator.constant(0), operator.constant(1)
    _want_broadcast(a.shape, b.shape)
    if fused and table.activation(0) != "none":
        raise contradiction(f"it fuses {table.activation(0)} into arithmetic on shapes")
    if function in (np.floor_divide, np.fmod, np.remainder, _quotient) and not b.all():
        raise contradiction("it divides by zero")
    return np.asarray(function(a, b))


def _unary(function: Callable[[Array], Array], operator: Operator) -> Array:
    """Compute an elementwise operator of one input."""
    operator.arity(1)
    return np.asarray(function(operator.constant(0)))


def _quotient(a: Array, b: Array) -> Array:
    """Divide as C does: integers toward zero."""
    if a.dtype.kind == "f":
        return np.divide(a, b)
    exact = np.abs(a.astype(np.int64)) // np.abs(b.astype(np.int64))
    signed: Array = (exact * np.sign(a) * np.sign(b)).astype(a.dtype)
    return signed


FOLDS: Mapping[str, Fold] = MappingProxyType(
    {
        "SHAPE": _shape_of,
        "RANK": _rank_of,
        "PACK": _pack,
        "CONCATENATION": _concatenation,
        "CAST": _cast,
        "GATHER": _gather,
        "REDUCE_PROD": partial(_reduced, np.prod),
        "REDUCE_MAX": partial(_reduced, np.max),
        "REDUCE_MIN": partial(_reduced, np.min),
        "REDUCE_ALL": partial(_reduced, np.all),
        "REDUCE_ANY": partial(_reduced, np.any),
        "SUM": partial(_reduced, np.sum),
        "STRIDED_SLICE": _strided_slice,
        "SLICE": _slice,
        "RESHAPE": _reshaped,
        "SQUEEZE": _squeeze,
        "EXPAND_DIMS": _expand_dims,
        "RANGE": _range,
        "FILL": _fill,
        "BROADCAST_TO": _broadcast_to,
        "BROADCAST_ARGS": _broadcast_args,
        "ZEROS_LIKE": _zeros_like,
        "SELECT": _select,
        "SELECT_V2": _select,
        "ADD": partial(_binary, np.add, "AddOptions", fused=True),
        "SUB": partial(_binary, np.subtract, "SubOptions", fused=True),
        "MUL": partial(_binary, np.multiply, "MulOptions", fused=True),
        "DIV": partial(_binary, _quotient, "DivOptions", fused=True),
        "FLOOR_DIV": partial(_binary, np.floor_divide, "FloorDivOptions"),
        "FLOOR_MOD": partial(_binary, np.remainder, "FloorModOptions"),
        "MAXIMUM": partial(_binary, np.maximum, "MaximumMinimumOptions"),
        "MINIMUM": partial(_binary, np.minimum, "MaximumMinimumOptions"),
        "EQUAL": partial(_binary, np.equal, "EqualOptions"),
        "NOT_EQUAL": partial(_binary, np.not_equal, "NotEqualOptions"),
        "LESS": partial(_binary, np.less, "LessOptions"),
        "LESS_EQUAL": partial(_binary, np.less_equal, "LessEqualOptions"),
        "GREATER": partial(_binary, np.greater, "GreaterOptions"),
        "GREATER_EQUAL": partial(_binary, np.greater_equal, "GreaterEqualOptions"),
        "LOGICAL_AND": partial(_binary, np.logical_and, "LogicalAndOptions"),
        "LOGICAL_OR": partial(_binary, np.logical_or, "LogicalOrOptions"),
        "LOGICAL_NOT": partial(_unary, np.logical_not),
        "NEG": partial(_unary, np.negative),
        "ABS": partial(_unary, np.abs),
    }
)


def fold(operator: Operator) -> bool:
    """Compute the operator now if it is arithmetic on shapes; return False if it is not."""
    raw, values = operator.raw, operator.values
    if raw.name not in FOLDS or len(raw.outputs) != 1:
        return False
    output = raw.outputs[0]
    types = STORED_TYPES if raw.name == "FILL" else CONSTANT_TYPES
    if values.raw(output).type_name not in types:
        return False
    of_shape = raw.name in ("SHAPE", "RANK")
    if not of_shape and not all(i >= 0 and values.is_constant(i) for i in raw.inputs):
        return False
    if not of_shape and any(values.raw(i).type_name not in types for i in raw.inputs):
        return False
    with np.errstate(all="ignore"):
        value = FOLDS[raw.name](operator)
    if value.size > LARGEST_INTEGER_LIST and raw.name not in ("FILL", "BROADCAST_TO"):
        raise contradiction(
            f"'{values.names[output]}' has {value.size} values computed while reading, "
            f"expected at most {LARGEST_INTEGER_LIST}"
        )
    values.know(output, value)
    return True


def _arrays(operator: Operator) -> list[Array]:
    """Read the inputs, all of one type."""
    operator.arity(1, MOST_INPUTS)
    return [operator.constant(i) for i in range(len(operator.raw.inputs))]


def _repeated(operator: Operator, value: Array, shape: tuple[int, ...]) -> Array:
    """Repeat `value` to `shape`."""
    if min(shape, default=1) < 1 or len(shape) > MOST_DIMENSIONS:
        raise contradiction(f"it gives a tensor of shape {list(shape)}, expected 1 or more each")
    name = operator.values.names[operator.raw.outputs[0]]
    want_elements(f"'{name}'", prod(shape), FEWER)
    _want_broadcast(value.shape, shape)
    return np.broadcast_to(value, shape)


def _want_alike(shapes: list[tuple[int, ...]]) -> None:
    if len(set(shapes)) != 1:
        raise contradiction("its inputs differ in shape, expected one shape")


def _want_broadcast(*shapes: tuple[int, ...]) -> None:
    """Refuse shapes that do not broadcast, or to more values than any shape needs."""
    try:
        found: tuple[int, ...] = np.broadcast_shapes(*shapes)
    except ValueError:
        raise contradiction(f"shapes {', '.join(map(str, map(list, shapes)))} differ") from None
    want_elements("its result", prod(found), FEWER)
