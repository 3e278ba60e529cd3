# SPDX-License-Identifier: Apache-2.0
"""The mean over neighbouring axes of an int8 tensor as float32: the last operator of a model."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Call, kernel_call
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.checks import shape_refusal, want_dtype, want_int8
from mcuforge.compiler.ops.mean import MAX_COUNT
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.compiler.work import Counts, Work
from mcuforge.errors import Refusal


@dataclass(frozen=True)
class MeanReal(Op):
    """The mean of x over `axes`, which follow each other; the output keeps them as 1 or drops them.

    Each int32 sum is rounded to float32 and multiplied by float32(scale / count).
    """

    kernel_name: ClassVar[str] = "average_f32"
    axes: tuple[int, ...] = ()

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_int8(x)
        want_dtype(output, DType.FLOAT32)
        first = self.axes[0] if self.axes else 0
        if self.axes != tuple(range(first, first + len(self.axes))) or not self.axes:
            raise shape_refusal(f"axes {list(self.axes)}, expected neighbours")
        if self.axes[-1] >= len(x.shape) or output.elements * self.count(x) != x.elements:
            raise shape_refusal(
                f"axes {list(self.axes)} of {list(x.shape)} do not give {list(output.shape)}"
            )
        if self.count(x) > MAX_COUNT:
            raise Refusal(
                f"the mean of {self.count(x)} values, supported: up to {MAX_COUNT}",
                "average in two steps",
            )

    def count(self, x: Tensor) -> int:
        """Count the elements that each output averages."""
        return prod(x.shape[axis] for axis in self.axes)

    def scale(self, x: Tensor) -> float:
        """Compute the scale of a sum, a float32."""
        return float(np.float32(x.scale / self.count(x)))

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x = inputs[0]
        total = values[0].astype(np.int64).sum(axis=self.axes) - x.zero_point * self.count(x)
        real = total.astype(np.float32) * np.float32(self.scale(x))
        return np.asarray(real, np.float32).reshape(output.shape)

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        return kernel_call(
            self.kernel_name,
            *(x, output, Blank.PARAMS),
            outer=prod(x.shape[: self.axes[0]]),
            count=self.count(x),
            inner=prod(x.shape[self.axes[-1] + 1 :]),
            bias=-x.zero_point * self.count(x),
            scale=self.scale(x),
        )

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        counts = Counts(call=1, output=output.elements, tap=inputs[0].elements)
        return Work(self.kernel_name, counts)
