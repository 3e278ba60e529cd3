# SPDX-License-Identifier: Apache-2.0
"""1 / sqrt(x) on int8 in TFLite's fixed point, as a table.

Formulas: TFLite kernels/elementwise.cc (RsqrtEvalQuantized) and GetInvSqrtQuantizedMultiplierExp
of kernels/internal/common.h, restated.
"""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common.fixed_point import (
    Int64,
    doubling_high_mul,
    quantize_multiplier,
    requantize,
    rounding_shift_right,
    saturate_int32,
    wrap_int32,
)
from mcuforge.compiler.ops.tables.table import TableOp, clamp_to
from mcuforge.compiler.tensors import Tensor, Tensors
from mcuforge.errors import Refusal

FRACTION_BITS = 20  # of 1 / sqrt(steps), before the scales come in
LEAST_FACTOR = 2.0**-12  # below, the reference shifts by more than an int32 is wide
MOST_FACTOR = 2.0**30  # above, the reference loses the product's high bits
NEWTON_STEPS = 5
ONE = 2**28  # of the iteration's numbers, with three integer bits
ROOT_HALF = 1518500250  # sqrt(1/2) * 2**31
INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class Rsqrt(TableOp):
    """1 / sqrt(x) of int8, any shape, for positive real inputs.

    Zero and negative values, at which the reference stops, give the largest output.
    """

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        factor = scale_factor(inputs[0], output)
        if not LEAST_FACTOR <= factor < MOST_FACTOR:
            raise Refusal(
                f"1 / (sqrt({inputs[0].scale:g}) * {output.scale:g}) of the scales of "
                f"'{inputs[0].name}' and '{output.name}' is {factor:g}, "
                f"expected {LEAST_FACTOR:g} to {MOST_FACTOR:g}",
                "quantize again with a representative dataset that exercises both tensors",
            )

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        factor = quantize_multiplier(scale_factor(x, output))
        steps = values - x.zero_point
        roots = fixed_roots(np.maximum(steps, 1))
        scaled = requantize(roots, factor.mantissa, factor.shift - FRACTION_BITS)
        scaled = np.where(steps > 0, wrap_int32(scaled + output.zero_point), INT32_MAX)
        return clamp_to(output, scaled)


def scale_factor(x: Tensor, output: Tensor) -> float:
    """Compute 1 / (sqrt(x.scale) * output.scale), the product in float32 like TFLite."""
    return 1.0 / float(np.sqrt(np.float32(x.scale)) * np.float32(output.scale))


def fixed_roots(steps: Int64) -> Int64:
    """Compute 1 / sqrt(steps) with FRACTION_BITS for 1 <= steps < 2**27; int64 of steps' shape."""
    mantissa, shift = inverse_root(steps)
    return requantize(1, mantissa, shift + FRACTION_BITS)


def inverse_root(steps: Int64) -> tuple[Int64, Int64]:
    """Compute 1 / sqrt(steps) as mantissa * 2**(shift - 31) for 0 <= steps < 2**29; of 0 as of 1.

    Returns two int64 of steps' shape. This is Newton's iteration from 1.
    """
    bits = np.frexp(steps.astype(np.float64))[1].astype(np.int64)
    pairs = (31 - bits) // 2 - 1  # shifts steps to [2**27, 2**29)
    half = rounding_shift_right((steps << 2 * pairs) >> 1, 1)
    root = np.full(steps.shape, ONE, np.int64)
    for _ in range(NEWTON_STEPS):
        cube = doubling_high_mul(doubling_high_mul(root, root), root)
        cube = saturate_int32(cube << 6)
        root = doubling_high_mul(3 * ONE // 2, root) - doubling_high_mul(half, cube)
        root = saturate_int32(root << 3)
    one = steps <= 1  # which the reference removes
    mantissa = np.where(one, INT32_MAX, doubling_high_mul(root, ROOT_HALF))
    return mantissa, np.where(one, 0, pairs - 11)
