# SPDX-License-Identifier: Apache-2.0
"""The logarithm of softmax over the last axis, int8: TFLite's fixed-point reference, and ONNX's.

Formulas: TFLite kernels/internal/reference/integer_ops/log_softmax.h and
log_x_for_x_greater_than_or_equal_to_1 of kernels/internal/common.h, restated. The exponential and
the difference itself depend on one int8 difference only, so both are tabulated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mcuforge.compiler.calls import Blank, Blob, Call, kernel_call
from mcuforge.compiler.ops.common.by_row import LastAxisOp
from mcuforge.compiler.ops.common.checks import scale_refusal, want_int8, want_shape
from mcuforge.compiler.ops.common.fixed_point import (
    Int64,
    Multiplier,
    doubling_high_mul,
    quantize_multiplier,
    rounding_shift_right,
    saturate_int32,
    scaled_by,
)
from mcuforge.compiler.ops.softmax import (
    DIFFERENCE_BITS,
    MAX_DEPTH,
    SUM_INTEGER_BITS,
    Softmax,
    difference_multiplier,
    one_over_one_plus,
)
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.errors import Refusal

OUTPUT_SCALE, OUTPUT_ZERO_POINT = 1.0 / 16.0, 127  # TFLite's; ONNX has any
OUTPUT_BITS = DIFFERENCE_BITS - 4  # fraction bits of sixteenths
MOST_BITS = 20  # differences of 256 steps and more still fit
LEAST_BITS = 6
LARGEST = 2**29  # of a tabulated difference
LARGEST_LOG = 8.4  # of MAX_DEPTH
ENTRIES = 256
LOG_2 = 1488522236  # these have 31 fraction bits
ROOT_HALF = 1518500250  # sqrt(1/2)
ROOT_ROOT_HALF = 1805811301
ALPHA_N = 117049297  # 11/240 * sqrt(sqrt(2))
ALPHA_D = 127690142  # 1/20 * sqrt(sqrt(2))
ALPHA_I = 1057819769  # 2 / sqrt(sqrt(2)) - sqrt(sqrt(2))
ALPHA_F = 638450708  # 1/4 * sqrt(sqrt(2))
QUARTER = 2 ** (DIFFERENCE_BITS - 2)


class Tables(NamedTuple):
    """What a kernel reads for a value that lies i below the largest of its row: int64 (256,)."""

    exps: Int64  # its share in the sum, with 19 fraction bits
    differences: Int64  # -i in steps of the output with `bits` fraction bits
    log: Multiplier  # from a logarithm with DIFFERENCE_BITS to the same
    bits: int


@dataclass(frozen=True)
class LogSoftmax(LastAxisOp):
    """x less its largest, less the logarithm of the sum of exponentials; inputs: x int8 [.., D].

    Where the output rounds to the nearest, as ONNX's does, its scale is free. Its error is then
    below 0.5 + (D * 2**-20 + 2**-16) / (scale of the output) + 0.01 steps.
    """

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_int8(x, output)
        want_shape(output, x.shape)
        depth = x.shape[-1] if x.shape else 0
        if not 0 < depth <= MAX_DEPTH:
            raise Refusal(
                f"log softmax over {depth} values, supported: 1 to {MAX_DEPTH}",
                "leave it out and take the largest logit",
            )
        if not 2.0**-DIFFERENCE_BITS < x.scale < 2.0**20:
            raise scale_refusal(f"tensor '{x.name}' has scale {x.scale:g}")
        assert output.quant is not None
        right_scale = math.isclose(output.scale, OUTPUT_SCALE, rel_tol=1e-3)
        if output.quant.nearest:
            if self.bits(x, output) < LEAST_BITS:
                raise scale_refusal(
                    f"tensor '{output.name}' has scale {output.scale:g}: nearly every result "
                    "of this log softmax is smaller than it can hold"
                )
        elif not right_scale or output.zero_point != OUTPUT_ZERO_POINT:
            raise Refusal(
                f"tensor '{output.name}' has scale {output.scale:g} and zero point "
                f"{output.zero_point}, expected 1/16 and {OUTPUT_ZERO_POINT}",
                "convert again with a current TFLite converter, which fixes log softmax's output",
            )

    def bits(self, x: Tensor, output: Tensor) -> int:
        """Choose the fraction bits of differences in steps of the output."""
        assert output.quant is not None
        if not output.quant.nearest:
            return OUTPUT_BITS
        room = math.log2(max(LARGEST_LOG, 1.0) / output.scale)
        return min(MOST_BITS, 29 - math.ceil(room))

    def tables(self, x: Tensor, output: Tensor) -> Tables:
        """Tabulate what depends on one difference."""
        exps = np.zeros(ENTRIES, np.int64)
        known = rounding_shift_right(Softmax().exponentials(x), SUM_INTEGER_BITS)
        exps[: known.size] = known
        below, bits = np.arange(ENTRIES, dtype=np.int64), self.bits(x, output)
        assert output.quant is not None
        if output.quant.nearest:
            steps = np.floor(below * (x.scale / output.scale) * 2.0**bits + 0.5)
            log = quantize_multiplier(2.0 ** (bits - DIFFERENCE_BITS) / output.scale)
            return Tables(exps, -np.minimum(steps, LARGEST).astype(np.int64), log, bits)
        factor = difference_multiplier(1.0, x.scale)
        reach = np.minimum(below, 2**31 >> min(factor.shift, 31))  # what lies farther saturates
        differences = doubling_high_mul(saturate_int32(-reach << factor.shift), factor.mantissa)
        return Tables(exps, np.maximum(differences, -LARGEST * 2), Multiplier(2**30, 1), bits)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        tables = self.tables(inputs[0], output)
        x = values[0].astype(np.int64)
        below = x.max(axis=-1, keepdims=True) - x
        total = tables.exps[below].sum(axis=-1, keepdims=True)
        log = scaled_by(fixed_log(total), tables.log)
        steps = rounding_shift_right(tables.differences[below] - log, tables.bits)
        result: Array = np.clip(steps + output.zero_point, -128, 127).astype(np.int8)
        return result

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        tables = self.tables(x, output)
        return kernel_call(
            self.kernel_name,
            *(x, output, Blank.PARAMS),
            rows=x.elements // x.shape[-1],
            depth=x.shape[-1],
            exp=Blob("exp", tables.exps.astype(np.int32)),
            difference=Blob("difference", tables.differences.astype(np.int32)),
            multiplier=tables.log.mantissa,
            shift=tables.log.shift,
            bits=tables.bits,
            output_zero_point=output.zero_point,
        )


def fixed_log(x: Int64) -> Int64:
    """Compute log(x) with DIFFERENCE_BITS, for x >= 1 with 19 fraction bits, as gemmlowp rounds.

    Returns int64 of x's shape. x is taken as a power of two times a number near sqrt(sqrt(1/2)),
    which a rational function serves.
    """
    zeros = _leading_zeros(x)
    first = doubling_high_mul(x << (zeros - 1), ROOT_HALF)
    first = saturate_int32(first << 1)
    power = ((SUM_INTEGER_BITS - zeros) << DIFFERENCE_BITS) + QUARTER
    headroom = _leading_zeros(doubling_high_mul(x, ROOT_HALF)) - 1
    second = saturate_int32(x << headroom)
    other = ((SUM_INTEGER_BITS - headroom) << DIFFERENCE_BITS) - QUARTER
    r, exponent = np.minimum(first, second), np.maximum(power, other)
    p = (r + ROOT_ROOT_HALF + 1) // 2
    q = 2 * (r - ROOT_ROOT_HALF)
    square = doubling_high_mul(q, q)
    cube = doubling_high_mul(doubling_high_mul(q, square), ALPHA_N)
    above = doubling_high_mul(q, r) + cube
    inner = ALPHA_I + q + doubling_high_mul(ALPHA_D, square)
    below = doubling_high_mul(p, inner) + doubling_high_mul(ALPHA_F, q)
    part = doubling_high_mul(rounding_shift_right(above, 5), one_over_one_plus(below))
    result: Int64 = doubling_high_mul(exponent, LOG_2) + part
    return result


def _leading_zeros(x: Int64) -> Int64:
    """Count the zeros above the highest one in 32 bits; int64 of x's shape."""
    return 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)
