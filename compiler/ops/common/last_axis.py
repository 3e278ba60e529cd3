# SPDX-License-Identifier: Apache-2.0
"""Operators that compute each vector of the last axis from itself: softmax, normalisation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import Reads
from mcuforge.compiler.ops.common.by_row import RowwiseOp
from mcuforge.compiler.tensors import Tensor, Tensors


@dataclass(frozen=True)
class LastAxisOp(RowwiseOp):
    """An operator on one 8-bit input, with constants that are the same for every vector."""

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        """Read the rest of its row for an element, and last the element itself."""
        depth = output.shape[-1]
        first = np.arange(output.elements, dtype=np.int64)
        end = (first // depth + 1) * depth
        return (Reads(1, 1, first, end, before_write=True), *(None for _ in inputs[1:]))
