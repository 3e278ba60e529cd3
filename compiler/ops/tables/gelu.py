# SPDX-License-Identifier: Apache-2.0
"""The Gaussian error linear unit on int8, computed in float32, as a table.

Formula: TFLite kernels/internal/reference/gelu.h, restated.
"""

import math
from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.elementary import Float32
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp, dequantized, farthest, quantized, want_room
from mcuforge.compiler.tensors import Tensor, Tensors

ROOT_HALF = np.float32(math.sqrt(0.5))
TANH_SCALE = np.float32(math.sqrt(2.0 / math.pi))
CUBIC = np.float32(0.044715)


@dataclass(frozen=True)
class Gelu(TableOp):
    """x * normal_cdf(x) of int8, any shape; through tanh if `approximate` is set."""

    approximate: bool = False

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        want_room(output, farthest(inputs[0]))

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        real = dequantized(x, values)
        return quantized(by_tanh(real) if self.approximate else by_erfc(real), output)


def by_erfc(x: Float32) -> Float32:
    """Compute x / 2 * erfc(-x / sqrt(2)); float32 of x's shape.

    erfc keeps the digits that 1 + erf loses far below zero.
    """
    with np.errstate(under="ignore"):
        return np.float32(0.5) * x * elementary.erfc(x * -ROOT_HALF)


def by_tanh(x: Float32) -> Float32:
    """Compute x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))); float32 of x's shape."""
    with np.errstate(over="ignore", under="ignore"):  # tanh of infinity is the 1 we want
        inner = TANH_SCALE * (x + CUBIC * x * x * x)
    return np.float32(0.5) * x * (np.float32(1) + elementary.tanh(inner))
