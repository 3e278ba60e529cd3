# SPDX-License-Identifier: Apache-2.0
"""The square root on int8, computed in float32, as a table."""

import math
from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp, dequantized, farthest, quantized, want_room
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class Sqrt(TableOp):
    """The square root of int8, any shape; negative values give 0.

    tflite-runtime 2.14 has it only for floats. Later versions round down through several shifts and
    lose a step; this operator does not.
    """

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        want_room(output, math.sqrt(farthest(inputs[0])))

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        return quantized(np.sqrt(np.maximum(dequantized(x, values), np.float32(0))), output)
