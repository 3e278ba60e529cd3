# SPDX-License-Identifier: Apache-2.0
"""2-D average pooling, NHWC, int8: padding is left out of the average."""

from dataclasses import dataclass
from math import prod

import numpy as np

from mcuforge.compiler.calls import Call, Fields
from mcuforge.compiler.ops.common.fixed_point import RANGE, clamped
from mcuforge.compiler.ops.common.pooling import PoolOp
from mcuforge.compiler.ops.common.summing import summing
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.compiler.work import CALLED, Work
from mcuforge.errors import Refusal

LOWEST = RANGE[DType.INT8][0]
MAX_TAPS = 2**16  # the kernel's division by a reciprocal is exact up to here


@dataclass(frozen=True)
class AveragePool2D(PoolOp):
    """The average of a window's taps; inputs: x (1, h, w, c).

    Halves are rounded away from zero, as TFLite does, or with `to_even` to the even distance from
    the zero point, as ONNX's QuantizeLinear does, or `upward`, as TFLite does in uint8.
    """

    to_even: bool = False
    upward: bool = False

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        x = inputs[0]
        count = max(self.window.taps(0, x, output)) * max(self.window.taps(1, x, output))
        if count > MAX_TAPS:
            raise Refusal(
                f"the average of {count} values, supported: up to {MAX_TAPS}", "pool in two steps"
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x = inputs[0]
        patches = self.window.patches(values[0].astype(np.int64), output.shape[1:3])
        total = patches.sum(axis=(2, 3))  # (oh, ow, c); padding adds 0
        count = np.outer(self.window.taps(0, x, output), self.window.taps(1, x, output))[..., None]
        if self.to_even:
            quotient = np.rint((total - count * x.zero_point) / count)  # halves are exact
            return clamped(quotient.astype(np.int64) + x.zero_point, output, self.act)
        if self.upward:
            return clamped((total + count // 2) // count, output, self.act)
        magnitude = (np.abs(total) + count // 2) // count
        return clamped(np.sign(total) * magnitude, output, self.act)

    def rounding(self, x: Tensor) -> Fields:
        from_lowest = LOWEST if self.upward else 0  # no distance from it is below zero
        zero_point = x.zero_point if self.to_even else from_lowest
        return {"zero_point": zero_point, "to_even": int(self.to_even)}

    def accumulate(
        self, inputs: Tensors, output: Tensor, isa: str, rows: int
    ) -> tuple[Call, ...] | None:
        x = inputs[0]
        if output.rows != 1 or rows != x.rows or self.window.taps(0, x, output)[0] < x.rows:
            return None
        whole = self.call(inputs, output)
        return (summing(whole, "average_pool2d_rows_s8", output.elements),)

    def accumulate_work(self, inputs: Tensors, output: Tensor, rows: int) -> Work:
        """Count the work for some rows; each row computes the places of its windows again."""
        counts = self.counts(inputs, output)._replace(position=prod(output.shape[:3]) * rows)
        return Work("average_pool2d_rows_s8", counts, CALLED)
