# SPDX-License-Identifier: Apache-2.0
"""Blocks of bytes walked by strides: the copies of joining, slicing and transposing."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from math import prod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.calls import Blank, Call, Reads, RowOf, kernel_call
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.by_row import row_dims, row_input
from mcuforge.compiler.ops.common.checks import want_dtype, want_same_quant, want_shape
from mcuforge.compiler.tensors import DType, Tensor, Tensors
from mcuforge.compiler.work import Counts, Work
from mcuforge.errors import Refusal

KERNEL_RANK = 5
BYTES = (DType.INT8, DType.UINT8)  # the types that byte-moving operators take


@dataclass(frozen=True)
class Axis:
    """One dimension of a block: its extent and the step from one index to the next, in elements."""

    extent: int
    in_stride: int
    out_stride: int


@dataclass(frozen=True)
class Block:
    """The places where a copy reads and writes; `axes` are outermost first."""

    axes: tuple[Axis, ...]
    in_offset: int = 0
    out_offset: int = 0


@dataclass(frozen=True)
class RowCopy:
    """One row of a copy: it reads within row `step * row + first` of the input."""

    step: int
    first: int
    block: Block


@dataclass(frozen=True)
class BlocksOp(Op):
    """An operator that copies blocks of 8-bit elements: one of each input, or several of one."""

    input_types: ClassVar[tuple[DType, ...]] = BYTES

    @abstractmethod
    def blocks(self, inputs: Tensors, output: Tensor) -> tuple[Block, ...]:
        """List the copies in the order they are made."""

    def want_walkable(self, inputs: Tensors, output: Tensor) -> None:
        """Refuse a copy that needs more dimensions than the kernel has loops."""
        rank = max(len(merged(block.axes)) for block in self.blocks(inputs, output))
        if rank > KERNEL_RANK:
            raise Refusal(
                f"this copy covers {rank} dimensions, supported: {KERNEL_RANK}",
                "join neighbouring dimensions with a reshape before this operator",
            )

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        pairs = zip(cycle(inputs), self.blocks(inputs, output), strict=False)
        return tuple(copy_call(x, output, block) for x, block in pairs)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        counts = [_copy_counts(block) for block in self.blocks(inputs, output)]
        totals = Counts(*(sum(column) for column in zip(*counts, strict=True)))
        return Work("strided_copy_s8", totals)


@dataclass(frozen=True)
class AxisOp(BlocksOp):
    """An operator that copies parts along one axis, which may be one that counts rows."""

    axis: int = 0

    def in_rows(self, output: Tensor) -> bool:
        """Tell whether a row of the output is made of parts of one row of each input."""
        return self.axis >= row_dims(len(output.shape))

    def with_extent(self, shape: tuple[int, ...], extent: int) -> tuple[int, ...]:
        """Return `shape` with another extent along the axis."""
        return (*shape[: self.axis], extent, *shape[self.axis + 1 :])

    def row_work(self, inputs: Tensors, output: Tensor) -> Work:
        if self.in_rows(output):
            return super().row_work(inputs, output)
        return self.work(inputs, output).in_calls(output.rows)  # exactly one call has this row


@dataclass(frozen=True)
class CopyOp(BlocksOp):
    """An operator whose output is a block of its input: whole, in rising order."""

    @abstractmethod
    def block(self, x: Tensor, output: Tensor) -> Block:
        """Find the place of each output element in the input; axes are the output's."""

    def blocks(self, inputs: Tensors, output: Tensor) -> tuple[Block, ...]:
        return (self.block(inputs[0], output),)

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        """Read run after run; an element repeated in place is read once, then it copies itself."""
        block = self.block(inputs[0], output)
        outer, run = runs_of(block)
        axes = merged(block.axes)
        repeats = axes[-1].extent if axes and axes[-1].in_stride == 0 else 1
        again = np.arange(len(outer)) % repeats > 0
        return (Reads(1, run, outer, np.where(again, outer, outer + run), before_write=True),)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        x = inputs[0]
        copy = row_copy(x, output, self.block(x, output))
        if copy is None:
            return None
        first = copy.first + copy.step * np.arange(output.rows, dtype=np.int64)
        at_once = len(runs_of(copy.block)[0]) == 1
        return (Reads(x.row_bytes, output.row_bytes, first, first + 1, before_write=at_once),)

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        x = inputs[0]
        copy = row_copy(x, output, self.block(x, output))
        assert copy is not None
        source = row_input(x, copy.step, copy.first).argument
        call = copy_call(x, output, copy.block)
        return (replace(call, args=(source, RowOf(output), Blank.PARAMS)),)


def row_copy(x: Tensor, output: Tensor, block: Block) -> RowCopy | None:
    """Make the copy of one output row; None unless rows are input rows at equal steps.

    A step may be 0: every output row is a copy of one.
    """
    dims = row_dims(len(output.shape))
    begins = block.in_offset + positions(block.axes[:dims])
    row_elements = x.elements // x.rows
    rows, places = np.divmod(begins, row_elements)
    steps = np.diff(rows)
    reach = [(a.extent - 1) * a.in_stride for a in block.axes[dims:]]
    place = int(places[0])
    inside = (
        place + sum(r for r in reach if r < 0) >= 0
        and place + sum(r for r in reach if r > 0) < row_elements
    )
    if not inside or (places != place).any() or (steps != steps[:1]).any() or (steps < 0).any():
        return None
    return RowCopy(
        int(steps[0]) if steps.size else 1, int(rows[0]), Block(block.axes[dims:], place)
    )


def runs_of(block: Block) -> tuple[NDArray[np.int64], int]:
    """Find the input element each run of the kernel begins at, and the elements per run.

    The elements are in the kernel's order: int64 (runs,).
    """
    axes = merged(block.axes)
    if axes and axes[-1].in_stride == axes[-1].out_stride == 1:
        return block.in_offset + positions(axes[:-1]), axes[-1].extent
    return block.in_offset + positions(axes), 1


def positions(axes: Sequence[Axis]) -> NDArray[np.int64]:
    """Find the input element at each index of `axes`, the last moving fastest: int64 (indices,)."""
    places = np.zeros(1, np.int64)
    for axis in axes:
        steps = np.arange(axis.extent, dtype=np.int64) * axis.in_stride
        places = np.add.outer(places, steps).reshape(-1)
    return places


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Compute the strides of a dense tensor, in elements, for each dimension."""
    strides = [1]
    for extent in reversed(shape[1:]):
        strides.append(strides[-1] * extent)
    return tuple(reversed(strides)) if shape else ()


def merged(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Walk the same elements in as few dimensions as possible: neighbours in one run are joined."""
    result: list[Axis] = []
    for axis in axes:
        if axis.extent == 1:
            continue
        if result and _continues(result[-1], axis):
            outer = result.pop()
            axis = Axis(outer.extent * axis.extent, axis.in_stride, axis.out_stride)
        result.append(axis)
    return tuple(result)


def _continues(outer: Axis, inner: Axis) -> bool:
    """Tell whether one step of `outer` equals the whole extent of `inner`."""
    return (
        outer.in_stride == inner.extent * inner.in_stride
        and outer.out_stride == inner.extent * inner.out_stride
    )


def want_same_bytes(x: Tensor, output: Tensor, shape: tuple[int, ...]) -> None:
    """Refuse everything except a move of 8-bit values of one dtype, scale and zero point."""
    want_dtype(x, *BYTES)
    want_dtype(output, x.dtype)
    want_same_quant(x, output)
    want_shape(output, shape)


def copy_call(x: Tensor, output: Tensor, block: Block) -> Call:
    """Call the kernel that copies `block` from `x` to `output`."""
    axes = merged(block.axes)
    axes = (Axis(1, 0, 0),) * (KERNEL_RANK - len(axes)) + axes
    if axes[-1].extent == 1:
        axes = (*axes[:-1], Axis(1, 1, 1))
    return kernel_call(
        "strided_copy_s8",
        *(x, output, Blank.PARAMS),
        dims=tuple(a.extent for a in axes),
        in_stride=tuple(a.in_stride for a in axes),
        out_stride=tuple(a.out_stride for a in axes),
        in_offset=block.in_offset,
        out_offset=block.out_offset,
    )


def _copy_counts(block: Block) -> Counts:
    """Count bytes by stretches that are contiguous on both sides, or one by one."""
    axes = merged(block.axes)
    size = prod(axis.extent for axis in block.axes)
    if not axes or axes[-1].in_stride != 1 or axes[-1].out_stride != 1:
        return Counts(call=1, output=size, run=size // (axes[-1].extent if axes else 1))
    return Counts(call=1, run=size // axes[-1].extent, tap=size)
