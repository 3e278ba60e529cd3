# SPDX-License-Identifier: Apache-2.0
"""What average and max pooling share: all but what becomes of a window's taps."""

from dataclasses import dataclass

from mcuforge.compiler.calls import ROWS, Blank, Call, Fields, kernel_call
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.checks import (
    want_int8,
    want_one_image,
    want_same_quant,
    want_shape,
)
from mcuforge.compiler.ops.common.fixed_point import activation_range
from mcuforge.compiler.ops.common.window import Pad, Pair, Window
from mcuforge.compiler.ops.common.windowed import WindowedOp
from mcuforge.compiler.tensors import Tensor, Tensors
from mcuforge.compiler.work import Counts
from mcuforge.errors import Refusal


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

    def check(self, inputs: Tensors, output: Tensor) -> None:
        x, window = inputs[0], self.window
        want_int8(x, output)
        want_one_image(x)
        want_same_quant(x, output)
        want_shape(output, (1, *window.output_size(x.shape[1:3]), x.shape[3]))
        if min(*window.taps(0, x, output), *window.taps(1, x, output)) < 1:
            raise Refusal(
                f"a {self.kernel[0]}x{self.kernel[1]} window with padding {list(self.pad)} "
                "lies wholly in the padding",
                "use padding smaller than the window",
            )

    def call(self, inputs: Tensors, output: Tensor) -> Call:
        low, high = activation_range(self.act, output)
        fields = self.window.fields(inputs[0], output)
        del fields["dilation"]
        fields |= {"output": output.shape[1:3], "act_min": low, "act_max": high}
        fields |= self.rounding(inputs[0])
        arguments = (inputs[0], output, Blank.PARAMS, *ROWS)
        return kernel_call(self.kernel_name, *arguments, **fields)

    def rounding(self, x: Tensor) -> Fields:
        """Return the fields that say how results are rounded, for pools that round."""
        return {}

    def counts(self, inputs: Tensors, output: Tensor) -> Counts:
        """Count the work; windows are clipped to the image, so padding costs nothing."""
        return super().counts(inputs, output)._replace(padding=0, edge=0)
