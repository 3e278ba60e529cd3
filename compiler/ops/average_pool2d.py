# SPDX-License-Identifier: Apache-2.0
"""2-D average pooling, NHWC, int8: padding is left out of the average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.ir import Array, Tensor
from mcuforge.compiler.ops.base import Activation, Call, Params, Slot
from mcuforge.compiler.ops.common.fixed_point import activation_range
from mcuforge.compiler.ops.common.pooling import check_pool, pool_fields, taps
from mcuforge.compiler.ops.common.summing import summing
from mcuforge.compiler.ops.common.window import Pad, Pair, Window
from mcuforge.compiler.ops.common.windowed import WindowedOp
from mcuforge.errors import Refusal

MAX_TAPS = 2**16  # the kernel's division by a reciprocal is exact up to here


@dataclass(frozen=True)
class AveragePool2D(WindowedOp):
    """inputs: x (1, h, w, c); the sum of a window's taps over their number, halves outwards."""

    kind: ClassVar[str] = "average_pool2d"
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    pad: Pad = (0, 0, 0, 0)  # top, left, bottom, right
    act: Activation = "none"

    @property
    def window(self) -> Window:
        """The sliding window over the input."""
        return Window(self.kernel, self.stride, self.pad)

    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        x = inputs[0]
        check_pool(self.window, x, output)
        count = int(taps(self.window, x, output, 0).max() * taps(self.window, x, output, 1).max())
        if count > MAX_TAPS:
            raise Refusal(
                f"the average of {count} values, supported: up to {MAX_TAPS}",
                "pool in two steps",
            )

    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
        x = inputs[0]
        patches = self.window.patches(values[0].astype(np.int64), output.shape[1:3])
        total = patches.sum(axis=(2, 3))  # (oh, ow, c); padding adds 0
        count = np.outer(taps(self.window, x, output, 0), taps(self.window, x, output, 1))
        magnitude = (np.abs(total) + count[..., None] // 2) // count[..., None]
        low, high = activation_range(self.act, output)
        average: Array = np.clip(np.sign(total) * magnitude, low, high).astype(np.int8)
        return average.reshape(output.shape)

    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        x = inputs[0]
        params = Params("average_pool2d_params", pool_fields(self.window, self.act, x, output))
        arguments = (x, output, Slot.PARAMS, Slot.FIRST_ROW, Slot.END_ROW)
        return (Call("average_pool2d_s8", arguments, params),)

    def sliding(self, inputs: tuple[Tensor, ...]) -> Window:
        return self.window

    def accumulate(
        self, inputs: tuple[Tensor, ...], output: Tensor, isa: str, rows: int
    ) -> tuple[Call, ...] | None:
        x = inputs[0]
        covered = int(taps(self.window, x, output, 0)[0])
        if output.rows != 1 or rows != x.rows or covered < x.rows:
            return None
        (whole,) = self.calls(inputs, output, isa)
        return (summing(whole, "average_pool2d_rows_s8", output.elements),)
