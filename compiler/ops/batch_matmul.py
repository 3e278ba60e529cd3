# SPDX-License-Identifier: Apache-2.0
"""Products of matrices that are both computed at run time: attention's scores and their use."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import Blank, Call, Reads, kernel_call
from mcuforge.compiler.ops.common.broadcast import aligned, operands
from mcuforge.compiler.ops.common.by_row import RowPartsOp, row_dims
from mcuforge.compiler.ops.common.checks import shape_refusal, want_int8, want_rank, want_shape
from mcuforge.compiler.ops.common.fixed_point import (
    Int64,
    Multiplier,
    output_multiplier,
    scaled_by,
    stored,
)
from mcuforge.compiler.ops.strided_copy import row_major
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import Counts, Work
from mcuforge.errors import Refusal

MAX_BATCH_DIMS = 3  # the kernel's loops over products
# an int32 always holds the sum of so many products of centred values
MAX_DEPTH = (2**31 - 1) // (255 * 255)
COLUMNS = 4  # of the output that kernels compute at once
STEP = 4  # products of each that they add per iteration; those left over one by one
Shape = tuple[int, ...]


@dataclass(frozen=True)
class BatchMatMul(RowPartsOp):
    """Matrix products of a (..., m, k) and b (..., k, n), stored transposed if `adj_x`, `adj_y`.

    Both are int8 with one scale each; the dimensions in front broadcast. The output is (..., m, n).
    """

    adj_x: bool = False
    adj_y: bool = False

    def check(self, inputs: Tensors, output: Tensor) -> None:
        a, b = inputs
        want_int8(a, b, output)
        for tensor in inputs:
            want_rank(tensor, *range(2, 3 + MAX_BATCH_DIMS))
        rows, depth = self._matrix(a.shape, self.adj_x)
        met, columns = self._matrix(b.shape, self.adj_y)
        batch = _broadcast(a.shape[:-2], b.shape[:-2])
        if depth != met or batch is None:
            raise shape_refusal(
                f"matrices of shapes {list(a.shape)} and {list(b.shape)}, expected "
                "[..., m, k] and [..., k, n] after the transposes"
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

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        a, b = (v.astype(np.float64) - t.zero_point for v, t in zip(values, inputs, strict=True))
        a = a.swapaxes(-1, -2) if self.adj_x else a
        b = b.swapaxes(-1, -2) if self.adj_y else b
        acc = np.matmul(a, b).astype(np.int64)  # below 2**53: exact
        return stored(scaled_by(acc, matmul_multiplier(inputs, output)), output)

    def macs(self, inputs: Tensors, output: Tensor) -> int:
        return output.elements * self._matrix(inputs[0].shape, self.adj_x)[1]

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        a, b = inputs
        rows, depth = self._matrix(a.shape, self.adj_x)
        factor = matmul_multiplier(inputs, output)
        front = (1,) * (MAX_BATCH_DIMS + 2 - len(output.shape))
        return kernel_call(
            self.kernel_name,
            *(*operands(inputs), output, Blank.PARAMS),
            batch=front + output.shape[:-2],
            a_batch=_batch_strides(a.shape),
            b_batch=_batch_strides(b.shape),
            rows=rows,
            depth=depth,
            columns=output.shape[-1],
            a_row=1 if self.adj_x else depth,
            a_step=rows if self.adj_x else 1,
            b_transposed=int(self.adj_y),
            a_zero_point=a.zero_point,
            b_zero_point=b.zero_point,
            multiplier=factor.mantissa,
            shift=factor.shift,
            output_zero_point=output.zero_point,
        )

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        """Count columns four at a time, the rest one by one, and the sum of each row of `a`.

        Columns of `b` that lie side by side take more than those that lie one after the other, and
        yet more where they are too few for a vector of 16. A softmax's shares have a known sum,
        which lets a kernel take whole groups of 32.
        """
        columns = output.shape[-1]
        vectors = output.elements // columns
        depth = self.macs(inputs, output) // max(output.elements, 1)
        blocks = 0 if self.adj_x else columns // COLUMNS
        left = columns - blocks * COLUMNS
        a, b = inputs
        shared = columns // 32 * 32 if a.zero_point == -128 else 0
        own = -(-(columns - shared) // COLUMNS) * COLUMNS
        products = vectors * blocks * COLUMNS * (depth - depth % STEP)
        side_by_side = 0 if self.adj_x or self.adj_y else vectors * depth
        counts = Counts(
            call=1,
            position=vectors,
            output=output.elements,
            run=vectors * (blocks + left),
            tap=products,
            carried=side_by_side * own,
            in_bytes=vectors * blocks * COLUMNS * (depth % STEP),
            rest=vectors * left * depth,
            gathered=side_by_side * (own % 16),
            shared=side_by_side * shared,
            summed=vectors * depth if b.zero_point else 0,
            piece=vectors * (blocks + left) * -(-depth // 16) if self.adj_y else 0,
        )
        return Work(self.kernel_name, counts)

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
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

    def own_rows(self, inputs: Tensors, output: Tensor) -> tuple[bool, ...] | None:
        """Find `a`'s row and all of `b` for a token's row, or two matrices if rows are heads.

        The rows of [1, tokens, n] are tokens, those of [1, heads, tokens, n] whole matrices.
        """
        a, b = inputs
        rank = len(output.shape)
        if rank <= 3:  # a row is one of `a`'s
            single = all(n == 1 for n in (*a.shape[:-2], *b.shape[:-2]))
            return (True, False) if single and not self.adj_x else None
        dims = row_dims(rank)
        own = tuple(len(x.shape) == rank and x.shape[:dims] == output.shape[:dims] for x in inputs)
        repeats = (set(aligned(x, output)[:dims]) <= {1} for x in inputs)
        known = (mine or same for mine, same in zip(own, repeats, strict=True))
        return own if all(known) else None


def matmul_multiplier(inputs: Tensors, output: Tensor) -> Multiplier:
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
    strides = zip(shape[:-2], row_major(shape), strict=False)
    front = (0,) * (MAX_BATCH_DIMS + 2 - len(shape))
    return (*front, *(step if extent > 1 else 0 for extent, step in strides))


def _matrices(x: Tensor, output: Tensor) -> Int64:
    """Find for each matrix of the output, in order, the number of the matrix of `x` it uses."""
    front = x.shape[:-2]
    numbers = np.arange(x.elements // (x.shape[-2] * x.shape[-1]), dtype=np.int64).reshape(front)
    return np.broadcast_to(numbers, output.shape[:-2]).reshape(-1)
