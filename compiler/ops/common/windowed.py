# SPDX-License-Identifier: Apache-2.0
"""Operators that slide a window: their kernels compute any range of rows."""

from abc import abstractmethod
from math import prod

from mcuforge.compiler.calls import Call, Reads
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.window import Window
from mcuforge.compiler.tensors import Tensor, Tensors
from mcuforge.compiler.work import CALLED, Counts, Work


class WindowedOp(Op):
    """An operator that slides a window over input 0; further inputs are constants."""

    @abstractmethod
    def sliding(self, inputs: Tensors) -> Window:
        """The window over the first input."""

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        return (self.sliding(inputs).reads(inputs[0], output), *(None for _ in inputs[1:]))

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        return (self.sliding(inputs).row_reads(inputs[0], output), *(None for _ in inputs[1:]))

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        return self.calls(inputs, output, isa)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        return Work(self.kernel_name, self.counts(inputs, output), CALLED)

    def counts(self, inputs: Tensors, output: Tensor) -> Counts:
        """Count what `work` counts: by default a window that slides over each channel by itself."""
        return window_counts(self.sliding(inputs), inputs[0], output)

    def row_work(self, inputs: Tensors, output: Tensor) -> Work:
        return self.work(inputs, output)


def window_counts(window: Window, x: Tensor, output: Tensor) -> Counts:
    """Count the work of a window that slides over each channel of the output by itself."""
    rows, columns = window.taps(0, x, output), window.taps(1, x, output)
    channels, positions = output.shape[3], len(rows) * len(columns)
    taps = sum(rows) * sum(columns)
    inside = rows.count(window.kernel[0]) * columns.count(window.kernel[1])
    # a padded window's weights are summed above, left, right of and below the image
    edges = (sum(rows) + len(rows)) * len(columns) - inside * (window.kernel[0] + 1)
    return Counts(
        position=positions,
        output=output.elements,
        run=channels * sum(rows) * len(columns),
        tap=channels * taps,
        padding=channels * (positions * prod(window.kernel) - taps),
        edge=channels * edges,
    )
