# SPDX-License-Identifier: Apache-2.0
"""Images whose rows and columns are picked from those of another: resized, mirrored, repeated.

Formula of `ResizeNearest`: TFLite kernels/internal/reference/resize_nearest_neighbor.h, restated;
its float32 scale is evaluated here, once, and the kernel reads the resulting indices.
"""

from abc import abstractmethod
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from mcuforge.compiler.calls import ROWS, Blank, Blob, Call, Reads, RingRows, kernel_call
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.checks import shape_refusal, want_one_image
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.common.window import pixel_reads
from mcuforge.compiler.ops.strided_copy import BYTES, want_same_bytes
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.compiler.work import CALLED, Counts, Work
from mcuforge.errors import Refusal

MAX_SIZE = 2**15 - 1  # the largest int16 index


@dataclass(frozen=True)
class PickedImage(Op):
    """An int8 or uint8 image (1, h', w', c): pixel (y, x) is (rows[y], columns[x]) of (1, h, w, c).

    Any order, any number of times.
    """

    input_types: ClassVar[tuple[DType, ...]] = BYTES
    kernel_name: ClassVar[str] = "resize_nearest_s8"

    @abstractmethod
    def picked_rows(self, size: int, output_size: int) -> Int64:
        """Find the row of `size` that each output row copies: int64 (output_size,)."""

    @abstractmethod
    def picked_columns(self, size: int, output_size: int) -> Int64:
        """Find the column of `size` that each output column copies: int64 (output_size,)."""

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_one_image(x)
        want_one_image(output)
        want_same_bytes(x, output, (*output.shape[:3], x.shape[3]))
        if min(output.shape) < 1 or max(*x.shape[1:3], *output.shape[1:3]) > MAX_SIZE:
            raise Refusal(
                f"from {x.shape[1]}x{x.shape[2]} to {output.shape[1]}x{output.shape[2]}, "
                f"expected heights and widths of 1 to {MAX_SIZE}",
                "scale to a smaller image",
            )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        rows, columns = self._picked(inputs[0], output)
        return values[0][:, rows][:, :, columns]

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        rows, columns = self._picked(x, output)
        return kernel_call(
            self.kernel_name,
            *(x, output, Blank.PARAMS, *ROWS),
            input=x.shape[1:],
            output=output.shape[1:],
            input_ring=RingRows(x),
            output_ring=RingRows(output),
            rows=Blob("rows", rows.astype(np.int16)),
            columns=Blob("columns", columns.astype(np.int16)),
        )

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        rows, columns = self._picked(inputs[0], output)
        fresh = np.diff(rows, prepend=-1) != 0  # the others repeat the output row above
        return (pixel_reads(inputs[0], output, (rows, rows + fresh), (columns, columns + 1)),)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        """Read the picked row; where rows are picked in any order, keep those that follow."""
        x = inputs[0]
        rows, _ = self._picked(x, output)
        first = np.minimum.accumulate(rows[::-1])[::-1]
        end = np.maximum.accumulate(rows) + 1
        return (Reads(x.row_bytes, output.row_bytes, first, end),)

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        return self.calls(inputs, output, isa)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        counts = Counts(run=prod(output.shape[:3]), tap=output.bytes)
        return Work(self.kernel_name, counts, CALLED)

    def row_work(self, inputs: Tensors, output: Tensor) -> Work:
        return self.work(inputs, output)

    def _picked(self, x: Tensor, output: Tensor) -> tuple[Int64, Int64]:
        rows = self.picked_rows(x.shape[1], output.shape[1])
        return rows, self.picked_columns(x.shape[2], output.shape[2])


@dataclass(frozen=True)
class ResizeNearest(PickedImage):
    """Resizes an image to the nearest neighbours, by TFLite's rule for rows and columns."""

    align_corners: bool = False
    half_pixel_centers: bool = False

    def sources(self, size: int, output_size: int) -> Int64:
        """Find the row (or column) of `size` that each output row repeats: int64 (output_size,)."""
        if self.align_corners and output_size > 1:
            scale = np.float32(size - 1) / np.float32(output_size - 1)
        else:
            scale = np.float32(size) / np.float32(output_size)
        offset = np.float32(0.5 if self.half_pixel_centers else 0.0)
        places = (np.arange(output_size).astype(np.float32) + offset) * scale
        half = 0.5 if self.align_corners else 0.0  # then it rounds, otherwise it takes the floor
        index = np.floor(places.astype(np.float64) + half)
        result: Int64 = np.minimum(index, size - 1).astype(np.int64)
        return result

    def picked_rows(self, size: int, output_size: int) -> Int64:
        return self.sources(size, output_size)

    def picked_columns(self, size: int, output_size: int) -> Int64:
        return self.sources(size, output_size)


@dataclass(frozen=True)
class PickPixels(PickedImage):
    """Copies the rows and columns that are listed: mirrored borders, repetitions, other scales."""

    kind: ClassVar[str] = "pick_pixels"
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()

    def check(self, inputs: Tensors, output: Tensor) -> None:
        super().check(inputs, output)
        x = inputs[0]
        for name, listed, size, count in (
            ("rows", self.rows, x.shape[1], output.shape[1]),
            ("columns", self.columns, x.shape[2], output.shape[2]),
        ):
            if len(listed) != count or min(listed) < 0 or max(listed) >= size:
                raise shape_refusal(
                    f"it picks {len(listed)} {name} of {size} for {count}, "
                    "expected one for each, all of them there"
                )

    def picked_rows(self, size: int, output_size: int) -> Int64:
        return np.array(self.rows, np.int64)

    def picked_columns(self, size: int, output_size: int) -> Int64:
        return np.array(self.columns, np.int64)
