# SPDX-License-Identifier: Apache-2.0
"""Operators run row by row without a kernel of their own: the same calls on one-row tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuforge.compiler.calls import Argument, Blob, Call, Reads, RowOf
from mcuforge.compiler.graph import Op
from mcuforge.compiler.tensors import Tensor


@dataclass(frozen=True, eq=False)
class RowInput:
    """What a one-row form is given for an input: a tensor standing for one row, and its address."""

    stand_in: Tensor
    argument: Argument


def row_dims(rank: int) -> int:
    """How many leading dimensions of a shape count rows (`Tensor.rows`); the rest is one row."""
    return min(2, max(rank - 1, 0))


def one_row(tensor: Tensor) -> Tensor:
    """One row of `tensor`, computed at run time even where the tensor is a constant."""
    dims = row_dims(len(tensor.shape))
    return replace(tensor, shape=(1,) * dims + tensor.shape[dims:], data=None)


def row_input(tensor: Tensor, step: int = 1, first: int = 0) -> RowInput:
    """Row `step * row + first` of an input, a constant's lying in flash."""
    if not tensor.is_constant:
        return RowInput(one_row(tensor), RowOf(tensor, step, first))
    blob = Blob("constant", tensor.values())
    return RowInput(one_row(tensor), RowOf(blob, step, first, tensor.row_bytes))


def whole_input(tensor: Tensor) -> RowInput:
    """All of an input, the same for every row."""
    stand_in = replace(tensor, data=None)
    if not tensor.is_constant:
        return RowInput(stand_in, RowOf(tensor, step=0))
    return RowInput(stand_in, Blob("constant", tensor.values()))


def calls_on_rows(op: Op, inputs: Sequence[RowInput], output: Tensor, isa: str) -> tuple[Call, ...]:
    """The calls of `op` on one-row tensors, their addresses those of the rows in their rings."""
    row = one_row(output)
    places = {id(x.stand_in): x.argument for x in inputs} | {id(row): RowOf(output)}
    calls = op.calls(tuple(x.stand_in for x in inputs), row, isa)
    return tuple(
        replace(call, args=tuple(places.get(id(a), a) for a in call.args)) for call in calls
    )


def element_reads(x: Tensor, output: Tensor) -> Reads:
    """Element i is read just before element i of the output is written, in rising order."""
    first = np.arange(output.elements, dtype=np.int64)
    return Reads(x.dtype.itemsize, output.dtype.itemsize, first, first + 1, before_write=True)


def same_row_reads(x: Tensor, output: Tensor) -> Reads:
    """Row y is computed from row y alone, element after element in rising order.

    So it may be computed in place, where rows are of one size. A single row says no: nothing below
    it would then keep an output from beginning inside it.
    """
    first = np.arange(output.rows, dtype=np.int64)
    in_place = x.row_bytes == output.row_bytes and output.rows > 1
    return Reads(x.row_bytes, output.row_bytes, first, first + 1, before_write=in_place)
