# SPDX-License-Identifier: Apache-2.0
"""Products of matrices that are both computed at run time: attention's scores and their use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import Blank, Call, Params, Reads
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.broadcast import operands
from mcuforge.compiler.ops.common.by_row import (
    RowInput,
    calls_on_rows,
    row_dims,
    row_input,
    whole_input,
)
from mcuforge.compiler.ops.common.checks import want_int8, want_rank, want_shape
from mcuforge.compiler.ops.common.fixed_point import (
    Int64,
    Multiplier,
    output_multiplier,
    requantize,
    wrap_int32,
)
from mcuforge.compiler.tensors import Array, Tensor
from mcuforge.compiler.work import Counts, Work
from mcuforge.errors import Refusal

MAX_BATCH_DIMS = 3  # the kernel's loops over products
# an int32 always holds the sum of so many products of centred values
MAX_DEPTH = (2**31 - 1) // (255 * 255)
COLUMNS = 4  # of the output that kernels compute at once
Shape = tuple[int, ...]


@dataclass(frozen=True)
class BatchMatMul(Op):
    """Matrix products of a (..., m, k) and b (..., k, n), stored transposed if `adj_x`, `adj_y`.

    Both are int8 with one scale each; the dimensions in front broadcast. The output is (..., m, n).
    """

    kind: ClassVar[str] = "batch_matmul"
    adj_x: bool = False
    adj_y: bool = False

    def check(self, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        a, b = inputs
        for tensor in (a, b, output):
            want_int8(tensor)
        for tensor in inputs:
            want_rank(tensor, *range(2, 3 + MAX_BATCH_DIMS))
        rows, depth = self._matrix(a.shape, self.adj_x)
        met, columns = self._matrix(b.shape, self.adj_y)
        batch = _broadcast(a.shape[:-2], b.shape[:-2])
        if depth != met or batch is None:
            raise Refusal(
                f"matrices of shapes {list(a.shape)} and {list(b.shape)}, expected "
                "[..., m, k] and [..., k, n] after the transposes",
                "export the model again: its shapes contradict each other",
            )
        want_shape(output, (*batch, rows, columns))
        if depth > MAX_DEPTH:
            raise Refusal(
                f"each output sums {depth} products, supported: up to {MAX_DEPTH}",
                "split this product: an int32 accumulator could overflow",
            )

    def _matrix(self, shape: Shape, transposed: bool) -> tuple[int, int]:
        """Return the sizes of the matrix as it is multiplied: (m, k) of `a`, (k, n) of `b`."""
        rows, columns = shape[-2:]
        return (columns, rows) if transposed else (rows, columns)

    def evaluate(
        self, inputs: tuple[Tensor, ...], output: Tensor, values: Sequence[Array]
    ) -> Array:
        a, b = (v.astype(np.float64) - t.zero_point for v, t in zip(values, inputs, strict=True))
        a = a.swapaxes(-1, -2) if self.adj_x else a
        b = b.swapaxes(-1, -2) if self.adj_y else b
        factor = matmul_multiplier(inputs, output)
        acc = np.matmul(a, b).astype(np.int64)  # below 2**53: exact
        scaled = requantize(acc, factor.mantissa, factor.shift)
        result = np.clip(wrap_int32(scaled + output.zero_point), -128, 127)
        return result.astype(np.int8).reshape(output.shape)

    def macs(self, inputs: tuple[Tensor, ...], output: Tensor) -> int:
        return output.elements * self._matrix(inputs[0].shape, self.adj_x)[1]

    def calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        a, b = inputs
        rows, depth = self._matrix(a.shape, self.adj_x)
        factor = matmul_multiplier(inputs, output)
        front = (1,) * (MAX_BATCH_DIMS + 2 - len(output.shape))
        params = Params(
            "batch_matmul_params",
            (
                ("batch", front + output.shape[:-2]),
                ("a_batch", _batch_strides(a.shape)),
                ("b_batch", _batch_strides(b.shape)),
                ("rows", rows),
                ("depth", depth),
                ("columns", output.shape[-1]),
                ("a_row", 1 if self.adj_x else depth),
                ("a_step", rows if self.adj_x else 1),
                ("b_transposed", int(self.adj_y)),
                ("a_zero_point", a.zero_point),
                ("b_zero_point", b.zero_point),
                ("multiplier", factor.mantissa),
                ("shift", factor.shift),
                ("output_zero_point", output.zero_point),
            ),
        )
        return (Call("batch_matmul_s8", (*operands(inputs), output, Blank.PARAMS), params),)

    def work(self, inputs: tuple[Tensor, ...], output: Tensor) -> Work:
        """Count columns four at a time; the rest, and the sum of each row of `a`, one by one."""
        columns = output.shape[-1]
        vectors = output.elements // columns
        depth = self.macs(inputs, output) // max(output.elements, 1)
        blocks = 0 if self.adj_x else columns // COLUMNS
        left = columns - blocks * COLUMNS
        counts = Counts(
            call=1,
            position=vectors,
            output=output.elements,
            run=vectors * (blocks + left + 1),
            tap=vectors * blocks * COLUMNS * depth,
            rest=vectors * (left + 1) * depth,
        )
        return Work("batch_matmul_s8", counts)

    def reads(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[Reads | None, ...]:
        """Read for each output row all of `b`'s matrix, and a row of `a` or all of it."""
        a, b = inputs
        rows, depth = self._matrix(a.shape, self.adj_x)
        columns = output.shape[-1]
        of_a = np.repeat(_matrices(a, output), rows)
        of_b = np.repeat(_matrices(b, output), rows)
        per_b = Reads(depth * columns, columns, of_b, of_b + 1)
        if self.adj_x:
            return (Reads(rows * depth, columns, of_a, of_a + 1), per_b)
        row = of_a * rows + np.arange(output.elements // columns, dtype=np.int64) % rows
        return (Reads(depth, columns, row, row + 1), per_b)

    def row_reads(
        self, inputs: tuple[Tensor, ...], output: Tensor
    ) -> tuple[Reads | None, ...] | None:
        """Read a row of `a` and all of `b` for a token's row, or two matrices if rows are heads."""
        found = self._rows_of(inputs, output)
        if found is None:
            return None
        row = np.arange(output.rows, dtype=np.int64)
        reads: list[Reads | None] = []
        for x, own in zip(inputs, found, strict=True):
            first, end = (row, row + 1) if own else (0 * row, 0 * row + x.rows)
            known = Reads(x.row_bytes, output.row_bytes, first, end)
            reads.append(None if x.is_constant else known)
        return tuple(reads)

    def row_calls(self, inputs: tuple[Tensor, ...], output: Tensor, isa: str) -> tuple[Call, ...]:
        found = self._rows_of(inputs, output)
        assert found is not None
        rows: list[RowInput] = [
            row_input(x) if own else whole_input(x) for x, own in zip(inputs, found, strict=True)
        ]
        return calls_on_rows(self, rows, output, isa)

    def _rows_of(self, inputs: tuple[Tensor, ...], output: Tensor) -> tuple[bool, bool] | None:
        """Tell whether an output row takes its own row of each input, rather than all of it.

        None if the rows of an input are neither. The rows of [1, tokens, n] are tokens, those of
        [1, heads, tokens, n] whole matrices.
        """
        a, b = inputs
        rank = len(output.shape)
        if rank <= 3:  # a row is one of `a`'s
            single = all(n == 1 for n in (*a.shape[:-2], *b.shape[:-2]))
            return (True, False) if single and not self.adj_x else None
        dims = row_dims(rank)
        found = []
        for x in inputs:
            aligned = (1,) * (rank - len(x.shape)) + x.shape
            own = len(x.shape) == rank and x.shape[:dims] == output.shape[:dims]
            if not own and any(n != 1 for n in aligned[:dims]):
                return None
            found.append(own)
        return (found[0], found[1])


def matmul_multiplier(inputs: tuple[Tensor, ...], output: Tensor) -> Multiplier:
    """Compute a.scale * b.scale in float32, divided by output.scale in doubles, like TFLite."""
    product = float(np.float32(inputs[0].scale) * np.float32(inputs[1].scale))
    return output_multiplier(product / output.scale, output)


def _broadcast(a: Shape, b: Shape) -> Shape | None:
    """Broadcast the dimensions in front of the matrices; None if two contradict each other."""
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


def _batch_strides(shape: Shape) -> Shape:
    """Compute the elements between matrices along each batch dimension, 0 where they repeat."""
    step = shape[-2] * shape[-1]
    strides: list[int] = []
    for extent in reversed(shape[:-2]):
        strides.insert(0, step if extent > 1 else 0)
        step *= extent
    return (0,) * (MAX_BATCH_DIMS - len(strides)) + tuple(strides)


def _matrices(x: Tensor, output: Tensor) -> Int64:
    """Find for each matrix of the output, in order, the number of the matrix of `x` it uses."""
    front = x.shape[:-2]
    numbers = np.arange(x.elements // (x.shape[-2] * x.shape[-1]), dtype=np.int64).reshape(front)
    return np.broadcast_to(numbers, output.shape[:-2]).reshape(-1)
