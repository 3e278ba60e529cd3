# SPDX-License-Identifier: Apache-2.0
"""A border of one value around a tensor: PAD, PADV2."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.calls import Blank, Call, Reads, RowOf, kernel_call
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.by_row import calls_on_rows, one_row, row_dims, row_input
from mcuforge.compiler.ops.common.checks import shape_refusal
from mcuforge.compiler.ops.common.fixed_point import RANGE
from mcuforge.compiler.ops.strided_copy import BYTES, KERNEL_RANK, want_same_bytes
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.compiler.work import Counts, Work
from mcuforge.errors import Refusal


@dataclass(frozen=True)
class Border:
    """One dimension: its extent, and the elements of padding on both sides."""

    before: int
    extent: int
    after: int

    @property
    def padded(self) -> int:
        """Count the extent with its padding."""
        return self.before + self.extent + self.after

    def times(self, inner: int) -> Border:
        """Join this dimension with one of `inner` elements inside it."""
        return Border(self.before * inner, self.extent * inner, self.after * inner)

    def inside(self) -> NDArray[np.int64]:
        """Mark each index with 1, and padding with 0: int64 (before + extent + after,)."""
        return np.pad(np.ones(self.extent, np.int64), (self.before, self.after))


@dataclass(frozen=True)
class Pad(Op):
    """Pads int8 or uint8; `before`, `after`: elements per dimension; `value` is quantized."""

    input_types: ClassVar[tuple[DType, ...]] = BYTES
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    value: int = 0

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        rank = len(x.shape)
        if len(self.before) != rank or len(self.after) != rank:
            raise shape_refusal(
                f"{len(self.before)} and {len(self.after)} paddings for the {rank} dimensions "
                f"of '{x.name}'"
            )
        if min((*self.before, *self.after), default=0) < 0:
            raise Refusal(
                f"paddings {list(self.before)} before and {list(self.after)} after, "
                "expected only values of 0 or more",
                "crop with a slice instead of a negative padding",
            )
        shape = tuple(b + n + a for b, n, a in zip(self.before, x.shape, self.after, strict=True))
        want_same_bytes(x, output, shape)
        low, high = RANGE[x.dtype]
        if not low <= self.value <= high:
            raise Refusal(
                f"padding value {self.value}, expected {low} to {high} in {x.dtype.value}",
                "pad with a value the tensor's scale can express",
            )
        walked = len(self.borders(x))
        if walked > KERNEL_RANK:
            raise Refusal(
                f"this padding covers {walked} dimensions, supported: {KERNEL_RANK}",
                "pad fewer dimensions, or join some with a reshape before this operator",
            )

    def borders(self, x: Tensor) -> tuple[Border, ...]:
        """List as few dimensions of `x` as possible; those without padding are joined outwards."""
        result = [Border(0, 1, 0)]
        for border in map(Border, self.before, x.shape, self.after):
            if border.before == border.after == 0:
                result[-1] = result[-1].times(border.extent)
            elif result[-1] == Border(0, 1, 0):
                result[-1] = border
            else:
                result.append(border)
        return tuple(result)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        widths = tuple(zip(self.before, self.after, strict=True))
        return np.pad(values[0], widths, constant_values=self.value)

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        borders = self.borders(inputs[0])
        borders = (Border(0, 1, 0),) * (KERNEL_RANK - len(borders)) + borders
        return kernel_call(
            self.kernel_name,
            *(inputs[0], output, Blank.PARAMS),
            before=tuple(b.before for b in borders),
            extent=tuple(b.extent for b in borders),
            after=tuple(b.after for b in borders),
            value=self.value,
        )

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        """Read line by line, as the kernel writes; a line of padding reads nothing."""
        *outer, line = self.borders(inputs[0])
        inside = np.ones(1, np.int64)
        for border in outer:
            inside = np.multiply.outer(inside, border.inside()).reshape(-1)
        end = np.cumsum(inside) * line.extent
        first = end - inside * line.extent
        return (Reads(1, line.padded, first, end, before_write=True),)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        x = inputs[0]
        top = self._rows_above(x, output)
        if top is None:
            return None
        at = np.clip(np.arange(output.rows + 1, dtype=np.int64) - top, 0, x.rows)
        at_once = len(self._of_a_row(x).borders(one_row(x))) == 1
        return (Reads(x.row_bytes, output.row_bytes, at[:-1], at[1:], before_write=at_once),)

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        x = inputs[0]
        top = self._rows_above(x, output)
        assert top is not None
        row = output.elements // output.rows
        fill = kernel_call("fill_s8", RowOf(output), Blank.PARAMS, count=row, value=self.value)
        bottom = top + x.rows
        inner = calls_on_rows(self._of_a_row(x), [row_input(x, 1, -top)], output, isa)
        calls = [replace(call, rows=(top, bottom)) for call in inner]
        if top > 0:
            calls.insert(0, replace(fill, rows=(0, top)))
        if bottom < output.rows:
            calls.append(replace(fill, rows=(bottom, output.rows)))
        return tuple(calls)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        *outer, _ = self.borders(inputs[0])
        lines = prod(border.padded for border in outer)
        return Work(self.kernel_name, Counts(call=1, run=lines, tap=output.bytes))

    def _rows_above(self, x: Tensor, output: Tensor) -> int | None:
        """Count the rows of padding before the input's first; None if some lie between its rows."""
        dims = row_dims(len(x.shape))
        if dims < 2:
            return sum(self.before[:dims])
        if x.shape[0] > 1 and output.shape[1] > x.shape[1]:
            return None
        return self.before[0] * output.shape[1] + self.before[1]

    def _of_a_row(self, x: Tensor) -> Pad:
        """Make the operator that pads inside one row, without rows of padding."""
        none = (0,) * row_dims(len(x.shape))
        return replace(
            self, before=none + self.before[len(none) :], after=none + self.after[len(none) :]
        )
