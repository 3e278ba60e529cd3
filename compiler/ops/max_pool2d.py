# SPDX-License-Identifier: Apache-2.0
"""2-D max pooling, NHWC, int8: padding never wins."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.ops.common.fixed_point import clamped
from mcuforge.compiler.ops.common.pooling import PoolOp
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors

LOWEST = -128


@dataclass(frozen=True)
class MaxPool2D(PoolOp):
    """The largest of a window's taps; inputs: x (1, h, w, c)."""

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        raised = values[0].astype(np.int64) - LOWEST  # so that padding taps, 0, are the lowest
        largest = self.window.patches(raised, output.shape[1:3]).max(axis=(2, 3)) + LOWEST
        return clamped(largest, output, self.act)
