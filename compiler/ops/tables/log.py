# SPDX-License-Identifier: Apache-2.0
"""The natural logarithm on int8, computed in float32, as a table."""

import math
from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.fixed_point import RANGE, Int64
from mcuforge.compiler.ops.tables.table import TableOp, dequantized, farthest, quantized, want_room
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class Log(TableOp):
    """The logarithm of int8, any shape; zero and negative values give the smallest output.

    tflite-runtime 2.14 has it only for floats; this is the table of later versions.
    """

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        x = inputs[0]
        want_room(output, max(abs(math.log(x.scale)), abs(math.log(farthest(x)))))

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        real = dequantized(x, values)
        defined = real > 0
        logs = quantized(elementary.log(np.where(defined, real, np.float32(1))), output)
        low, _ = RANGE[output.dtype]
        return np.where(defined, logs, low)
