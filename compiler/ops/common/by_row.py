# SPDX-License-Identifier: Apache-2.0
"""Row forms of operators without row kernels: the same calls on one-row tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuforge.compiler.calls import Argument, Blob, Call, Reads, RowOf
from mcuforge.compiler.graph import Op
from mcuforge.compiler.tensors import Tensor


@dataclass(frozen=True, eq=False)
class RowInput:
    """An input of a one-row form: a tensor that stands for one row, and its address."""

    stand_in: Tensor
    argument: Argument


def row_dims(rank: int) -> int:
    """Count the leading dimensions that count rows (`Tensor.rows`); the others make up a row."""
    return min(2, max(rank - 1, 0))


def one_row(tensor: Tensor) -> Tensor:
    """Make a tensor of one row of `tensor`, computed at run time even for a constant."""
    dims = row_dims(len(tensor.shape))
    return replace(tensor, shape=(1,) * dims + tensor.shape[dims:], data=None)


def row_input(tensor: Tensor, step: int = 1, first: int = 0) -> RowInput:
    """Give a one-row form row `step * row + first` of an input; a constant lies in flash."""
    if not tensor.is_constant:
        return RowInput(one_row(tensor), RowOf(tensor, step, first))
    blob = Blob("constant", tensor.values())
    return RowInput(one_row(tensor), RowOf(blob, step, first, tensor.row_bytes))


def whole_input(tensor: Tensor) -> RowInput:
    """Give a one-row form all of an input, the same for every row."""
    stand_in = replace(tensor, data=None)
    if not tensor.is_constant:
        return RowInput(stand_in, RowOf(tensor, step=0))
    return RowInput(stand_in, Blob("constant", tensor.values()))


def calls_on_rows(op: Op, inputs: Sequence[RowInput], output: Tensor, isa: str) -> tuple[Call, ...]:
    """List the calls of `op` on one-row tensors, with the addresses of the rows in their rings."""
    row = one_row(output)
    places = {id(x.stand_in): x.argument for x in inputs} | {id(row): RowOf(output)}
    calls = op.calls(tuple(x.stand_in for x in inputs), row, isa)
    return tuple(
        replace(call, args=tuple(places.get(id(a), a) for a in call.args)) for call in calls
    )


def element_reads(x: Tensor, output: Tensor) -> Reads:
    """Read element i just before element i of the output is written, in rising order."""
    first = np.arange(output.elements, dtype=np.int64)
    return Reads(x.dtype.itemsize, output.dtype.itemsize, first, first + 1, before_write=True)


def same_row_reads(x: Tensor, output: Tensor) -> Reads:
    """Read row y only for row y of the output, element after element in rising order.

    So rows of equal size may be computed in place. A single row may not: no row below it would keep
    an output from beginning inside it.
    """
    first = np.arange(output.rows, dtype=np.int64)
    in_place = x.row_bytes == output.row_bytes and output.rows > 1
    return Reads(x.row_bytes, output.row_bytes, first, first + 1, before_write=in_place)
