# SPDX-License-Identifier: Apache-2.0
"""The exponential linear unit on int8, computed in float32, as a table."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.elementary import Float32
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import (
    TableOp,
    dequantized,
    farthest,
    quantized,
    want_room,
)
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class Elu(TableOp):
    """x where positive, exp(x) - 1 below, of int8, any shape."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        want_room(output, max(farthest(inputs[0]), 1.0))

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        return quantized(elu(dequantized(x, values)), output)


def elu(x: Float32) -> Float32:
    """Compute x, or exp(x) - 1 below zero, as the float reference does; float32 of x's shape."""
    with np.errstate(over="ignore", under="ignore"):
        return np.where(x < 0, elementary.expm1(np.minimum(x, np.float32(0))), x)
