# SPDX-License-Identifier: Apache-2.0
"""What operators that slide a window share: their kernels compute a range of rows, whole or not."""

from __future__ import annotations

from abc import abstractmethod

from mcuforge.compiler.ir import Tensor
from mcuforge.compiler.ops.base import Call, Op, Reads
from mcuforge.compiler.ops.common.window import Window


class WindowedOp(Op):
    """A window slides over input 0; further inputs are constants."""

    @abstractmethod
    def sliding(self, inputs: tuple[Tensor, ...]) -> Window:
        """The window over the first input."""

    def reads(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Reads | None, ...]:
        return (self.sliding(inputs).reads(inputs[0], output), *(None for _ in inputs[1:]))

    def row_reads(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Reads | None, ...]:
        return (self.sliding(inputs).row_reads(inputs[0], output), *(None for _ in inputs[1:]))

    def row_calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        return self.calls(inputs, output, isa)
