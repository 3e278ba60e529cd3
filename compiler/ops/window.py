# SPDX-License-Identifier: Apache-2.0
"""The sliding window convolutions and poolings share: sizes, padding, patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

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
        """Input rows (axis 0) or columns (axis 1) one output position covers."""
        return (self.kernel[axis] - 1) * self.dilation[axis] + 1

    def output_size(self, size: tuple[int, ...]) -> Pair:
        """Output height and width over an input of `size`; refuses an empty result."""
        if min(self.kernel) < 1 or min(self.stride) < 1 or min(self.dilation) < 1:
            raise Refusal(
                f"kernel {self.kernel}, stride {self.stride}, dilation {self.dilation}: "
                "wanted 1 or more each",
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

    def patches(self, x: NDArray[np.int64], out: tuple[int, ...]) -> NDArray[np.int64]:
        """The taps of each output position, padding taps 0.

        x: (1, h, w, c); returns (oh, ow, kh, kw, c).
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


def resolve_padding(
    padding: Padding, size: tuple[int, ...], kernel: Pair, stride: Pair, dilation: Pair
) -> Pad:
    """TFLite's SAME or VALID as explicit pads; SAME puts the odd one at the bottom and right."""
    if padding == "valid":
        return (0, 0, 0, 0)
    pads = []
    for axis in (0, 1):
        span = (kernel[axis] - 1) * dilation[axis] + 1
        count = -(-size[axis] // stride[axis])
        pads.append(max((count - 1) * stride[axis] + span - size[axis], 0))
    top, left = pads[0] // 2, pads[1] // 2
    return (top, left, pads[0] - top, pads[1] - left)
