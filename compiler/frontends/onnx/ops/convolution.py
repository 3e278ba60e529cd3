# SPDX-License-Identifier: Apache-2.0
"""Reads Conv."""

from dataclasses import dataclass, replace

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.onnx.layout import View, channels_last
from mcuforge.compiler.frontends.onnx.ops.linear import linear_inputs
from mcuforge.compiler.frontends.onnx.ops.operator import ONE_IMAGE, Operator
from mcuforge.compiler.frontends.onnx.ops.weighted import (
    Weights,
    int8_weights,
    int32_bias,
    want_weights,
)
from mcuforge.compiler.frontends.onnx.ops.window import Slide, as_image, from_image, read_slide
from mcuforge.compiler.frontends.onnx.values import Constant, Interval, Real, Scheme, Value
from mcuforge.compiler.frontends.onnx.work import Deferred, GraphBuilder, reach_of
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.reals.linear_real import LinearReal
from mcuforge.errors import Refusal


@dataclass(frozen=True, eq=False)
class Convolution(Deferred):
    """x (1, c, ..) convolved with weights (m, c / groups, ..), plus a bias [m]."""

    weights: Weights
    bias: Constant | None
    slide: Slide
    groups: int
    act: Activation = "none"

    @property
    def reach(self) -> Interval | None:
        return self.weights.sums(reach_of(self.x), self.bias)

    def scaled(self, gain: Real, offset: Real) -> "Convolution | None":
        """Multiply each channel by its `gain`, then add its `offset`; None where none can."""
        found = self.weights.times(self.bias, gain, offset) if self.act == "none" else None
        return None if found is None else replace(self, weights=found[0], bias=found[1])

    def build_real(self, work: GraphBuilder) -> View | None:
        window, data = self.slide.window, self.weights.data
        plain = window.kernel == window.stride == (1, 1) and not any(window.pad)
        if not plain or self.groups != 1 or self.act != "none":
            return None
        x = work.settled(self.x)
        filters = data.reshape(data.shape[:2])
        source = (as_image(work, x.view), filters, "real")
        inputs = linear_inputs(work, self.weights, self.bias, x, source)
        shape = (1, *self.slide.output, data.shape[0])
        output = work.emit(LinearReal(), inputs, shape, None)
        places = channels_last(len(self.shape))
        return View(output, places, self.shape) if len(self.shape) == len(shape) else None

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        x = work.settled(self.x)
        image, data = as_image(work, x.view), self.weights.data
        if data.ndim == 3:
            data = data[:, :, None, :]
        window, count = self.slide.window, data.shape[0]
        op: Conv2D | DepthwiseConv2D
        # over one channel both mean the same, and a convolution has the better kernels
        if self.groups == image.shape[3] and data.shape[1] == 1 and self.groups > 1:
            op = DepthwiseConv2D(window.stride, window.pad, window.dilation, self.act)
            filters = self.weights.tensor(work, "depthwise", data.transpose(1, 2, 3, 0), 3)
        else:
            op = Conv2D(window.stride, window.pad, window.dilation, self.act)
            filters = self.weights.tensor(work, "conv", data.transpose(0, 2, 3, 1), 0)
        inputs = [image, filters]
        if self.bias is not None:
            inputs.append(int32_bias(work, self.bias, x, self.weights, count))
        output = work.emit(op, tuple(inputs), (1, *self.slide.output, count), scheme)
        return from_image(work, output, self.shape)


def conv(operator: Operator) -> Value:
    """Read inputs x (1, c, ..), weights (m, c / groups, ..), bias (m)."""
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
        raise Refusal(f"the input has batch {x.shape[0]}, supported: 1", ONE_IMAGE)
    groups = operator.int_of("group", 1)
    if groups < 1 or min(shape) < 1 or x.shape[1] != shape[1] * groups or shape[0] % groups:
        raise contradiction(
            f"{x.shape[1]} channels and weights {list(shape)} in {groups} groups do not fit, "
            "expected whole groups of channels and filters"
        )
    slide = read_slide(operator, x.shape, shape[2:], ceil=False)
    bias = operator.constant(2) if operator.has(2) else None
    if bias is not None and bias.shape != (shape[0],):
        raise contradiction(
            f"the bias has shape {list(bias.shape)}, expected {[shape[0]]}: one value per filter"
        )
    output = slide.shape(shape[0], len(shape))
    return Convolution(operator.node, output, (x,), weights, bias, slide, groups)
