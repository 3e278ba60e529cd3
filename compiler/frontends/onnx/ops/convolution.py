# SPDX-License-Identifier: Apache-2.0
"""Conv; ConvTranspose is refused."""

from __future__ import annotations

from dataclasses import dataclass

from mcuforge.compiler.frontends.common import EXPORT_AGAIN
from mcuforge.compiler.frontends.onnx.layout import View, channels_last
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.ops.weighted import (
    Weights,
    int8_weights,
    int32_bias,
    stored_input,
    want_weights,
)
from mcuforge.compiler.frontends.onnx.ops.window import Slide, read_slide
from mcuforge.compiler.frontends.onnx.values import Constant, Scheme, Value
from mcuforge.compiler.frontends.onnx.work import Deferred, Work
from mcuforge.compiler.ops.base import Activation
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.errors import Refusal


@dataclass(frozen=True, eq=False)
class Convolution(Deferred):
    """x (1, c, ..) under weights (m, c / groups, ..), plus a bias [m]."""

    x: Value
    weights: Weights
    bias: Constant | None
    slide: Slide
    groups: int
    act: Activation = "none"

    def operands(self) -> tuple[Value, ...]:
        return (self.x,)

    def build(self, work: Work, scheme: Scheme) -> View:
        x = stored_input(self.x, "input")
        rank = len(self.shape)
        image = work.ordered(x.view, channels_last(rank)).tensor
        if rank == 3:
            image = work.reshaped(image, (1, *image.shape))
        data = self.weights.data
        if rank == 3:
            data = data[:, :, None, :]
        window, count = self.slide.window, self.weights.data.shape[0]
        op: Conv2D | DepthwiseConv2D
        if self.groups == image.shape[3] and self.weights.data.shape[1] == 1:
            op = DepthwiseConv2D(window.stride, window.pad, window.dilation, self.act)
            filters = self.weights.tensor(work, "depthwise", data.transpose(1, 2, 3, 0), 3)
        else:
            op = Conv2D(window.stride, window.pad, window.dilation, self.act)
            filters = self.weights.tensor(work, "conv", data.transpose(0, 2, 3, 1), 0)
        inputs = [image, filters]
        if self.bias is not None:
            inputs.append(int32_bias(work, self.bias, x, self.weights, count))
        shape = (1, *self.slide.output, count)
        output = work.emit(op, tuple(inputs), shape, scheme)
        if rank == 3:
            output = work.reshaped(output, shape[1:])
        return View(output, channels_last(rank), self.shape)


def conv(operator: Operator) -> Value:
    """Inputs x (1, c, ..), weights (m, c / groups, ..), bias (m)."""
    operator.arity(2, 3)
    x = operator.value(0)
    want_weights(operator.value(1))
    weights = int8_weights(operator.value(1), axis=0)
    shape = weights.data.shape
    if len(x.shape) not in (3, 4) or len(shape) != len(x.shape):
        raise Refusal(
            f"input {list(x.shape)} and weights {list(shape)}, supported: 1-D and 2-D convolutions",
            "replace 3-D convolutions by 2-D ones",
        )
    if x.shape[0] != 1:
        raise Refusal(f"the input holds a batch of {x.shape[0]}, supported: 1", "use batch 1")
    groups = operator.int_of("group", 1)
    if groups < 1 or min(shape) < 1 or x.shape[1] != shape[1] * groups or shape[0] % groups:
        raise Refusal(
            f"{x.shape[1]} channels, {groups} groups and weights {list(shape)} do not fit together",
            EXPORT_AGAIN,
        )
    slide = read_slide(operator, x.shape, shape[2:], ceil=False)
    bias = operator.constant(2) if operator.has(2) else None
    if bias is not None and bias.shape != (shape[0],):
        raise Refusal(f"a bias of shape {list(bias.shape)} for {shape[0]} filters", EXPORT_AGAIN)
    output = (1, shape[0], *(slide.output if len(shape) == 4 else slide.output[1:]))
    want_size(output)
    return Convolution(operator.node, output, x, weights, bias, slide, groups)


def conv_transpose(operator: Operator) -> Value:
    """No kernel yet."""
    raise Refusal(
        "ConvTranspose is not supported",
        "scale with Resize (nearest) and a Conv behind it instead",
    )
