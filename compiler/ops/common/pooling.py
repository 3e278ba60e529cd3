# SPDX-License-Identifier: Apache-2.0
"""What average and max pooling share: checks, the clipped window, kernel parameters."""

from __future__ import annotations

import numpy as np

from mcuforge.compiler.ir import Tensor
from mcuforge.compiler.ops.base import Activation, Field, RingRows
from mcuforge.compiler.ops.common.checks import (
    want_int8,
    want_one_image,
    want_same_quant,
    want_shape,
)
from mcuforge.compiler.ops.common.fixed_point import Int64, activation_range
from mcuforge.compiler.ops.common.window import Window
from mcuforge.errors import Refusal

Fields = tuple[tuple[str, Field], ...]


def check_pool(window: Window, x: Tensor, output: Tensor) -> None:
    """Refuse anything but one int8 image, pooled to the output's shape and quantisation."""
    want_int8(x)
    want_int8(output)
    want_one_image(x)
    want_same_quant(x, output)
    height, width = window.output_size(x.shape[1:3])
    want_shape(output, (1, height, width, x.shape[3]))
    if min(*taps(window, x, output, 0), *taps(window, x, output, 1)) < 1:
        raise Refusal(
            f"a {window.kernel[0]}x{window.kernel[1]} window with padding {list(window.pad)} "
            "lies wholly in the padding",
            "use padding smaller than the window",
        )


def taps(window: Window, x: Tensor, output: Tensor, axis: int) -> Int64:
    """How many rows (axis 0) or columns (axis 1) of the image each output position covers."""
    size = x.shape[axis + 1]
    first = np.arange(output.shape[axis + 1], dtype=np.int64) * window.stride[axis]
    first -= window.pad[axis]
    last = first + window.kernel[axis]
    covered: Int64 = np.minimum(last, size) - np.maximum(first, 0)
    return covered


def pool_fields(window: Window, act: Activation, x: Tensor, output: Tensor) -> Fields:
    """The fields of struct mcuforge_average_pool2d_params and mcuforge_max_pool2d_params."""
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
