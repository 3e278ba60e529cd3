# SPDX-License-Identifier: Apache-2.0
"""Reads ConvTranspose."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.common import LARGEST_STEP, contradiction
from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.ops.weighted import (
    Weights,
    int8_weights,
    int32_bias,
    want_weights,
)
from mcuforge.compiler.frontends.onnx.ops.window import AUTO, as_image, from_image, steps
from mcuforge.compiler.frontends.onnx.values import Constant, Interval, Real, Scheme, Value
from mcuforge.compiler.frontends.onnx.work import Deferred, GraphBuilder, reach_of
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.transpose_conv import TransposeConv
from mcuforge.errors import Refusal

Int8 = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Transposed(Deferred):
    """x (1, ci, ..) times weights (co, kh, kw, ci / groups), each pixel added around its place."""

    weights: Weights
    bias: Constant | None
    stride: Shape
    pad: Shape  # before each axis
    act: Activation = "none"

    @property
    def reach(self) -> Interval | None:
        return self.weights.sums(reach_of(self.x), self.bias)

    def scaled(self, gain: Real, offset: Real) -> "Transposed | None":
        """Multiply each channel by its `gain`, then add its `offset`; None where none can."""
        found = self.weights.times(self.bias, gain, offset) if self.act == "none" else None
        return None if found is None else replace(self, weights=found[0], bias=found[1])

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        x = work.settled(self.x)
        filters = self.weights.data
        image, count = as_image(work, x.view), filters.shape[0]
        inputs = [image, self.weights.tensor(work, f"transposed {filters.shape}", filters, 0)]
        if self.bias is not None:
            inputs.append(int32_bias(work, self.bias, x, self.weights, count))
        lead = (1, *self.shape[2:])[-2:]
        (height, stride), (width, step) = zip(lead, (1, *self.stride)[-2:], strict=True)
        top, left = (0, *self.pad)[-2:]
        op = TransposeConv((stride, step), (top, left), self.act)
        output = work.emit(op, tuple(inputs), (1, height, width, count), scheme)
        return from_image(work, output, self.shape)


def conv_transpose(operator: Operator) -> Value:
    """Read inputs x (1, c, ..), weights (c, m / groups, ..), bias (m)."""
    operator.arity(2, 3)
    x = operator.value(0)
    want_weights(operator.value(1))
    weights = int8_weights(operator.value(1), axis=1)
    shape = weights.data.shape
    if len(x.shape) not in (3, 4) or len(shape) != len(x.shape):
        raise Refusal(
            f"input {list(x.shape)} and weights {list(shape)}, supported: 1-D and 2-D",
            "replace 3-D convolutions by 2-D ones",
        )
    if x.shape[0] != 1:
        raise Refusal(f"the input has batch {x.shape[0]}, supported: 1", "export with batch 1")
    groups = operator.int_of("group", 1)
    if groups < 1 or min(shape) < 1 or x.shape[1] != shape[0] or shape[0] % groups:
        raise contradiction(
            f"{x.shape[1]} channels and weights {list(shape)} in {groups} groups do not fit, "
            "expected whole groups of channels"
        )
    count = shape[1] * groups
    bias = operator.constant(2) if operator.has(2) else None
    if bias is not None and bias.shape != (count,):
        raise contradiction(
            f"the bias has shape {list(bias.shape)}, expected {[count]}: one value per filter"
        )
    dims = len(shape) - 2
    dilation = steps(operator, "dilations", dims)
    filters = _dilated(weights.data, dilation, groups)
    span = filters.shape[3 - dims : 3]
    stride = steps(operator, "strides", dims)
    pad, size = _placed(operator, x.shape[2:], span, stride)
    scales = weights.scales * groups if len(weights.scales) > 1 else weights.scales
    output = (1, count, *size)
    want_size(output)
    turned = replace(weights, data=filters, scales=scales)
    return Transposed(operator.node, output, (x,), turned, bias, stride, pad)


def _dilated(data: Int8, dilation: Shape, groups: int) -> Int8:
    """Turn weights (c, m / groups, ..) to (m, kh, kw, c / groups), with zeros between taps.

    Returns int8.
    """
    taps = data.shape[2:]
    span = tuple((k - 1) * d + 1 for k, d in zip(taps, dilation, strict=True))
    if max(*span, *taps) > LARGEST_STEP:
        raise contradiction(f"its kernel spans {list(span)}, expected at most {LARGEST_STEP}")
    want_size((*data.shape[:2], *span))
    spread = np.zeros((*data.shape[:2], *span), np.int8)
    spread[(slice(None), slice(None), *(slice(None, None, d) for d in dilation))] = data
    flat = spread.reshape(groups, data.shape[0] // groups, data.shape[1], *(1, *span)[-2:])
    turned = flat.transpose(0, 2, 3, 4, 1)
    return np.ascontiguousarray(turned.reshape(-1, *turned.shape[2:]))


def _placed(operator: Operator, size: Shape, span: Shape, stride: Shape) -> tuple[Shape, Shape]:
    """Return the padding before each axis, which is cut off, and the output's size."""
    dims = len(size)
    extra = operator.ints_of("output_padding", (0,) * dims)
    auto = operator.text_of("auto_pad", "NOTSET")
    pads = operator.ints_of("pads", (0,) * (2 * dims))
    wanted = operator.ints_of("output_shape")[-dims:]
    if auto not in AUTO:
        raise contradiction(f"auto_pad is {auto[:20]}, expected one of {', '.join(AUTO)}")
    if len(pads) != 2 * dims or len(extra) != dims or len(wanted) not in (0, dims):
        raise contradiction(
            f"its pads {list(pads[:8])}, output_padding {list(extra[:8])} or output_shape "
            f"{list(wanted[:8])} do not fit, expected numbers for {dims} dimensions"
        )
    whole = tuple(s * (n - 1) + e + k for n, s, e, k in zip(size, stride, extra, span, strict=True))
    if auto in ("SAME_UPPER", "SAME_LOWER") and not wanted:
        wanted = tuple(n * s for n, s in zip(size, stride, strict=True))
    if not wanted:
        before, after = pads[:dims], pads[dims:]
        if auto == "VALID":
            before = after = (0,) * dims
        left = tuple(w - b - a for w, b, a in zip(whole, before, after, strict=True))
    else:
        if any(n > w for w, n in zip(whole, wanted, strict=True)):
            raise Refusal(
                f"its output is {list(wanted)}, but its taps reach {list(whole)}: expected no more",
                "use output_padding, which adds to what they reach",
            )
        cut = tuple(w - n for w, n in zip(whole, wanted, strict=True))
        less = tuple(c // 2 for c in cut)
        more = tuple(c - c // 2 for c in cut)
        before, left = (less if auto == "SAME_UPPER" else more), wanted
    if min(*before, *extra) < 0 or max(*before, *left) > LARGEST_STEP or min(left) < 1:
        raise Refusal(
            f"its output is {list(left)} behind padding {list(before)}, expected sizes of 1 to "
            f"{LARGEST_STEP} and padding of 0 or more",
            "crop with a Slice, or enlarge with a Pad, after it instead",
        )
    return before, left
