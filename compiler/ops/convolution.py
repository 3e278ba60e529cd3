# SPDX-License-Identifier: Apache-2.0
"""What ordinary and depthwise convolutions share: all but the order of their weights."""

from abc import abstractmethod
from dataclasses import dataclass

from mcuforge.compiler.calls import ROWS, Blank, Blob, Call, kernel_call
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.isa.packed import PackedLayer
from mcuforge.compiler.ops.common.checks import want_int8, want_one_image, want_rank, want_shape
from mcuforge.compiler.ops.common.fixed_point import Multiplier
from mcuforge.compiler.ops.common.weighted import (
    check_bias,
    check_weights,
    conv_multipliers,
    weighted_fields,
)
from mcuforge.compiler.ops.common.window import Pad, Pair, Window
from mcuforge.compiler.ops.common.windowed import WindowedOp
from mcuforge.compiler.tensors import Array, Tensor, Tensors


@dataclass(frozen=True)
class ConvolutionOp(WindowedOp):
    """An operator on x (1, h, w, c), constant weights (?, kh, kw, ?) and an optional bias."""

    stride: Pair = (1, 1)
    pad: Pad = (0, 0, 0, 0)  # top, left, bottom, right
    dilation: Pair = (1, 1)
    act: Activation = "none"

    def window(self, weights: Tensor) -> Window:
        """The sliding window over the input."""
        _, height, width, _ = weights.shape
        return Window((height, width), self.stride, self.pad, self.dilation)

    def sliding(self, inputs: Tensors) -> Window:
        return self.window(inputs[1])

    def check_layer(self, inputs: Tensors, output: Tensor, axis: int) -> None:
        """Refuse wrong types, ranks and sizes; the weights have one slice of `axis` per channel."""
        x, weights = inputs[:2]
        want_int8(x, output)
        want_one_image(x)
        want_rank(weights, 4)
        check_weights(weights, axis)
        check_bias(inputs, weights.shape[axis])
        size = self.window(weights).output_size(x.shape[1:3])
        want_shape(output, (1, *size, weights.shape[axis]))

    def multipliers(self, inputs: Tensors, output: Tensor) -> tuple[Multiplier, ...]:
        """The factor of each channel from its accumulator to the output."""
        return conv_multipliers(inputs, output)

    @abstractmethod
    def packed(self, layer: PackedLayer) -> Call | None:
        """Call the kernel with packed weights; None if it cannot take the layer."""

    def calls(self, inputs: Tensors, output: Tensor, isa: str) -> tuple[Call, ...]:
        layer = PackedLayer(inputs, output, isa, self.multipliers(inputs, output), self.act)
        return (self.packed(layer) or self.call(inputs, output),)

    def unpacked(self, inputs: Tensors, output: Tensor, filters: Array, **own: int) -> Call:
        """Call the kernel that takes weights as the model has them.

        filters: the weights as (channels, taps). own: the kernel's own parameters.
        """
        x, weights = inputs[:2]
        factors = self.multipliers(inputs, output)
        return kernel_call(
            self.kernel_name,
            *(x, Blob("weights", weights.values()), output, Blank.PARAMS, *ROWS),
            **self.window(weights).fields(x, output),
            **own,
            input_zero_point=x.zero_point,
            **weighted_fields(inputs, output, filters, factors, self.act),
        )
