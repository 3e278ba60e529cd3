# SPDX-License-Identifier: Apache-2.0
"""Rectifiers as operators of their own, with a change of scale: RELU, RELU6, RELU_N1_TO_1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.fixed_point import Int64, activation_range
from mcuforge.compiler.ops.tables.table import TableOp, rescaled, want_factor, want_room
from mcuforge.compiler.tensors import Tensor, Tensors

BOUND = {"none": 0.0, "relu": 0.0, "relu6": 6.0, "relu_n1_to_1": 1.0}


@dataclass(frozen=True)
class Relu(TableOp):
    """max(x, 0) and its bounded forms, int8, any shape, from the input's scale to the output's."""

    kind: ClassVar[str] = "relu"
    act: Activation = "relu"

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        want_factor(factor(inputs[0], output), inputs[0], output)
        want_room(output, BOUND[self.act])

    def answers(self, x: Tensor, output: Tensor, values: Int64) -> Int64:
        scaled = rescaled(values - x.zero_point, factor(x, output))
        low, high = activation_range(self.act, output)
        result: Int64 = np.clip(scaled + output.zero_point, low, high)
        return result


def factor(x: Tensor, output: Tensor) -> float:
    """Compute the ratio of the scales in float32; most TFLite operators use doubles."""
    return float(np.float32(x.scale) / np.float32(output.scale))
