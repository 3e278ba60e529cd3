# SPDX-License-Identifier: Apache-2.0
"""Tensors joined along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import gcd, prod
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Call, Reads
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.by_row import calls_on_rows, row_dims, row_input
from mcuforge.compiler.ops.strided_copy import (
    BYTES,
    Axis,
    Block,
    copy_call,
    copy_work,
    row_major,
    want_same_bytes,
    want_walkable,
)
from mcuforge.compiler.tensors import Array, DType, Tensor
from mcuforge.compiler.work import Work
from mcuforge.errors import Refusal


@dataclass(frozen=True)
class Concatenation(Op):
    """Joins inputs, int8 or uint8, of one scale and zero point, that are equal except in `axis`.

    The reference refuses differing scales for int8 too; for uint8 it would rescale in float.
    """

    kind: ClassVar[str] = "concatenation"
    input_types: ClassVar[tuple[DType, ...]] = BYTES
    axis: int = 0

    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        rank = len(output.shape)
        if not 0 <= self.axis < rank:
            raise Refusal(
                f"joins along axis {self.axis}, expected 0 to {rank - 1}",
                "export the model again: its shapes contradict each other",
            )
        for x in inputs:
            if len(x.shape) != rank:
                raise Refusal(
                    f"tensor '{x.name}' has shape {list(x.shape)}, "
                    f"expected {rank} dimensions as in the output",
                    "export the model again: its shapes contradict each other",
                )
            want_same_bytes(x, output, self.with_extent(x.shape, output.shape[self.axis]))
        joined = sum(x.shape[self.axis] for x in inputs)
        if joined != output.shape[self.axis]:
            raise Refusal(
                f"the inputs join to {joined} along axis {self.axis}, "
                f"tensor '{output.name}' has {output.shape[self.axis]}",
                "export the model again: its shapes contradict each other",
            )
        for block in self.blocks(inputs, output):
            want_walkable(block)

    def with_extent(self, shape: tuple[int, ...], extent: int) -> tuple[int, ...]:
        """Return `shape` with another extent along the joined axis."""
        return (*shape[: self.axis], extent, *shape[self.axis + 1 :])

    def blocks(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Block, ...]:
        """Find each input's place in the output."""
        strides = row_major(output.shape)
        result = []
        begin = 0
        for x in inputs:
            axes = tuple(map(Axis, x.shape, row_major(x.shape), strides))
            result.append(Block(axes, 0, begin * strides[self.axis]))
            begin += x.shape[self.axis]
        return tuple(result)

    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
        return np.concatenate(tuple(values), axis=self.axis)

    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        blocks = self.blocks(inputs, output)
        return tuple(copy_call(x, output, b) for x, b in zip(inputs, blocks, strict=True))

    def reads(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Reads | None, ...]:
        """Read each input at its first written byte, if inputs lie end to end; otherwise unknown.

        Inputs that lie side by side are copied one after the other, each into all of the output. A
        unit is the longest that divides every input.
        """
        if not self._end_to_end(inputs, output):
            return (None,) * len(inputs)
        step = gcd(*(x.elements for x in inputs))
        unit = np.arange(output.elements // step, dtype=np.int64)
        found = []
        for begin, count in _spans([x.elements // step for x in inputs]):
            first = np.where(unit > begin, count, 0)
            end = np.where(unit >= begin, count, 0)
            found.append(Reads(step, step, first, end, before_write=True))
        return tuple(found)

    def row_reads(
        self, inputs: tuple[Tensor, ...], output: Tensor
    ) -> tuple[Reads | None, ...] | None:
        row = np.arange(output.rows + 1, dtype=np.int64)
        if self.axis >= row_dims(len(output.shape)):
            ranges = [row] * len(inputs)
            at_once = len(inputs) == 1
        elif self._end_to_end(inputs, output):
            spans = _spans([x.rows for x in inputs])
            ranges = [np.clip(row - begin, 0, count) for begin, count in spans]
            at_once = True
        else:
            return None
        return tuple(
            None if x.is_constant else Reads(x.row_bytes, output.row_bytes, r[:-1], r[1:], at_once)
            for x, r in zip(inputs, ranges, strict=True)
        )

    def row_calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        if self.axis >= row_dims(len(output.shape)):
            return calls_on_rows(self, [row_input(x) for x in inputs], output, isa)
        calls = []
        for x, (begin, count) in zip(inputs, _spans([x.rows for x in inputs]), strict=True):
            (call,) = calls_on_rows(Concatenation(0), [row_input(x, 1, -begin)], output, isa)
            calls.append(replace(call, rows=(begin, begin + count)))
        return tuple(calls)

    def work(self, inputs: tuple[Tensor, ...], output: Tensor) -> Work:
        return copy_work(self.blocks(inputs, output))

    def row_work(self, inputs: tuple[Tensor, ...], output: Tensor) -> Work:
        if self.axis >= row_dims(len(output.shape)):
            return super().row_work(inputs, output)
        return self.work(inputs, output).in_calls(output.rows)  # exactly one call has this row

    def _end_to_end(self, inputs: tuple[Tensor, ...], output: Tensor) -> bool:
        """Tell whether each input is one run of the output, written in rising order."""
        return len(inputs) == 1 or prod(output.shape[: self.axis]) == 1


def _spans(counts: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """List (begin, count) of parts that follow each other."""
    return tuple(zip(accumulate(counts, initial=0), counts, strict=False))
