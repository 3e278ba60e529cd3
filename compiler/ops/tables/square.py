# SPDX-License-Identifier: Apache-2.0
"""The square on int8, computed in float32, as a table."""

from dataclasses import dataclass

from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp, dequantized, farthest, quantized, want_room
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class Square(TableOp):
    """The square of int8, any shape, any output scale; tflite-runtime 2.14 only squares floats."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        want_room(output, farthest(inputs[0]) ** 2)

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        real = dequantized(x, values)
        return quantized(real * real, output)
