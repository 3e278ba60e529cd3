# SPDX-License-Identifier: Apache-2.0
"""Code that average and max pooling share: checks, the clipped window, kernel parameters."""

from __future__ import annotations

from dataclasses import dataclass

from mcuforge.compiler.calls import Field, RingRows
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.checks import (
    want_int8,
    want_one_image,
    want_same_quant,
    want_shape,
)
from mcuforge.compiler.ops.common.fixed_point import activation_range
from mcuforge.compiler.ops.common.window import Pad, Pair, Window
from mcuforge.compiler.ops.common.windowed import WindowedOp, window_counts
from mcuforge.compiler.tensors import Tensor, Tensors
from mcuforge.compiler.work import CALLED, Counts, Work
from mcuforge.errors import Refusal

Fields = tuple[tuple[str, Field], ...]


@dataclass(frozen=True)
class PoolOp(WindowedOp):
    """Makes one value of each channel of a window; inputs: x (1, h, w, c)."""

    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    pad: Pad = (0, 0, 0, 0)  # top, left, bottom, right
    act: Activation = "none"

    @property
    def window(self) -> Window:
        """The sliding window over the input."""
        return Window(self.kernel, self.stride, self.pad)

    def sliding(self, inputs: Tensors) -> Window:
        return self.window

    def work(self, inputs: Tensors, output: Tensor) -> Work:
        return Work(f"{self.kind}_s8", self.counts(inputs[0], output), CALLED)

    def counts(self, x: Tensor, output: Tensor) -> Counts:
        """Count the work; windows are clipped to the image, so padding costs nothing."""
        return window_counts(self.window, x, output)._replace(padding=0, edge=0)


def check_pool(window: Window, x: Tensor, output: Tensor) -> None:
    """Refuse anything except one int8 image, pooled to the output's shape and quantization."""
    want_int8(x)
    want_int8(output)
    want_one_image(x)
    want_same_quant(x, output)
    height, width = window.output_size(x.shape[1:3])
    want_shape(output, (1, height, width, x.shape[3]))
    if min(*window.taps(0, x, output), *window.taps(1, x, output)) < 1:
        raise Refusal(
            f"a {window.kernel[0]}x{window.kernel[1]} window with padding {list(window.pad)} "
            "lies wholly in the padding",
            "use padding smaller than the window",
        )


def pool_fields(window: Window, act: Activation, x: Tensor, output: Tensor) -> Fields:
    """Return the fields of mcuforge_average_pool2d_params and mcuforge_max_pool2d_params."""
    low, high = activation_range(act, output)
    return (
        ("input", x.shape[1:]),
        ("output", output.shape[1:3]),
        ("input_ring", RingRows(x)),
        ("output_ring", RingRows(output)),
        ("kernel", window.kernel),
        ("stride", window.stride),
        ("pad", window.pad[:2]),
        ("act_min", low),
        ("act_max", high),
    )
