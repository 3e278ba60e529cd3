# SPDX-License-Identifier: Apache-2.0
"""Reads QuantizeLinear and DequantizeLinear: floats become integers of the graph, and back."""

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.common import SCALE_LIMITS, contradiction, resolve_axis
from mcuforge.compiler.frontends.onnx.ops.islands import is_variance
from mcuforge.compiler.frontends.onnx.ops.masking import Masked
from mcuforge.compiler.frontends.onnx.ops.operator import Operator
from mcuforge.compiler.frontends.onnx.values import (
    OFFSET,
    Constant,
    ConstantQuant,
    Edge,
    Real,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import Deferred
from mcuforge.compiler.ops.common.fixed_point import RANGE
from mcuforge.compiler.tensors import DType
from mcuforge.errors import Refusal

EIGHT_BITS = (
    "quantize to 8 bits: quantize_static(..., activation_type=QuantType.QInt8, "
    "weight_type=QuantType.QInt8)"
)
CALIBRATE = "quantize again with calibration data that exercises this tensor"
PER_TENSOR = "quantize activations per tensor; only weights may have one scale per channel"


def quantize_linear(operator: Operator) -> Value:
    """Read inputs x, scale, zero point; the result is int8, also where the file's is uint8."""
    operator.arity(2, 3)
    x = operator.value(0)
    if isinstance(x, Constant):
        return _quantized_constant(operator, x)
    if is_variance(x):
        return x
    if isinstance(x, Stored | Edge) and not _is_real(x):
        raise contradiction("it quantizes integers, expected float32")
    dtype = _quantized_type(operator)
    if _is_infinite(operator):
        return _without_steps(operator, x, dtype)
    scheme = _scheme(operator, dtype)
    return Stored(operator.work.realize(x, scheme), scheme, real=False)


def dequantize_linear(operator: Operator) -> Value:
    """Read inputs x, scale, zero point."""
    operator.arity(2, 3)
    x = operator.value(0)
    if isinstance(x, Constant):
        return _dequantized_constant(operator, x)
    if isinstance(x, Edge) and not _is_real(x):
        scheme = _scheme(operator, x.dtype)
        view = operator.work.realize(x, scheme)
        if operator.work.inputs[x.name].scheme.key != scheme.key:
            raise contradiction(
                "it reads the input on another scale than an earlier operator, expected the same"
            )
        return Stored(view, scheme, real=True)
    if is_variance(x):
        return x
    if isinstance(x, Deferred) or not isinstance(x, Stored) or x.real:
        raise contradiction("it dequantizes float32, expected 8-bit integers")
    scheme = _scheme(operator, x.scheme.dtype)
    if scheme.key != x.scheme.key:
        raise contradiction(
            f"it dequantizes with scale {scheme.scale:g} what was quantized with "
            f"{x.scheme.scale:g}, or with another zero point; expected the same"
        )
    return Stored(x.view, x.scheme, real=True)


def _is_infinite(operator: Operator) -> bool:
    """True for an infinite scale, which calibration data with infinite scores leaves."""
    return bool(np.isinf(_scales(operator)).all())


def _without_steps(operator: Operator, x: Value, dtype: str) -> Constant:
    """Quantize to an infinite scale, as onnxruntime does: nothing of the values is left.

    A finite number over infinity is 0, and infinity over infinity is stored as the lowest value.
    """
    if dtype not in OFFSET:
        raise Refusal(f"the activation is {dtype}, supported: int8 and uint8", EIGHT_BITS)
    operator.work.notes.append(
        f"{operator.node.origin}: the scale is infinite, so nothing of its values is left, in "
        "onnxruntime neither: quantize again with a mask of -10000 in place of -inf"
    )
    zero = int(_zero_points(operator, dtype, 1)[0])
    lowest = RANGE[DType(dtype)][0]
    infinite = x.infinite if isinstance(x, Masked) else np.zeros(x.shape, np.bool_)
    return Constant(operator.node.outputs[0], np.where(infinite, lowest, zero).astype(dtype))


def _is_real(x: Stored | Edge) -> bool:
    return x.real if isinstance(x, Stored) else x.dtype == "float32"


def _quantized_type(operator: Operator) -> str:
    """Find QuantizeLinear's type: its zero point's, else output_dtype's, else uint8."""
    if operator.has(2):
        return operator.constant(2).data.dtype.name
    codes = {0: "uint8", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16"}
    code = operator.int_of("output_dtype", 0)
    return codes.get(code, f"of type {code}")


def _scheme(operator: Operator, dtype: str) -> Scheme:
    """Return the scale and zero point of an activation. Raises Refusal for more than one scale."""
    if dtype not in OFFSET:
        raise Refusal(f"the activation is {dtype}, supported: int8 and uint8", EIGHT_BITS)
    scale = _scales(operator)
    if scale.size != 1:
        raise Refusal(
            f"the activation has {scale.size} scales, supported: one per tensor", PER_TENSOR
        )
    if not scale[0] >= SCALE_LIMITS[0]:
        least = SCALE_LIMITS[0]
        raise Refusal(f"the scale is {scale[0]:g}, expected at least {least:g}", CALIBRATE)
    zero = _zero_points(operator, dtype, 1)
    return Scheme(float(scale[0]), int(zero[0]) - OFFSET[dtype], dtype)


def _scales(operator: Operator) -> Real:
    """Return the scales, flattened: finite and above 0."""
    if operator.int_of("block_size", 0) != 0:
        raise Refusal("it is quantized in blocks, supported: per tensor or channel", EIGHT_BITS)
    data = operator.constant(1).data
    if data.dtype.kind != "f" or data.ndim > 1:
        raise contradiction(
            f"the scale is {data.dtype.name} of shape {list(data.shape)}, "
            "expected one float or a list of floats"
        )
    with np.errstate(invalid="ignore"):
        scale = data.reshape(-1).astype(np.float64)
    bad = scale[~(scale > 0.0)]
    if scale.size == 0 or bad.size:
        met = f"{bad[0]:g}" if bad.size else "empty"
        raise Refusal(f"a scale is {met}, expected a finite number above 0", CALIBRATE)
    return scale


def _zero_points(operator: Operator, dtype: str, count: int) -> NDArray[np.int64]:
    """Read one zero point per scale; 0 where the file has none."""
    if not operator.has(2):
        return np.zeros(count, np.int64)
    data = operator.constant(2).data
    if data.dtype.name != dtype or data.size not in (1, count):
        raise contradiction(
            f"it has {data.size} zero points of {data.dtype.name}, expected {count} of {dtype}"
        )
    return np.broadcast_to(data.reshape(-1).astype(np.int64), (count,))


def _constant_quant(operator: Operator, x: Constant, dtype: str) -> ConstantQuant:
    """Return the quantization of a constant of type `dtype`, per tensor or along an axis."""
    scale = _scales(operator)
    axis = None
    if scale.size > 1:
        axis = resolve_axis(operator.int_of("axis", 1), x.data.ndim)
        if x.shape[axis] != scale.size:
            raise contradiction(
                f"it has {scale.size} scales for {x.shape[axis]} slices of axis {axis}, "
                "expected one per slice"
            )
    return ConstantQuant(scale, _zero_points(operator, dtype, scale.size), axis)


def _dequantized_constant(operator: Operator, x: Constant) -> Constant:
    if x.quant is not None or x.data.dtype.name not in ("int8", "uint8", "int32"):
        met = "float32" if x.is_real else x.data.dtype.name
        raise Refusal(
            f"it dequantizes a constant of {met}, supported: int8, uint8 and int32", EIGHT_BITS
        )
    found = Constant(x.name, x.data, _constant_quant(operator, x, x.data.dtype.name))
    if not _is_infinite(operator):
        return found
    with np.errstate(invalid="ignore"):
        return Constant(x.name, found.float)  # infinite, and NaN where the integer is 0


def _quantized_constant(operator: Operator, x: Constant) -> Constant:
    """Quantize weights that the file stores in float before a QuantizeLinear."""
    dtype = _quantized_type(operator)
    if not x.is_real or dtype not in OFFSET:
        met = f"to {dtype}" if x.is_real else f"of {x.data.dtype.name}"
        raise Refusal(
            f"it quantizes a constant {met}, supported: float to int8 and uint8", EIGHT_BITS
        )
    quant = _constant_quant(operator, x, dtype)
    low, high = RANGE[DType(dtype)]
    shape = quant.shape(x.data.ndim)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.rint(x.real / quant.scale.reshape(shape))
        steps = np.nan_to_num(steps, nan=-1e9, posinf=1e9, neginf=-1e9)
    stored = np.clip(steps + quant.zero_point.reshape(shape), low, high)
    return Constant(x.name, stored.astype(dtype))
