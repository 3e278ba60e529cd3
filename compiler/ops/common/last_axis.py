# SPDX-License-Identifier: Apache-2.0
"""Operators that compute each vector of the last axis from itself: softmax, normalization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import Call, Reads
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.by_row import RowInput, calls_on_rows, row_input, same_row_reads
from mcuforge.compiler.tensors import Tensor


@dataclass(frozen=True)
class LastAxisOp(Op):
    """An operator on one 8-bit input, with constants that are the same for every vector."""

    def reads(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Reads | None, ...]:
        """Read the rest of its row for an element, and last the element itself."""
        depth = output.shape[-1]
        first = np.arange(output.elements, dtype=np.int64)
        end = (first // depth + 1) * depth
        return (Reads(1, 1, first, end, before_write=True), *(None for _ in inputs[1:]))

    def row_reads(
        self, inputs: tuple[Tensor, ...], output: Tensor
    ) -> tuple[Reads | None, ...] | None:
        return (same_row_reads(inputs[0], output), *(None for _ in inputs[1:]))

    def row_calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        x, *constants = inputs
        rows = (row_input(x), *(RowInput(t, t) for t in constants))
        return calls_on_rows(self, rows, output, isa)
