# SPDX-License-Identifier: Apache-2.0
"""Where the largest or smallest element of an axis lies: ARG_MAX, ARG_MIN."""

from abc import abstractmethod
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Call, Reads, kernel_call
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.by_row import calls_on_rows, each_row, row_dims, row_input
from mcuforge.compiler.ops.common.checks import shape_refusal, want_dtype, want_int8, want_shape
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.compiler.work import Counts, Work


@dataclass(frozen=True)
class ArgExtremum(Op):
    """The index, int32, of the extreme of x (int8) along `axis`, which the output drops or keeps.

    Of equal ones it is the first, or with `last` the last.
    """

    kernel_name: ClassVar[str] = "arg_extremum_s8"
    axis: int = 0
    last: bool = False

    @property
    @abstractmethod
    def largest(self) -> bool:
        """True for the largest element, False for the smallest."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_int8(x)
        want_dtype(output, DType.INT32)
        if not 0 <= self.axis < len(x.shape):
            raise shape_refusal(f"axis {self.axis} of a tensor of shape {list(x.shape)}")
        kept = tuple(1 if i == self.axis else n for i, n in enumerate(x.shape))
        if output.shape != kept:
            want_shape(output, kept[: self.axis] + kept[self.axis + 1 :])

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x = values[0].astype(np.int16) * (1 if self.largest else -1)
        place = np.asarray(x.argmax(self.axis))
        if self.last:
            place = x.shape[self.axis] - 1 - np.flip(x, self.axis).argmax(self.axis)
        found: Array = place.astype(np.int32).reshape(output.shape)
        return found

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        outer, count, inner = self._walk(inputs[0])
        return kernel_call(
            self.kernel_name,
            *(inputs[0], output, Blank.PARAMS),
            outer=outer,
            along=count,
            inner=inner,
            flip=0 if self.largest else -1,
            last=int(self.last),
        )

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        outer, count, inner = self._walk(inputs[0])
        steps = np.arange(outer, dtype=np.int64) * (count * inner)
        first = np.add.outer(steps, np.arange(inner, dtype=np.int64)).reshape(-1)
        end = first + (count - 1) * inner + 1
        return (Reads(1, output.dtype.itemsize, first, end, before_write=True),)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        x = inputs[0]
        inside = self.axis >= row_dims(len(x.shape)) and x.rows == output.rows
        return (each_row(x, output),) if inside and len(output.shape) > 1 else None

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        return calls_on_rows(self, [row_input(inputs[0])], output, isa)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        counts = Counts(call=1, output=output.elements, tap=inputs[0].elements)
        return Work(self.kernel_name, counts)

    def _walk(self, x: Tensor) -> tuple[int, int, int]:
        """Count the elements outside of the axis, along it, and inside of it."""
        return prod(x.shape[: self.axis]), x.shape[self.axis], prod(x.shape[self.axis + 1 :])


@dataclass(frozen=True)
class ArgMax(ArgExtremum):
    """The index of the largest element."""

    kind: ClassVar[str] = "arg_max"
    largest: ClassVar[bool] = True


@dataclass(frozen=True)
class ArgMin(ArgExtremum):
    """The index of the smallest element."""

    kind: ClassVar[str] = "arg_min"
    largest: ClassVar[bool] = False
