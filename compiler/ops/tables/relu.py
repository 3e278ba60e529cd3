# SPDX-License-Identifier: Apache-2.0
"""Rectifiers as operators of their own, with a change of scale: RELU, RELU6, RELU_N1_TO_1."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.fixed_point import LIMITS, Int64, activation_range
from mcuforge.compiler.ops.tables.table import (
    TableOp,
    rescaled,
    scale_ratio,
    want_factor,
    want_room,
)
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class Relu(TableOp):
    """max(x, 0) and its bounded forms, int8, any shape, from the input's scale to the output's."""

    act: Activation = "relu"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        want_factor(scale_ratio(inputs[0], output), inputs[0], output)
        want_room(output, LIMITS[self.act][1] or 0.0)

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        scaled = rescaled(values - x.zero_point, scale_ratio(x, output))
        low, high = activation_range(self.act, output)
        result: Int64 = np.clip(scaled + output.zero_point, low, high)
        return result
