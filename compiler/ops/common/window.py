# SPDX-License-Identifier: Apache-2.0
"""The sliding window of convolutions and poolings: sizes, padding, patches."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.calls import Fields, Reads, RingRows
from mcuforge.compiler.ops.common.fixed_point import Int64
from mcuforge.compiler.tensors import Tensor
from mcuforge.errors import Refusal

Pair = tuple[int, int]
Pad = tuple[int, int, int, int]  # top, left, bottom, right
Padding = Literal["same", "valid"]


@dataclass(frozen=True)
class Window:
    """A kernel sliding over rows and columns; each pair is (vertical, horizontal)."""

    kernel: Pair
    stride: Pair = (1, 1)
    pad: Pad = (0, 0, 0, 0)
    dilation: Pair = (1, 1)

    def span(self, axis: int) -> int:
        """Count the input rows (axis 0) or columns (axis 1) that one output position covers."""
        return (self.kernel[axis] - 1) * self.dilation[axis] + 1

    def output_size(self, size: tuple[int, ...]) -> Pair:
        """Compute output height and width over an input of `size`; refuses an empty result."""
        if min(self.kernel) < 1 or min(self.stride) < 1 or min(self.dilation) < 1:
            raise Refusal(
                f"kernel {self.kernel}, stride {self.stride}, dilation {self.dilation}: "
                "expected only values of 1 or more",
                "export the model again: the file contradicts itself",
            )
        height, width = (
            (size[a] + self.pad[a] + self.pad[a + 2] - self.span(a)) // self.stride[a] + 1
            for a in (0, 1)
        )
        if height < 1 or width < 1:
            raise Refusal(
                f"a window of {self.span(0)}x{self.span(1)} does not fit "
                f"an input of {size[0]}x{size[1]}",
                "use SAME padding or a larger input",
            )
        return height, width

    def on_image(self, axis: int, size: int, count: int) -> tuple[Int64, Int64]:
        """Find what `count` output positions touch of `size` rows (axis 0) or columns (axis 1).

        Returns two int64 (count,): the first one touched and one past the last. They are equal if
        all taps are padding.
        """
        origin = np.arange(count, dtype=np.int64) * self.stride[axis] - self.pad[axis]
        step = self.dilation[axis]
        first_tap = np.maximum(-(origin // step), 0)
        last_tap = np.minimum((size - 1 - origin) // step, self.kernel[axis] - 1)
        first = origin + first_tap * step
        return first, np.where(first_tap <= last_tap, origin + last_tap * step + 1, first)

    def taps(self, axis: int, x: Tensor, output: Tensor) -> list[int]:
        """Count the taps that each output row (axis 0) or column (axis 1) has on the image x."""
        first, end = self.on_image(axis, x.shape[axis + 1], output.shape[axis + 1])
        counts: list[int] = (-(-(end - first) // self.dilation[axis])).tolist()
        return counts

    def reads(self, x: Tensor, output: Tensor) -> Reads:
        """Describe, in pixels, the reads of x (1, h, w, c) by kernels that write pixel by pixel."""
        rows = self.on_image(0, x.shape[1], output.shape[1])
        columns = self.on_image(1, x.shape[2], output.shape[2])
        return pixel_reads(x, output, rows, columns)

    def row_reads(self, x: Tensor, output: Tensor) -> Reads:
        """Describe the rows of x (1, h, w, c) that rows of the output need."""
        top = np.arange(output.shape[1], dtype=np.int64) * self.stride[0] - self.pad[0]
        first = np.clip(top, 0, x.shape[1])
        end = np.clip(top + self.span(0), 0, x.shape[1])
        return Reads(x.row_bytes, output.row_bytes, first, end)

    def fields(self, x: Tensor, output: Tensor) -> Fields:
        """Return the parameters that say where a window lies on images and their rings."""
        return {
            "input": x.shape[1:],
            "output": output.shape[1:],
            "input_ring": RingRows(x),
            "output_ring": RingRows(output),
            "kernel": self.kernel,
            "stride": self.stride,
            "pad": self.pad[:2],
            "dilation": self.dilation,
        }

    def patches(self, x: NDArray[np.int64], out: tuple[int, ...]) -> NDArray[np.int64]:
        """Gather the taps of each output position, padding taps 0.

        x: int64 (1, h, w, c); returns int64 (oh, ow, kh, kw, c).
        """
        padded = np.zeros(
            (
                max((out[0] - 1) * self.stride[0] + self.span(0), self.pad[0] + x.shape[1]),
                max((out[1] - 1) * self.stride[1] + self.span(1), self.pad[1] + x.shape[2]),
                x.shape[3],
            ),
            np.int64,
        )
        top, left = self.pad[:2]
        padded[top : top + x.shape[1], left : left + x.shape[2]] = x[0]
        rows = (np.arange(out[0]) * self.stride[0])[:, None] + (
            np.arange(self.kernel[0]) * self.dilation[0]
        )
        columns = (np.arange(out[1]) * self.stride[1])[:, None] + (
            np.arange(self.kernel[1]) * self.dilation[1]
        )
        taps: NDArray[np.int64] = padded[rows[:, None, :, None], columns[None, :, None, :]]
        return taps


def pixel_reads(
    x: Tensor, output: Tensor, rows: tuple[Int64, Int64], columns: tuple[Int64, Int64]
) -> Reads:
    """Combine the reads of output rows and columns (first, one past the last) into pixels.

    An output pixel that reads nothing (first == end of its row or column) gets an empty range where
    the range of the next reading pixel begins, so that it keeps no bytes alive.
    """
    height, width = x.shape[1:3]
    first = (rows[0][:, None] * width + columns[0]).reshape(-1)
    end = ((rows[1] - 1)[:, None] * width + columns[1]).reshape(-1)
    idle = ((rows[0] == rows[1])[:, None] | (columns[0] == columns[1])).reshape(-1)
    needed = np.where(idle, height * width, first)
    later = np.minimum.accumulate(needed[::-1])[::-1]
    return Reads(
        in_bytes=x.shape[3],
        out_bytes=output.shape[3],
        first=np.where(idle, later, first),
        end=np.where(idle, later, end),
    )


def resolve_padding(
    padding: Padding, size: tuple[int, ...], kernel: Pair, stride: Pair, dilation: Pair
) -> Pad:
    """Resolve TFLite's SAME or VALID to pads; SAME puts the odd one at the bottom and right."""
    if padding == "valid":
        return (0, 0, 0, 0)
    pads = []
    for axis in (0, 1):
        span = (kernel[axis] - 1) * dilation[axis] + 1
        count = -(-size[axis] // stride[axis])
        pads.append(max((count - 1) * stride[axis] + span - size[axis], 0))
    top, left = pads[0] // 2, pads[1] // 2
    return (top, left, pads[0] - top, pads[1] - left)
