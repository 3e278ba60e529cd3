# SPDX-License-Identifier: Apache-2.0
"""Elementwise quotient of two int8 tensors of any scales, with broadcasting.

Formula: TFLite kernels/internal/reference/div.h (DivElementwise) and GetReciprocal, restated.
"""

from dataclasses import dataclass, replace

import numpy as np

from mcuforge.compiler.calls import Fields
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.broadcast import BroadcastOp, centred_fields
from mcuforge.compiler.ops.common.fixed_point import (
    Int64,
    Multiplier,
    clamped,
    doubling_high_mul,
    quantize_multiplier,
    rounding_shift_right,
)
from mcuforge.compiler.ops.softmax import one_over_one_plus
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import Work
from mcuforge.errors import Refusal

MAX_FACTOR = 2.0**22  # times the quotient of centred values of 9 bits this fits int32


@dataclass(frozen=True)
class Div(BroadcastOp):
    """a / b; inputs: a, b of shapes that broadcast to the output's.

    tflite-runtime 2.14 divides only uint8, later versions divide int8 with the same arithmetic.
    This operator follows them except in two cases. If a quotient is below 2**-32 steps of the
    output they shift by more bits than an int32 has, with an undefined result: here it rounds to 0.
    At a divisor of 0 they stop: here a / 0 is the largest or smallest output, and 0 / 0 is 0.
    """

    act: Activation = "none"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        factor = scale_factor(inputs, output)
        if not factor < MAX_FACTOR:
            a, b = inputs
            raise Refusal(
                f"scale {a.scale:g} over {b.scale:g} is {factor:g} times the output scale "
                f"{output.scale:g}, expected below {MAX_FACTOR:g}",
                "quantize again with a representative dataset that exercises these tensors",
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = (v.astype(np.int64) - t.zero_point for v, t in zip(values, inputs, strict=True))
        scaled = quotients(a, b, quantize_multiplier(scale_factor(inputs, output)))
        return clamped(scaled + output.zero_point, output, self.act)

    def fields(self, inputs: Tensors, output: Tensor) -> Fields:
        factor = quantize_multiplier(scale_factor(inputs, output))
        return centred_fields(inputs, output, factor, self.act)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        found = super().work(inputs, output)
        return replace(found, fixed=found.fixed._replace(position=reciprocals(inputs[1], output)))


def reciprocals(b: Tensor, output: Tensor) -> int:
    """Count the divisors that differ from the one before: each needs a new reciprocal."""
    if b.elements == 1:
        return 1
    return output.elements if b.shape[-1] > 1 else output.elements // output.shape[-1]


def scale_factor(inputs: Tensors, output: Tensor) -> float:
    """Compute a.scale / (b.scale * output.scale), every step in float32 like TFLite."""
    a, b = (np.float32(t.scale) for t in inputs)
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        return float(a / (b * np.float32(output.scale)))


def quotients(a: Int64, b: Int64, factor: Multiplier) -> Int64:
    """Compute a / b * factor of centred 8-bit values, rounded; int64 of the broadcast shape.

    a / 0 is beyond every output.
    """
    a, b = np.broadcast_arrays(np.where(b < 0, -a, a), b)
    size = np.maximum(np.abs(b), 1)
    bits = _bit_length(size)
    inverse = one_over_one_plus((size << (32 - bits)) - 2**31)
    headroom = 31 - _bit_length(np.where(a < 0, ~a, a))
    fine = doubling_high_mul(a << headroom, inverse)
    shift = bits - 1 + headroom - factor.shift
    scaled = rounding_shift_right(doubling_high_mul(fine, factor.mantissa), np.minimum(shift, 31))
    scaled = np.where(shift > 31, 0, scaled)
    return np.where(b == 0, np.sign(a) * 2**31, scaled)


def _bit_length(x: Int64) -> Int64:
    """Count the bits of a small value that is not negative."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)
