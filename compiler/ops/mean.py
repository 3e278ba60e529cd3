# SPDX-License-Identifier: Apache-2.0
"""The mean over any axes of an int8 tensor."""

from dataclasses import dataclass, replace
from math import prod

import numpy as np

from mcuforge.compiler.calls import Blank, Call, Fields, Reads, RingRows, RowOf, kernel_call
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.by_row import each_row
from mcuforge.compiler.ops.common.checks import shape_refusal, want_int8
from mcuforge.compiler.ops.common.fixed_point import (
    Multiplier,
    output_multiplier,
    quantize_multiplier,
    scaled_by,
    stored,
)
from mcuforge.compiler.ops.common.summing import summing
from mcuforge.compiler.ops.strided_copy import Axis, merged, positions, row_major
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import CALLED, Counts, Work
from mcuforge.errors import Refusal

MAX_DIMS = 3  # kept and reduced dimensions the kernel walks, after merging
MAX_COUNT = 2**23  # an int32 always holds the sum of so many centred elements
Axes = tuple[Axis, ...]  # outermost first; only their steps in the input count


@dataclass(frozen=True)
class Mean(Op):
    """The mean of x, of any rank, over `axes`, which are rising and not negative.

    The output keeps the averaged axes as 1 or drops them.
    """

    axes: tuple[int, ...] = ()

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_int8(x, output)
        if any(axis >= len(x.shape) for axis in self.axes):
            raise shape_refusal(f"axes {list(self.axes)} of a tensor of shape {list(x.shape)}")
        kept = tuple(1 if i in self.axes else n for i, n in enumerate(x.shape))
        dropped = tuple(n for i, n in enumerate(x.shape) if i not in self.axes)
        if output.shape not in (kept, dropped):
            raise shape_refusal(
                f"tensor '{output.name}' has shape {list(output.shape)}, "
                f"this operator gives {list(kept)} or {list(dropped)}"
            )
        if max(len(self._walk(x, True)), len(self._walk(x, False))) > MAX_DIMS:
            raise Refusal(
                f"axes {list(self.axes)} of shape {list(x.shape)} alternate with kept ones more "
                f"than {MAX_DIMS} times",
                "transpose the averaged axes together before this operator",
            )
        if self.count(x) > MAX_COUNT:
            raise Refusal(
                f"the mean of {self.count(x)} values, supported: up to {MAX_COUNT}",
                "average in two steps",
            )

    def count(self, x: Tensor) -> int:
        """Count the elements that each output averages."""
        return prod(x.shape[axis] for axis in self.axes)

    def factor(self, x: Tensor, output: Tensor) -> Multiplier:
        """Compute the factor from a sum of centred elements to the output's scale."""
        return mean_multiplier(x, output, self.count(x))

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x = inputs[0]
        total = values[0].astype(np.int64).sum(axis=self.axes)
        acc = total - x.zero_point * self.count(x)
        return stored(scaled_by(acc, self.factor(x, output)), output)

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        fields = self._fields(x, output, self._walk(x, False), self._walk(x, True))
        return kernel_call("mean_s8", x, output, Blank.PARAMS, **fields)

    def _fields(self, x: Tensor, output: Tensor, kept: Axes, reduced: Axes) -> Fields:
        """Return the fields of struct mcuforge_mean_params."""
        factor = self.factor(x, output)
        kept, reduced = ((Axis(1, 0, 0),) * (MAX_DIMS - len(a)) + a for a in (kept, reduced))
        return {
            "kept": tuple(a.extent for a in kept),
            "kept_stride": tuple(a.in_stride for a in kept),
            "reduced": tuple(a.extent for a in reduced),
            "reduced_stride": tuple(a.in_stride for a in reduced),
            "bias": -x.zero_point * self.count(x),
            "multiplier": factor.mantissa,
            "shift": factor.shift,
            "output_zero_point": output.zero_point,
        }

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        first = positions(self._walk(inputs[0], False))  # of the elements that each output averages
        last = sum((a.extent - 1) * a.in_stride for a in self._walk(inputs[0], True))
        return (Reads(1, 1, first, first + last + 1, before_write=True),)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        x = inputs[0]
        if x.rows != output.rows or self._splits(x, x.rows, False) is None:
            return None
        return (each_row(x, output),)

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        x = inputs[0]
        kept = self._splits(x, x.rows, False)
        assert kept is not None
        fields = self._fields(x, output, kept, self._walk(x, True))
        return (kernel_call("mean_s8", RowOf(x), RowOf(output), Blank.PARAMS, **fields),)

    def accumulate(
        self, inputs: Tensors, output: Tensor, isa: str, rows: int
    ) -> tuple[Call, ...] | None:
        x = inputs[0]
        reduced = self._splits(x, rows, True)
        if reduced is None or output.rows != 1:
            return None
        call = kernel_call(
            "mean_rows_s8",
            *(x, output, Blank.PARAMS),
            rows=rows,
            row_size=x.elements // rows,
            input_ring=RingRows(x, rows),
            **self._fields(x, output, self._walk(x, False), reduced),
        )
        return (summing(call, call.kernel, output.elements),)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        counts = Counts(call=1, output=output.elements, tap=inputs[0].elements)
        return Work("mean_s8", counts)

    def accumulate_work(self, inputs: Tensors, output: Tensor, rows: int) -> Work:
        counts = Counts(output=output.elements, run=output.elements * rows, tap=inputs[0].elements)
        return Work("mean_rows_s8", counts, CALLED)

    def _splits(self, x: Tensor, rows: int, reduced: bool) -> Axes | None:
        """Find the reduced or the kept dimensions of one of `rows` equal parts of x.

        None if the parts do not divide the outermost dimension, or if it is of the other kind.
        """
        axes = self._walk(x, reduced)
        if rows == 1:
            return axes
        if not axes or axes[0].extent * axes[0].in_stride != x.elements or axes[0].extent % rows:
            return None
        return (replace(axes[0], extent=axes[0].extent // rows), *axes[1:])

    def _walk(self, x: Tensor, reduced: bool) -> Axes:
        """List the reduced or the kept dimensions, with neighbours joined."""
        steps = enumerate(zip(x.shape, row_major(x.shape), strict=True))
        return merged(tuple(Axis(n, s, s) for i, (n, s) in steps if (i in self.axes) == reduced))


def mean_multiplier(x: Tensor, output: Tensor, count: int) -> Multiplier:
    """Compute x.scale / output.scale / count; like TFLite it divides the mantissa, rounding down.

    The mantissa is first shifted left by the bits of `count`, as far as the shift allows.
    """
    assert output.quant is not None
    if output.quant.nearest:
        return output_multiplier(x.scale / output.scale / count, output)
    factor = quantize_multiplier(x.scale / output.scale)
    shift = min(count.bit_length() - 1, 32, 31 + factor.shift)
    return Multiplier((factor.mantissa << shift) // count, factor.shift - shift)
