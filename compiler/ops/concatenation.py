# SPDX-License-Identifier: Apache-2.0
"""Tensors joined along one axis."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import gcd, prod

import numpy as np

from mcuforge.compiler.calls import Call, Reads
from mcuforge.compiler.ops.common.by_row import calls_on_rows, row_input
from mcuforge.compiler.ops.common.checks import shape_refusal
from mcuforge.compiler.ops.strided_copy import Axis, AxisOp, Block, row_major, want_same_bytes
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors


@dataclass(frozen=True)
class Concatenation(AxisOp):
    """Joins inputs, int8 or uint8, of one scale and zero point, that are equal except in `axis`.

    The reference refuses differing scales for int8 too; for uint8 it would rescale in float.
    """

    def check(self, inputs: Tensors, output: Tensor) -> None:
        rank = len(output.shape)
        if not 0 <= self.axis < rank:
            raise shape_refusal(f"joins along axis {self.axis}, expected 0 to {rank - 1}")
        for x in inputs:
            if len(x.shape) != rank:
                raise shape_refusal(
                    f"tensor '{x.name}' has shape {list(x.shape)}, "
                    f"expected {rank} dimensions as in the output"
                )
            want_same_bytes(x, output, self.with_extent(x.shape, output.shape[self.axis]))
        joined = sum(x.shape[self.axis] for x in inputs)
        if joined != output.shape[self.axis]:
            raise shape_refusal(
                f"the inputs join to {joined} along axis {self.axis}, "
                f"tensor '{output.name}' has {output.shape[self.axis]}"
            )
        self.want_walkable(inputs, output)

    def blocks(self, inputs: Tensors, output: Tensor) -> tuple[Block, ...]:
        """Find each input's place in the output."""
        strides = row_major(output.shape)
        result = []
        begin = 0
        for x in inputs:
            axes = tuple(map(Axis, x.shape, row_major(x.shape), strides))
            result.append(Block(axes, 0, begin * strides[self.axis]))
            begin += x.shape[self.axis]
        return tuple(result)

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        return np.concatenate(tuple(values), axis=self.axis)

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
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

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...] | None:
        row = np.arange(output.rows + 1, dtype=np.int64)
        if self.in_rows(output):
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

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        if self.in_rows(output):
            return calls_on_rows(self, [row_input(x) for x in inputs], output, isa)
        calls = []
        for x, (begin, count) in zip(inputs, _spans([x.rows for x in inputs]), strict=True):
            (call,) = calls_on_rows(Concatenation(0), [row_input(x, 1, -begin)], output, isa)
            calls.append(replace(call, rows=(begin, begin + count)))
        return tuple(calls)

    def _end_to_end(self, inputs: Tensors, output: Tensor) -> bool:
        """Tell whether each input is one run of the output, written in rising order."""
        return len(inputs) == 1 or prod(output.shape[: self.axis]) == 1


def _spans(counts: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """List (begin, count) of parts that follow each other."""
    return tuple(zip(accumulate(counts, initial=0), counts, strict=False))
