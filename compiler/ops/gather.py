# SPDX-License-Identifier: Apache-2.0
"""Elements of one axis, picked by constant indices, in any order and any number of times."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd, prod

import numpy as np

from mcuforge.compiler.calls import Blank, Call, Reads, RowOf
from mcuforge.compiler.ops.common.by_row import calls_on_rows, each_row, row_dims, row_input
from mcuforge.compiler.ops.common.checks import shape_refusal
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.strided_copy import (
    Axis,
    AxisOp,
    Block,
    copy_call,
    row_major,
    runs_of,
    want_same_bytes,
)
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.errors import Refusal

MOST_PROGRESSIONS = 64  # each is a kernel call


@dataclass(frozen=True)
class Progression:
    """Outputs [begin, begin + count) take the inputs `first`, `first + step` and so on."""

    begin: int
    first: int
    step: int
    count: int


@dataclass(frozen=True)
class Gather(AxisOp):
    """Picks int8 or uint8: element i of the output's `axis` is element `indices[i]` of the input's.

    Indices at equal steps are one copy; if all are one copy, `picked` makes a Slice.
    """

    indices: tuple[int, ...] = ()

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        rank = len(x.shape)
        if not 0 <= self.axis < rank:
            raise shape_refusal(f"picks along axis {self.axis}, expected 0 to {rank - 1}")
        extent = x.shape[self.axis]
        outside = [i for i in self.indices if not 0 <= i < extent]
        if outside:
            raise shape_refusal(
                f"index {outside[0]} of axis {self.axis}, which has {extent} elements"
            )
        want_same_bytes(x, output, self.with_extent(x.shape, len(self.indices)))
        count = len(arithmetic_progressions(self.indices))
        if count > MOST_PROGRESSIONS:
            raise Refusal(
                f"the indices are {count} progressions of equal steps, "
                f"supported: up to {MOST_PROGRESSIONS}",
                "sort the indices, or reorder the data before it enters the model",
            )
        self.want_walkable(inputs, output)

    def blocks(self, inputs: Tensors, output: Tensor) -> tuple[Block, ...]:
        """List the copy of each progression."""
        x = inputs[0]
        source, target = row_major(x.shape), row_major(output.shape)
        blocks = []
        for part in arithmetic_progressions(self.indices):
            axes = list(map(Axis, x.shape, source, target))
            step = part.step * source[self.axis]
            axes[self.axis] = Axis(part.count, step, target[self.axis])
            offsets = part.first * source[self.axis], part.begin * target[self.axis]
            blocks.append(Block(tuple(axes), *offsets))
        return tuple(blocks)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        return np.take(values[0], self.indices, self.axis)

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        """Read slices in rising order, each before it is written; otherwise the order is unknown.

        Progressions along an inner dimension are copied one after the other, each into all of the
        output. A unit is the longest that divides every slice.
        """
        x = inputs[0]
        found = [runs_of(block) for block in self.blocks(inputs, output)]
        if prod(x.shape[: self.axis]) != 1 and len(found) > 1:
            return (None,)
        begins = np.concatenate([starts for starts, _ in found])
        sizes = np.concatenate([np.full(len(starts), size) for starts, size in found])
        step = gcd(*begins.tolist(), *sizes.tolist())
        # the first unit of a slice reads the whole slice, the others read nothing
        leads = np.append(0, np.cumsum(sizes // step)[:-1])
        first = np.zeros(output.elements // step, np.int64)
        end = first.copy()
        first[leads] = begins // step
        end[leads] = (begins + sizes) // step
        return (Reads(step, step, first, end, before_write=True),)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        x = inputs[0]
        if self.in_rows(output):
            return (each_row(x, output),)
        rows = self._rows(x, output)
        if (np.diff(rows) < 0).any():
            return None
        return (Reads(x.row_bytes, output.row_bytes, rows, rows + 1, before_write=True),)

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        x = inputs[0]
        if self.in_rows(output):
            return calls_on_rows(self, [row_input(x)], output, isa)
        size = x.row_bytes
        call = copy_call(x, output, Block((Axis(size, 1, 1),)))
        calls = []
        for part in arithmetic_progressions(tuple(self._rows(x, output).tolist())):
            source = row_input(x, part.step, part.first - part.begin * part.step).argument
            args = (source, RowOf(output), Blank.PARAMS)
            calls.append(replace(call, args=args, rows=(part.begin, part.begin + part.count)))
        return tuple(calls)

    def _rows(self, x: Tensor, output: Tensor) -> Int64:
        """Find the input row that each output row copies."""
        shape = x.shape[: row_dims(len(x.shape))]
        numbers = np.arange(x.rows, dtype=np.int64).reshape(shape)
        rows: Int64 = np.take(numbers, self.indices, self.axis).reshape(-1)
        return rows


def picked(x: Tensor, axis: int, indices: tuple[int, ...]) -> Slice | Gather:
    """Make the operator that takes `indices` of `axis`: a Slice if their steps are equal."""
    parts = arithmetic_progressions(indices)
    if len(parts) != 1 or parts[0].step == 0:
        return Gather(axis, indices)
    begin = tuple(parts[0].first if i == axis else 0 for i in range(len(x.shape)))
    stride = tuple(parts[0].step if i == axis else 1 for i in range(len(x.shape)))
    return Slice(begin, stride)


def arithmetic_progressions(numbers: Sequence[int]) -> tuple[Progression, ...]:
    """Divide the numbers into progressions, as long as possible; a single number steps by 1."""
    parts: list[Progression] = []
    begin = 0
    while begin < len(numbers):
        end = begin + 1
        step = numbers[end] - numbers[begin] if end < len(numbers) else 1
        while end < len(numbers) and numbers[end] - numbers[end - 1] == step:
            end += 1
        if end - begin == 1:
            step = 1
        parts.append(Progression(begin, numbers[begin], step, end - begin))
        begin = end
    return tuple(parts)
