# SPDX-License-Identifier: Apache-2.0
"""The absolute value on int8, through one multiplier, as a table."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp, clamp_to, rescaled, scale_ratio, want_factor
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class Abs(TableOp):
    """The absolute value of int8, any shape, any output scale."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        want_factor(scale_ratio(inputs[0], output), inputs[0], output)

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        scaled = rescaled(np.abs(values - x.zero_point), scale_ratio(x, output))
        return clamp_to(output, scaled + output.zero_point)
