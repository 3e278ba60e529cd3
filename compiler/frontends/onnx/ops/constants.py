# SPDX-License-Identifier: Apache-2.0
"""Reads constants and operators on shapes: Constant, Shape, Expand, Cast, ..."""

from dataclasses import replace
from math import prod

import numpy as np

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.onnx.ops.moving import Repeated, moved, shaped
from mcuforge.compiler.frontends.onnx.ops.operator import FREEZE, Operator, want_size
from mcuforge.compiler.frontends.onnx.values import Constant, Edge, Scheme, Stored, Value
from mcuforge.compiler.tensors import Array, DType
from mcuforge.errors import Refusal

WHOLE = (6, 7)  # TensorProto's int32 and int64
FLOATS = (1, 10, 11)  # TensorProto's float32, float16, float64
CAST_TYPES = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64"}


def expand(operator: Operator) -> Value:
    """Repeat a value to a shape, along dimensions of 1."""
    operator.arity(2)
    x, wanted = operator.value(0), operator.integers(1)
    try:
        shape = tuple(int(n) for n in np.broadcast_shapes(x.shape, wanted))
    except ValueError:
        raise contradiction(
            f"it repeats {list(x.shape)} to {list(wanted)[:8]}, expected shapes that broadcast"
        ) from None
    want_size(shape)
    if isinstance(x, Constant):
        return moved(operator, x, lambda a: np.broadcast_to(a, shape), lambda w, v: v, shape)
    if prod(shape) == prod(x.shape):
        return shaped(operator, x, shape)
    repeated = Repeated(operator.node, shape, (x,))
    if isinstance(x, Stored) and not x.real:
        with operator.work.at(operator.node):
            return Stored(repeated.build(operator.work, x.scheme), x.scheme, real=False)
    return repeated


def cast(operator: Operator) -> Value:
    """Cast floats to floats and indices to indices, and 8-bit inputs to floats on scale 1."""
    operator.arity(1)
    x, target = operator.value(0), operator.int_of("to", 0)
    if isinstance(x, Constant):
        if target not in CAST_TYPES:
            raise Refusal(
                f"it casts a constant to type {target}, supported: {sorted(CAST_TYPES)}", FREEZE
            )
        data = x.real if x.is_real else x.data
        with np.errstate(over="ignore", invalid="ignore"):
            return Constant(x.name, np.nan_to_num(data).astype(CAST_TYPES[target]))
    if target in FLOATS and isinstance(x, Edge) and x.dtype in ("int8", "uint8"):
        scheme = Scheme(1.0, -128 if x.dtype == "uint8" else 0, x.dtype)
        return Stored(operator.work.realize(x, scheme), scheme, real=True)
    if target in WHOLE and isinstance(x, Stored) and x.view.tensor.dtype is DType.INT32:
        return replace(x, scheme=replace(x.scheme, dtype=CAST_TYPES[target]))
    integer = (isinstance(x, Stored) and not x.real) or (
        isinstance(x, Edge) and x.dtype != "float32"
    )
    if target in FLOATS and not integer:
        return x
    raise Refusal(
        f"it casts run-time values to type {target}, supported: between floats",
        "quantize with QuantizeLinear and DequantizeLinear instead of Cast",
    )


def shape_of(operator: Operator) -> Value:
    """Return the shape, which is known while reading."""
    operator.arity(1)
    shape = operator.value(0).shape
    begin, end = operator.int_of("start", 0), operator.int_of("end", len(shape))
    return Constant("shape", np.array(shape[begin:end], np.int64))


def size_of(operator: Operator) -> Value:
    """Return the number of elements, which is known while reading."""
    operator.arity(1)
    return Constant("size", np.array(prod(operator.value(0).shape), np.int64))


def constant(operator: Operator) -> Value:
    """Return a value written in the node itself."""
    name = operator.node.outputs[0] if operator.node.outputs else "constant"
    known = operator.node.attributes
    data: Array | None = None
    if "value" in known:
        data = operator.array_of("value")
    elif "value_float" in known:
        data = np.array(operator.float_of("value_float", 0.0), np.float32)
    elif "value_int" in known:
        data = np.array(operator.int_of("value_int", 0), np.int64)
    elif "value_ints" in known:
        data = np.array(operator.ints_of("value_ints"), np.int64)
    elif isinstance(floats := known.get("value_floats"), tuple):
        data = np.array(floats, np.float32)
    if data is None:
        raise contradiction("its value is missing, expected a tensor of numbers")
    return Constant(name, data)


def constant_of_shape(operator: Operator) -> Value:
    """Repeat one value to a constant shape."""
    operator.arity(1)
    shape = operator.integers(0)
    if min(shape, default=1) < 0:
        raise contradiction(f"its shape is {list(shape[:8])}, expected 0 or more")
    want_size(shape, constant=True)
    fill = operator.array_of("value")
    fill = np.zeros(1, np.float32) if fill is None else fill
    if fill.size != 1:
        raise contradiction(f"its value has {fill.size} elements, expected one")
    return Constant("filled", np.full(shape, fill.reshape(-1)[0], fill.dtype))
