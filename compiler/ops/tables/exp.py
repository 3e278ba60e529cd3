# SPDX-License-Identifier: Apache-2.0
"""The exponential on int8, computed in float32, as a table."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.elementary import Float32
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp, dequantized, quantized, want_room
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class Exp(TableOp):
    """exp(x) of int8, any shape; refused if the reference's largest value overflows an int32."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        highest = dequantized(inputs[0], np.array([127]))
        want_room(output, float(_exp(highest)[0]))

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        return quantized(_exp(dequantized(x, values)), output)


def _exp(x: Float32) -> Float32:
    with np.errstate(over="ignore", under="ignore"):
        return elementary.exp(x)
