# SPDX-License-Identifier: Apache-2.0
"""TFLite's integer arithmetic in numpy: fixed-point multipliers and double rounding.

Formulas: gemmlowp fixedpoint.h (SaturatingRoundingDoublingHighMul, RoundingDivideByPOT) and
TFLite kernels/internal/quantization_util.cc (QuantizeMultiplier), restated.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcuforge.compiler.graph import Activation
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor

Int64 = NDArray[np.int64]

LEAST_ROUNDED_ONCE = 2.0**-12
RANGE = {DType.INT8: (-128, 127), DType.UINT8: (0, 255), DType.INT32: (-(2**31), 2**31 - 1)}

# the smallest and the largest real value that an activation lets through
LIMITS: dict[Activation, tuple[float | None, float | None]] = {
    "none": (None, None),
    "relu": (0.0, None),
    "relu6": (0.0, 6.0),
    "relu_n1_to_1": (-1.0, 1.0),
}


class Multiplier(NamedTuple):
    """A real factor as mantissa * 2**(shift - 31), mantissa in [0, 2**31).

    TFLite's mantissas are 0 or at least 2**30; those of `output_multiplier` may be smaller.
    """

    mantissa: int
    shift: int


def quantize_multiplier(real: float) -> Multiplier:
    """Round a non-negative factor to fixed point, as TFLite's QuantizeMultiplier does."""
    if real == 0.0:
        return Multiplier(0, 0)
    fraction, shift = math.frexp(real)
    mantissa = math.floor(fraction * 2**31 + 0.5)
    if mantissa == 2**31:
        mantissa //= 2
        shift += 1
    if shift < -31:
        return Multiplier(0, 0)
    if shift > 30:
        return Multiplier(2**31 - 1, 30)
    return Multiplier(mantissa, shift)


def output_multiplier(real: float, output: Tensor) -> Multiplier:
    """Compute the factor from an accumulator to the output's scale, with the output's rounding."""
    assert output.quant is not None
    return rounded_multiplier(real, output.quant.nearest)


def rounded_multiplier(real: float, nearest: bool) -> Multiplier:
    """Compute the factor from an accumulator to an output that is rounded once, if `nearest`.

    Without a right shift the kernels round once, in the high word of the product. A factor below
    1/2 has no right shift if its mantissa stays small. From 2**-12 on such a mantissa still has 19
    bits, and 256 steps are exact within 2**-12 of a step. Smaller factors are TFLite's: there a
    second rounding changes at most one in 2**13 results.
    """
    if nearest and LEAST_ROUNDED_ONCE <= real < 0.5:
        return Multiplier(math.floor(real * 2.0**31 + 0.5), 0)
    return quantize_multiplier(real)


def wrap_int32(x: ArrayLike) -> Int64:
    """Wrap to the values an int32 register would hold; int64 of x's shape."""
    return np.asarray(x, dtype=np.int64).astype(np.int32).astype(np.int64)


def saturate_int32(x: Int64) -> Int64:
    """Limit to the values of an int32; int64 of x's shape."""
    result: Int64 = np.clip(x, -(2**31), 2**31 - 1)
    return result


def doubling_high_mul(x: ArrayLike, mantissa: ArrayLike) -> Int64:
    """Compute round(x * mantissa / 2**31), halves upwards; int64 of the broadcast shape.

    The one pair that overflows saturates.
    """
    product = np.asarray(x, dtype=np.int64) * np.asarray(mantissa, dtype=np.int64)
    result: Int64 = np.minimum((product + (1 << 30)) >> 31, 2**31 - 1)
    return result


def rounding_shift_right(x: ArrayLike, shift: ArrayLike) -> Int64:
    """Compute round(x / 2**shift), halves away from zero; int64 of the broadcast shape.

    shift: 0 to 31.
    """
    value = np.asarray(x, dtype=np.int64)
    amount = np.asarray(shift, dtype=np.int64)
    mask = (np.int64(1) << amount) - 1
    threshold = (mask >> 1) + (value < 0)
    result: Int64 = (value >> amount) + ((value & mask) > threshold)
    return result


def scaled_by(x: ArrayLike, factor: Multiplier) -> Int64:
    """Apply one factor as `requantize` does; int64 of x's shape."""
    return requantize(x, factor.mantissa, factor.shift)


def requantize(x: ArrayLike, mantissa: ArrayLike, shift: ArrayLike) -> Int64:
    """Apply TFLite's MultiplyByQuantizedMultiplier (double rounding) to int32 values.

    Returns int64 of the broadcast shape.
    """
    amount = np.asarray(shift, dtype=np.int64)
    left = wrap_int32(np.asarray(x, dtype=np.int64) << np.maximum(amount, 0))
    return rounding_shift_right(doubling_high_mul(left, mantissa), np.maximum(-amount, 0))


def stored(values: Int64, output: Tensor, act: Activation = "none") -> Array:
    """Add the output's zero point in int32 and clamp: int8 of the output's shape."""
    return clamped(wrap_int32(values + output.zero_point), output, act)


def clamped(values: Int64, output: Tensor, act: Activation) -> Array:
    """Limit quantized values to what `act` lets through: int8 of the output's shape."""
    low, high = activation_range(act, output)
    return np.clip(values, low, high).astype(np.int8).reshape(output.shape)


def quantize_real(real: float, quant: Quant) -> int:
    """Compute zero_point + round(real / scale) in float32, halves away from zero, clamped."""
    ratio = float(np.float32(real) / np.float32(quant.scale[0]))
    return quant.zero_point + math.floor(abs(ratio) + 0.5) * (1 if ratio >= 0 else -1)


def activation_range(act: Activation, output: Tensor) -> tuple[int, int]:
    """Find the smallest and largest quantized value that a fused activation lets through."""
    low, high = RANGE[output.dtype]
    assert output.quant is not None
    least, most = LIMITS[act]
    if least is not None:
        low = max(low, quantize_real(least, output.quant))
    if most is not None:
        high = min(high, quantize_real(most, output.quant))
    return low, high
