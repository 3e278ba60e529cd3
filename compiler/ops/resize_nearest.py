# SPDX-License-Identifier: Apache-2.0
"""Images scaled by repeating or dropping rows and columns.

Formula: TFLite kernels/internal/reference/resize_nearest_neighbor.h, restated; its float32 scale
is evaluated here, once, and the kernel reads the resulting indices.
"""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.calls import ROWS, Blank, Blob, Call, Reads, RingRows, kernel_call
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.checks import want_one_image
from mcuforge.compiler.ops.common.window import pixel_reads
from mcuforge.compiler.ops.strided_copy import BYTES, want_same_bytes
from mcuforge.compiler.tensors import Array, Arrays, DType, Tensor, Tensors
from mcuforge.compiler.work import CALLED, Counts, Work
from mcuforge.errors import Refusal

MAX_SIZE = 2**15 - 1  # the largest int16 index


@dataclass(frozen=True)
class ResizeNearest(Op):
    """Resizes an int8 or uint8 image (1, h, w, c) to (1, h', w', c)."""

    input_types: ClassVar[tuple[DType, ...]] = BYTES
    align_corners: bool = False
    half_pixel_centers: bool = False

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

    def sources(self, size: int, output_size: int) -> NDArray[np.int16]:
        """Find the row (or column) of `size` that each output row repeats: int16 (output_size,)."""
        if self.align_corners and output_size > 1:
            scale = np.float32(size - 1) / np.float32(output_size - 1)
        else:
            scale = np.float32(size) / np.float32(output_size)
        offset = np.float32(0.5 if self.half_pixel_centers else 0.0)
        places = (np.arange(output_size).astype(np.float32) + offset) * scale
        half = 0.5 if self.align_corners else 0.0  # then it rounds, otherwise it takes the floor
        index = np.floor(places.astype(np.float64) + half)
        result: NDArray[np.int16] = np.minimum(index, size - 1).astype(np.int16)
        return result

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        _, height, width, _ = inputs[0].shape
        rows = self.sources(height, output.shape[1])
        columns = self.sources(width, output.shape[2])
        return values[0][:, rows][:, :, columns]

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        return kernel_call(
            self.kernel_name,
            *(x, output, Blank.PARAMS, *ROWS),
            input=x.shape[1:],
            output=output.shape[1:],
            input_ring=RingRows(x),
            output_ring=RingRows(output),
            rows=Blob("rows", self.sources(x.shape[1], output.shape[1])),
            columns=Blob("columns", self.sources(x.shape[2], output.shape[2])),
        )

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        x = inputs[0]
        rows = self.sources(x.shape[1], output.shape[1]).astype(np.int64)
        columns = self.sources(x.shape[2], output.shape[2]).astype(np.int64)
        fresh = np.diff(rows, prepend=-1) != 0  # the others repeat the output row above
        return (pixel_reads(x, output, (rows, rows + fresh), (columns, columns + 1)),)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        x = inputs[0]
        rows = self.sources(x.shape[1], output.shape[1]).astype(np.int64)
        return (Reads(x.row_bytes, output.row_bytes, rows, rows + 1),)

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        return self.calls(inputs, output, isa)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        counts = Counts(run=prod(output.shape[:3]), tap=output.bytes)
        return Work("resize_nearest_s8", counts, CALLED)

    def row_work(self, inputs: Tensors, output: Tensor) -> Work:
        return self.work(inputs, output)
