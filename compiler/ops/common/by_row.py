# SPDX-License-Identifier: Apache-2.0
"""Row forms of operators without row kernels: the same calls on one-row tensors."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mcuforge.compiler.calls import Argument, Blob, Call, Reads, RowOf
from mcuforge.compiler.graph import Op
from mcuforge.compiler.tensors import Tensor, Tensors


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


def each_row(x: Tensor, output: Tensor) -> Reads:
    """Read row y for row y of the output."""
    row = np.arange(output.rows, dtype=np.int64)
    return Reads(x.row_bytes, output.row_bytes, row, row + 1)


def all_rows(x: Tensor, output: Tensor) -> Reads:
    """Read every row for each row of the output."""
    none = np.zeros(output.rows, np.int64)
    return Reads(x.row_bytes, output.row_bytes, none, none + x.rows)


def same_row_reads(x: Tensor, output: Tensor) -> Reads:
    """Read row y only for row y of the output, element after element in rising order.

    So rows of equal size may be computed in place. A single row may not: no row below it would keep
    an output from beginning inside it.
    """
    in_place = x.row_bytes == output.row_bytes and output.rows > 1
    return replace(each_row(x, output), before_write=in_place)


@dataclass(frozen=True)
class RowwiseOp(Op):
    """An operator that computes row y from row y of its first input; further ones are constants.

    Unless `reads` says otherwise, element i is computed from element i alone.
    """

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        """Read element i just before element i of the output is written, in rising order."""
        first = np.arange(output.elements, dtype=np.int64)
        sizes = inputs[0].dtype.itemsize, output.dtype.itemsize
        return (Reads(*sizes, first, first + 1, before_write=True), *(None for _ in inputs[1:]))

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        return (same_row_reads(inputs[0], output), *(None for _ in inputs[1:]))

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        rows = (row_input(inputs[0]), *(RowInput(t, t) for t in inputs[1:]))
        return calls_on_rows(self, rows, output, isa)


@dataclass(frozen=True)
class LastAxisOp(RowwiseOp):
    """An operator that computes each vector of the last axis from itself: softmax, normalization.

    Its input has 8 bits; constants are the same for every vector.
    """

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        """Read the rest of its row for an element, and last the element itself."""
        depth = output.shape[-1]
        first = np.arange(output.elements, dtype=np.int64)
        end = (first // depth + 1) * depth
        return (Reads(1, 1, first, end, before_write=True), *(None for _ in inputs[1:]))


class RowPartsOp(Op):
    """An operator whose output row takes of each input its own row, or all of it."""

    @abstractmethod
    def own_rows(self, inputs: Tensors, output: Tensor) -> tuple[bool, ...] | None:
        """Tell of each input whether an output row takes its own row of it, rather than all.

        None if the rows of an input are neither.
        """

    def own_row_reads(self, x: Tensor, output: Tensor) -> Reads:
        """Describe the reads of an input of which each output row takes its own row."""
        return each_row(x, output)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        found = self.own_rows(inputs, output)
        if found is None:
            return None
        ways = [self.own_row_reads if own else all_rows for own in found]
        pairs = zip(inputs, ways, strict=True)
        return tuple(None if x.is_constant else reads(x, output) for x, reads in pairs)

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        found = self.own_rows(inputs, output)
        assert found is not None
        pairs = zip(inputs, found, strict=True)
        rows = [row_input(x) if own else whole_input(x) for x, own in pairs]
        return calls_on_rows(self, rows, output, isa)
