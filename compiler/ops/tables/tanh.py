# SPDX-License-Identifier: Apache-2.0
"""The hyperbolic tangent on int8, computed in float32, as a table."""

from dataclasses import dataclass

from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp, dequantized, quantized, want_room
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class Tanh(TableOp):
    """The hyperbolic tangent of int8, any shape, any output scale."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        want_room(output, 1.0)

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        return quantized(elementary.tanh(dequantized(x, values)), output)
