# SPDX-License-Identifier: Apache-2.0
"""MaxPool, AveragePool, GlobalAveragePool and ReduceMean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.frontends.common import EXPORT_AGAIN, resolve_axes
from mcuforge.compiler.frontends.onnx.layout import Shape, View, channels_last
from mcuforge.compiler.frontends.onnx.ops.moving import moved_run_time, shaped
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.ops.weighted import stored_input
from mcuforge.compiler.frontends.onnx.ops.window import Slide, read_slide
from mcuforge.compiler.frontends.onnx.values import Constant, Scheme, Stored, Value
from mcuforge.compiler.frontends.onnx.work import Deferred, Work
from mcuforge.compiler.ir import Quant, Tensor
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.errors import Refusal

FREEZE_POOL = "use a pool without this option"


def max_pool(operator: Operator) -> Value:
    """Largest values of windows; they keep the input's scale."""
    operator.arity(1, outputs=2)
    if any(operator.node.outputs[1:]):
        raise Refusal("its indices are read, supported: the values alone", FREEZE_POOL)
    x, slide = _pooled(operator)
    window = slide.window
    if window.dilation != (1, 1):
        raise Refusal(f"dilations {list(window.dilation)}, supported: 1", FREEZE_POOL)
    shape = _shape(x.shape, slide)
    op = MaxPool2D(window.kernel, window.stride, window.pad)

    def on_view(work: Work, view: View) -> View:
        image = _image(work, view)
        assert image.quant is not None
        output = work.emit(op, (image,), (1, *slide.output, x.shape[1]), image.quant)
        return _logical(work, output, shape)

    return moved_run_time(operator.node, operator.work, x, on_view, shape)


@dataclass(frozen=True, eq=False)
class Averaged(Deferred):
    """Means of windows; `counts_padding` as the file says it."""

    x: Value
    slide: Slide
    counts_padding: bool

    def operands(self) -> tuple[Value, ...]:
        return (self.x,)

    def build(self, work: Work, scheme: Scheme) -> View:
        x = stored_input(self.x, "input")
        image, window = _image(work, x.view), self.slide.window
        shape = (1, *self.slide.output, image.shape[3])
        padded = any(window.pad)
        same = x.scheme.key == scheme.key
        if self.counts_padding if padded else not same:  # padding counts as zeros, and it rescales
            weights = self._ones(work, image.shape[3])
            op = DepthwiseConv2D(window.stride, window.pad)
            return _logical(work, work.emit(op, (image, weights), shape, scheme), self.shape)
        pool = AveragePool2D(window.kernel, window.stride, window.pad)
        output = work.emit(pool, (image,), shape, x.scheme)
        between = Stored(_logical(work, output, self.shape), x.scheme, real=True)
        return work.requantized(between, scheme)

    def _ones(self, work: Work, channels: int) -> Tensor:
        """Weights that average: 1 over the taps of the window."""
        kernel = self.slide.window.kernel
        data = np.ones((1, *kernel, channels), np.int8)
        source = Constant("ones", data)
        return work.constant(source, "ones", data, Quant((1.0 / (kernel[0] * kernel[1]),)))


def average_pool(operator: Operator) -> Value:
    """Means of windows, on any scale."""
    operator.arity(1)
    x, slide = _pooled(operator)
    if slide.window.dilation != (1, 1):
        raise Refusal("it is dilated, supported: dilations of 1", FREEZE_POOL)
    counts = operator.flag_of("count_include_pad")
    if counts and slide.window.pad != slide.declared:
        raise Refusal(
            "it rounds its size up and counts padding, supported: one of both", FREEZE_POOL
        )
    return Averaged(operator.node, _shape(x.shape, slide), x, slide, counts)


def _pooled(operator: Operator) -> tuple[Value, Slide]:
    x = operator.value(0)
    if len(x.shape) not in (3, 4) or x.shape[0] != 1:
        raise Refusal(
            f"the input has shape {list(x.shape)}, supported: one image or sequence", EXPORT_AGAIN
        )
    if isinstance(x, Constant):
        raise Refusal("the input is a constant, wanted something computed", EXPORT_AGAIN)
    kernel = operator.ints_of("kernel_shape")
    ceil = operator.flag_of("ceil_mode")
    return x, read_slide(operator, x.shape, kernel, ceil)


def _shape(x: Shape, slide: Slide) -> Shape:
    shape = (1, x[1], *(slide.output if len(x) == 4 else slide.output[1:]))
    want_size(shape)
    return shape


def _image(work: Work, view: View) -> Tensor:
    """(1, c, [h,] w) as (1, h, w, c)."""
    rank = len(view.shape)
    image = work.ordered(view, channels_last(rank)).tensor
    return image if rank == 4 else work.reshaped(image, (1, *image.shape))


def _logical(work: Work, output: Tensor, shape: Shape) -> View:
    """The result (1, h, w, c) of a pool under the file's shape."""
    if len(shape) == 3:
        output = work.reshaped(output, output.shape[1:])
    return View(output, channels_last(len(shape)), shape)


@dataclass(frozen=True, eq=False)
class Meaned(Deferred):
    """The mean over axes, which stay as 1 where `keep` is set."""

    x: Value
    axes: Shape
    keep: bool

    def operands(self) -> tuple[Value, ...]:
        return (self.x,)

    def build(self, work: Work, scheme: Scheme) -> View:
        if isinstance(self.x, Deferred) and self.x.origin.op in ("Pow", "Mul"):
            raise Refusal(
                "it averages squares left in float32, as a layer normalisation quantized in part",
                "export LayerNormalization as one operator (opset 17 or later), then quantize",
            )
        view = work.aligned(stored_input(self.x, "input").view)
        stored = tuple(sorted(view.perm[axis] for axis in self.axes))
        shape = tuple(1 if i in stored else n for i, n in enumerate(view.tensor.shape))
        if not self.keep:
            shape = tuple(n for i, n in enumerate(shape) if i not in stored)
        output = work.emit(Mean(stored), (view.tensor,), shape, scheme)
        if self.keep:
            return View(output, view.perm, self.shape)
        left = [p for i, p in enumerate(view.perm) if i not in self.axes]
        perm = tuple(sorted(left).index(p) for p in left)
        return View(output, perm, self.shape)


def reduce_mean(operator: Operator) -> Value:
    """Over the axes named, all by default; keepdims is set unless the file says otherwise."""
    operator.arity(1, 2)
    x = operator.value(0)
    rank = len(x.shape)
    axes = operator.axes(1)
    if not axes:
        if operator.flag_of("noop_with_empty_axes"):
            return x
        axes = tuple(range(rank))
    return meaned(operator, x, resolve_axes(axes, rank), operator.flag_of("keepdims", True))


def global_average_pool(operator: Operator) -> Value:
    """The mean of each channel."""
    operator.arity(1)
    x = operator.value(0)
    if len(x.shape) < 3:
        raise Refusal(f"the input has shape {list(x.shape)}, wanted an image", EXPORT_AGAIN)
    return meaned(operator, x, tuple(range(2, len(x.shape))), keep=True)


def meaned(operator: Operator, x: Value, axes: Shape, keep: bool) -> Value:
    """The mean of `x` over `axes`."""
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    if not keep:
        shape = tuple(n for i, n in enumerate(shape) if i not in axes)
    if isinstance(x, Constant):
        result = x.real.mean(axis=axes, keepdims=keep)
        return Constant(x.name, np.asarray(result, np.float32))
    if not shape:  # a single number is kept as a list of one
        return shaped(operator, Meaned(operator.node, (1,) * len(x.shape), x, axes, True), ())
    return Meaned(operator.node, shape, x, axes, keep)
