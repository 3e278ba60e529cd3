# SPDX-License-Identifier: Apache-2.0
"""The logistic function on int8: 1 / (1 + exp(-x)) in float32, as a table."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp, dequantized, quantized
from mcuforge.compiler.tensors import Tensor, Tensors
from mcuforge.errors import Refusal


@dataclass(frozen=True)
class Logistic(TableOp):
    """The logistic function of int8, any shape; the reference demands an output scale of 1/256."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        if output.scale != 1 / 256:
            raise Refusal(
                f"tensor '{output.name}' has scale {output.scale}, expected 1/256 after LOGISTIC",
                "convert again with a current TFLite converter, which sets 1/256",
            )

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        one = np.float32(1)
        with np.errstate(over="ignore"):  # exp may reach infinity: 1 / infinity is the 0 we want
            real = one / (one + elementary.exp(-dequantized(x, values)))
        return quantized(real, output)
