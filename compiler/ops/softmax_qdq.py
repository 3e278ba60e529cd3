# SPDX-License-Identifier: Apache-2.0
"""Softmax over the last axis, int8 to any int8 quantization, in integers.

Meaning: exp(beta * x) over its sum, as ONNX's Softmax between DequantizeLinear and QuantizeLinear
has it. TFLite's softmax, with its one output scale and its roundings, is `softmax.py`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.calls import Blank, Blob, Call, kernel_call
from mcuforge.compiler.ops.common.by_row import LastAxisOp
from mcuforge.compiler.ops.common.checks import scale_refusal, want_int8, want_shape
from mcuforge.compiler.ops.common.elementary import exp
from mcuforge.compiler.ops.common.fixed_point import (
    Int64,
    Multiplier,
    doubling_high_mul,
    quantize_multiplier,
)
from mcuforge.compiler.ops.softmax import one_over_one_plus
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.errors import Refusal

EXP_BITS = 30  # fraction bits of exponentials
MAX_FRACTION = 22  # fraction bits of a result before it is rounded
MAX_DEPTH = 2**15
LEAST_SCALE = 2.0**-16  # of the output, which could reach at most 1/256
COARSE_SCALE = 4.0
ENTRIES = 256  # of differences of int8 values


@dataclass(frozen=True)
class SoftmaxQdq(LastAxisOp):
    """exp(beta * x) over its sum along the last axis; inputs: x int8 [.., D].

    For every input the answer lies within 0.5 + 2**-23 * D + 2**-26 / (scale of the output) +
    2**-17 steps of the exact one, never more than 0.51.
    """

    beta: float = 1.0

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_int8(x, output)
        want_shape(output, x.shape)
        depth = x.shape[-1] if x.shape else 0
        if not 0 < depth <= MAX_DEPTH:
            raise Refusal(
                f"softmax over {depth} values, supported: 1 to {MAX_DEPTH}",
                "leave the softmax out and take the largest logit",
            )
        if not (self.beta >= 0 and math.isfinite(self.beta * x.scale)):
            raise Refusal(
                f"softmax of values times {self.beta:g}, expected a finite factor of 0 or more",
                "move the sign into the layer before",
            )
        if output.scale < LEAST_SCALE:
            raise scale_refusal(
                f"tensor '{output.name}' has scale {output.scale:g}, expected at least "
                f"{LEAST_SCALE:g}: nearly every result of this softmax is larger than it can hold"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x = values[0].astype(np.int64)
        exps = self.exponentials(inputs[0])[x.max(axis=-1, keepdims=True) - x]
        total = exps.sum(axis=-1, keepdims=True)
        steps = steps_in_one(output)
        bits = np.frexp(total.astype(np.float64))[1].astype(np.int64) - 1  # floor of the logarithm
        reciprocal = one_over_one_plus(((total << 1) >> (bits - EXP_BITS)) - 2**31)
        fraction = bits - 1 - steps.shift
        spare = np.maximum(fraction - MAX_FRACTION, 0)
        factor = doubling_high_mul(reciprocal, steps.mantissa) >> spare
        fraction = fraction - spare
        offset = (2 * output.zero_point + 1) << (fraction - 1)
        result = (((exps * factor) >> 32) + offset) >> fraction
        answer: NDArray[np.int8] = np.minimum(result, 127).astype(np.int8)
        return answer

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        steps = steps_in_one(output)
        table = Blob("table", lambda: self.exponentials(x).astype(np.int32))
        return kernel_call(
            self.kernel_name,
            *(x, table, output, Blank.PARAMS),
            rows=x.elements // x.shape[-1],
            depth=x.shape[-1],
            multiplier=steps.mantissa,
            shift=steps.shift,
            zero_point=output.zero_point,
        )

    def exponentials(self, x: Tensor) -> Int64:
        """Tabulate exp(-i * beta * scale) with EXP_BITS fraction bits: int64 (256,).

        i, 0 to 255, is how far a value lies below the largest of its row.
        """
        below = np.arange(ENTRIES, dtype=np.float64) * (self.beta * x.scale)
        table: Int64 = np.floor(exp(-below) * 2.0**EXP_BITS + 0.5).astype(np.int64)
        return table


def steps_in_one(output: Tensor) -> Multiplier:
    """Compute 1 / scale; 0 if every probability is below half a step."""
    return quantize_multiplier(1.0 / output.scale if output.scale < COARSE_SCALE else 0.0)
