# SPDX-License-Identifier: Apache-2.0
"""The leaky rectifier on int8: x where positive, alpha * x below, each with its own multiplier."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.tables.table import TableOp, clamp_to, rescaled, want_factor
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class LeakyRelu(TableOp):
    """The leaky rectifier of int8, any shape; `alpha` is the slope below zero, a float32."""

    alpha: float = 0.0

    def factors(self, x: Tensor, output: Tensor) -> tuple[float, float]:
        """Compute the factors above and below zero, divided in float32 like TFLite."""
        scale = np.float32(x.scale)
        below = scale * np.float32(self.alpha) / np.float32(output.scale)
        return float(scale / np.float32(output.scale)), float(below)

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        for factor in self.factors(inputs[0], output):
            want_factor(factor, inputs[0], output)

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        above, below = self.factors(x, output)
        centred = values - x.zero_point
        scaled = np.where(centred >= 0, rescaled(centred, above), rescaled(centred, below))
        return clamp_to(output, scaled + output.zero_point)
