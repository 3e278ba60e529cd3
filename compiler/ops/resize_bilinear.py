# SPDX-License-Identifier: Apache-2.0
"""Images resized by bilinear interpolation of int8, with tabulated neighbours and weights.

Formula: TFLite kernels/internal/reference/resize_bilinear.h, restated. `tflite_taps` has its
coordinates with 10 fraction bits; ONNX's coordinates are other tables for the same kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np

from mcuforge.compiler.calls import ROWS, Blank, Blob, Call, Fields, Reads, RingRows, kernel_call
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common.checks import (
    shape_refusal,
    want_int8,
    want_one_image,
    want_same_quant,
    want_shape,
)
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.ops.common.window import pixel_reads
from mcuforge.compiler.ops.resize_nearest import MAX_SIZE
from mcuforge.compiler.tensors import Array, Arrays, Tensor, Tensors
from mcuforge.compiler.work import CALLED, Counts, Work
from mcuforge.errors import Refusal

TFLITE_BITS = 10
MOST_BITS = 11  # of one weight: int8 times two weights fits an int32


class Taps(NamedTuple):
    """One entry per output row (or column): its two neighbours, and the weight of the second.

    Weights are 0 to 2**bits; the first neighbour has the rest.
    """

    low: tuple[int, ...]
    high: tuple[int, ...]
    weight: tuple[int, ...]

    def arrays(self) -> tuple[Int64, Int64, Int64]:
        """Return the three lists: int64 (count,) each."""
        low, high, weight = (np.array(part, np.int64) for part in self)
        return low, high, weight

    def fields(self, name: str) -> Fields:
        """Return the tables as parameters of the kernel."""
        return {
            f"{name}_{part}": Blob(f"{name}_{part}", np.array(values, np.int16))
            for part, values in zip(self._fields, self, strict=True)
        }


NONE = Taps((), (), ())


@dataclass(frozen=True)
class ResizeBilinear(Op):
    """Interpolates an int8 image (1, h, w, c) to (1, h', w', c) of the same quantization.

    Rounds once, to the nearest, halves away from the value 0 as it is stored.
    """

    rows: Taps = NONE
    columns: Taps = NONE
    bits: int = TFLITE_BITS  # of each weight

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x = inputs[0]
        want_int8(x, output)
        want_one_image(x)
        want_one_image(output)
        want_same_quant(x, output)
        want_shape(output, (1, *output.shape[1:3], x.shape[3]))
        if max(*x.shape[1:3], *output.shape[1:3]) > MAX_SIZE:
            raise Refusal(
                f"from {x.shape[1]}x{x.shape[2]} to {output.shape[1]}x{output.shape[2]}, "
                f"expected heights and widths of 1 to {MAX_SIZE}",
                "scale to a smaller image",
            )
        one = 1 << self.bits
        for taps, size, count in (
            (self.rows, x.shape[1], output.shape[1]),
            (self.columns, x.shape[2], output.shape[2]),
        ):
            places = (*taps.low, *taps.high)
            fit = len(taps.low) == len(taps.high) == len(taps.weight) == count > 0
            if not fit or min(places) < 0 or max(places) >= size or max(taps.weight) > one:
                raise shape_refusal(
                    f"it interpolates {len(taps.low)} places of {size} for {count}, "
                    "expected two neighbours for each, both of them there"
                )

    def evaluate(self, inputs: Tensors, output: Tensor, values: Arrays) -> Array:
        x = values[0][0].astype(np.int64)
        one = 1 << self.bits
        low, high, weight = self.rows.arrays()
        weight = weight[:, None, None]
        rows = x[low] * (one - weight) + x[high] * weight
        low, high, weight = self.columns.arrays()
        weight = weight[:, None]
        total = rows[:, low] * (one - weight) + rows[:, high] * weight
        size = (np.abs(total) + (1 << (2 * self.bits - 1))) >> (2 * self.bits)
        result: Array = np.where(total > 0, size, -size).astype(np.int8)
        return result.reshape(output.shape)

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        x = inputs[0]
        return kernel_call(
            self.kernel_name,
            *(x, output, Blank.PARAMS, *ROWS),
            input=x.shape[1:],
            output=output.shape[1:],
            input_ring=RingRows(x),
            output_ring=RingRows(output),
            bits=self.bits,
            **self.rows.fields("row"),
            **self.columns.fields("column"),
        )

    def reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        (top, below), (left, right) = (_spans(taps) for taps in (self.rows, self.columns))
        return (pixel_reads(inputs[0], output, (top, below), (left, right)),)

    def row_reads(self, inputs: Tensors, output: Tensor) -> tuple[Reads | None, ...]:
        x = inputs[0]
        return (Reads(x.row_bytes, output.row_bytes, *_spans(self.rows)),)

    def row_calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        return self.calls(inputs, output, isa)

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        counts = Counts(position=prod(output.shape[:3]), output=output.elements)
        return Work(self.kernel_name, counts, CALLED)

    def row_work(self, inputs: Tensors, output: Tensor) -> Work:
        return self.work(inputs, output)


def _spans(taps: Taps) -> tuple[Int64, Int64]:
    """Find the first neighbour of each place, and one past the last; neither ever falls."""
    low, high, _ = taps.arrays()
    first = np.minimum.accumulate(np.minimum(low, high)[::-1])[::-1]
    return first, np.maximum.accumulate(np.maximum(low, high)) + 1


def tflite_taps(size: int, count: int, *, align_corners: bool, half_pixel_centers: bool) -> Taps:
    """Compute TFLite's neighbours among `size` rows for `count`. Raises Refusal beyond int32."""
    one = 1 << TFLITE_BITS
    scale = (one * size + count // 2) // count
    if align_corners and count > 1:
        scale = (one * (size - 1) + (count - 1) // 2) // (count - 1)
    places = np.arange(count, dtype=np.int64) * scale
    if half_pixel_centers:
        places += scale // 2 - one // 2
    low = np.maximum(np.trunc(places / one).astype(np.int64), 0)
    high = np.minimum(np.trunc((places + one - 1) / one).astype(np.int64), size - 1)
    if low.max(initial=0) >= size or places.max(initial=0) >= 2**31:
        raise Refusal(
            f"it scales {size} rows or columns to {count}: TensorFlow's 10 fraction bits "
            "point behind the last one",
            "scale in two steps, or to a size that is a multiple",
        )
    weight = np.where(low == high, 0, places - one * low)  # of one place, any weights are alike
    return Taps(*(tuple(int(v) for v in part) for part in (low, high, weight)))
