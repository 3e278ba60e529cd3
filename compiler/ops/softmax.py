# SPDX-License-Identifier: Apache-2.0
"""Softmax over the last axis, int8, as TFLite's fixed-point reference computes it.

Formulas: gemmlowp fixedpoint.h (exp_on_negative_values, one_over_one_plus_x_for_x_in_0_1) and
TFLite's reference softmax, restated. The exponential depends on one int8 difference only, so the
compiler tabulates it and kernels neither multiply nor shift to find it.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mcuforge.compiler.calls import Blank, Blob, Call, kernel_call
from mcuforge.compiler.ops.common.by_row import LastAxisOp
from mcuforge.compiler.ops.common.checks import scale_refusal, want_int8, want_rank, want_shape
from mcuforge.compiler.ops.common.fixed_point import (
    Int64,
    Multiplier,
    doubling_high_mul,
    quantize_multiplier,
    rounding_shift_right,
    saturate_int32,
)
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.errors import Refusal

OUTPUT_SCALE = 1.0 / 256.0
OUTPUT_ZERO_POINT = -128
DIFFERENCE_BITS = 26  # fraction bits of (x - max) * beta * scale, an int32 of range -32 to 32
SUM_INTEGER_BITS = 12  # of the sum of exponentials
MAX_DEPTH = 2**SUM_INTEGER_BITS - 1  # how many ones fit the sum
NEGLIGIBLE = 2 ** (SUM_INTEGER_BITS - 1)  # exponentials below round to 0 in sum and output
INT32_MAX = 2**31 - 1
ONE_EIGHTH = 2**28
EXP_OF_MINUS_EIGHTH = 1895147668  # exp(-1/8) * 2**31
ONE_THIRD = 715827883  # 2**31 / 3
# exp(-2**k) * 2**31 for k = -2 to 4
EXP_OF_MINUS_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


@dataclass(frozen=True)
class Softmax(LastAxisOp):
    """exp(beta * x) over its sum along the last axis; inputs: x of rank 1 to 4."""

    beta: float = 1.0

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_int8(x, output)
        want_rank(x, 1, 2, 3, 4)
        want_shape(output, x.shape)
        right_scale = math.isclose(output.scale, OUTPUT_SCALE, rel_tol=1e-3)
        if not right_scale or output.zero_point != OUTPUT_ZERO_POINT:
            raise Refusal(
                f"tensor '{output.name}' has scale {output.scale:g} and zero point "
                f"{output.zero_point}, expected 1/256 and {OUTPUT_ZERO_POINT}",
                "convert again with a current TFLite converter, which fixes softmax's output",
            )
        if x.shape[-1] > MAX_DEPTH:
            raise Refusal(
                f"softmax over {x.shape[-1]} values, supported: up to {MAX_DEPTH}",
                "leave the softmax out and take the largest logit",
            )
        if not self.beta * x.scale > 2.0**-DIFFERENCE_BITS:
            raise scale_refusal(
                f"beta {self.beta:g} times scale {x.scale:g} is not above 2**-{DIFFERENCE_BITS}"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        table = np.zeros(256, np.int64)
        known = self.exponentials(inputs[0])
        table[: known.size] = known
        x = values[0].astype(np.int64)
        exps = table[x.max(axis=-1, keepdims=True) - x]
        total = rounding_shift_right(exps, SUM_INTEGER_BITS).sum(axis=-1, keepdims=True)
        headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)  # leading zeros
        factor = one_over_one_plus((total << headroom) - 2**31)
        shift = SUM_INTEGER_BITS - headroom + 31 - 8
        scaled = rounding_shift_right(doubling_high_mul(factor, exps), np.minimum(shift, 31))
        # with 512 or more equal largest values, each is below half a step
        result = np.where(shift > 31, 0, scaled) + OUTPUT_ZERO_POINT
        return np.clip(result, -128, 127).astype(np.int8).reshape(output.shape)

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        table = self.exponentials(x)
        return kernel_call(
            self.kernel_name,
            *(x, output, Blank.PARAMS),
            rows=x.elements // x.shape[-1],
            depth=x.shape[-1],
            exp_count=table.size,
            exp=Blob("table", table.astype(np.int32)),
        )

    def exponentials(self, x: Tensor) -> Int64:
        """Tabulate exp(-i * beta * scale) with 31 fraction bits for i = 0, 1, ... until negligible.

        i is how far an element lies below the largest of its row: 0 to 255. Returns int64 of shape
        (entries,), at most 256.
        """
        factor = difference_multiplier(self.beta, x.scale)
        reach = math.floor(31 * 2.0**DIFFERENCE_BITS / 2.0**factor.shift)  # no overflow up to here
        below = np.arange(min(reach, 255) + 1, dtype=np.int64)
        table = exp_of_negative(doubling_high_mul(-below << factor.shift, factor.mantissa))
        return table[: int(np.flatnonzero(table >= NEGLIGIBLE)[-1]) + 1]


def difference_multiplier(beta: float, scale: float) -> Multiplier:
    """Round beta * scale to DIFFERENCE_BITS fraction bits; capped if one step is already beyond."""
    return quantize_multiplier(min(beta * scale * 2.0**DIFFERENCE_BITS, float(INT32_MAX)))


def exp_of_negative(x: Int64) -> Int64:
    """Compute exp(x) with 31 fraction bits for x <= 0 with DIFFERENCE_BITS, as gemmlowp rounds.

    Returns int64 of x's shape. x is split into a part in [-1/4, 0), by a Taylor series around -1/8,
    and powers of two from -1/4 to -16, each a constant factor.
    """
    quarter = 2 ** (DIFFERENCE_BITS - 2)
    fraction = (x & (quarter - 1)) - quarter
    result = _exp_of_small(fraction << (31 - DIFFERENCE_BITS))
    remainder = fraction - x
    for bit, factor in enumerate(EXP_OF_MINUS_POWERS, start=DIFFERENCE_BITS - 2):
        taken = (remainder >> bit) & 1 == 1
        result = np.where(taken, doubling_high_mul(result, factor), result)
    return np.where(x == 0, INT32_MAX, result)


def _exp_of_small(x: Int64) -> Int64:
    """Compute exp(x) for x in [-1/4, 0), both with 31 fraction bits."""
    t = x + ONE_EIGHTH
    t2 = doubling_high_mul(t, t)
    t3 = doubling_high_mul(t2, t)
    t4 = rounding_shift_right(doubling_high_mul(t2, t2), 2)
    higher = rounding_shift_right(doubling_high_mul(t4 + t3, ONE_THIRD) + t2, 1)
    return EXP_OF_MINUS_EIGHTH + doubling_high_mul(t + higher, EXP_OF_MINUS_EIGHTH)


def one_over_one_plus(x: ArrayLike) -> Int64:
    """Compute 1 / (1 + x) for x in [0, 1), both with 31 fraction bits; int64 of x's shape.

    This is gemmlowp's Newton division.
    """
    half = (np.asarray(x, np.int64) + INT32_MAX + 1) // 2
    y = 1515870810 + doubling_high_mul(half, -1010580540)  # 48/17 - 32/17 * half, 29 bits
    for _ in range(3):
        error = 2**29 - doubling_high_mul(half, y)
        y = y + saturate_int32(doubling_high_mul(y, error) << 2)
    return saturate_int32(y << 1)
