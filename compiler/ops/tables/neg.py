# SPDX-License-Identifier: Apache-2.0
"""The negative on int8, through one multiplier, as a table."""

from dataclasses import dataclass

from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp, clamp_to, rescaled, scale_ratio, want_factor
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class Neg(TableOp):
    """The negative of int8, any shape, any output scale.

    No reference defines it: tflite-runtime 2.14 runs NEG only on floats and int32, and later
    versions negate int8 but ignore scales and zero points.
    """

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        want_factor(scale_ratio(inputs[0], output), inputs[0], output)

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        scaled = rescaled(x.zero_point - values, scale_ratio(x, output))
        return clamp_to(output, scaled + output.zero_point)
