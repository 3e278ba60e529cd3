# SPDX-License-Identifier: Apache-2.0
"""Reads MaxPool, AveragePool, GlobalAveragePool, ReduceMean and ReduceSum."""

import math
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from mcuforge.compiler.frontends.common import contradiction, resolve_axes
from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.ops.feeding import is_fed
from mcuforge.compiler.frontends.onnx.ops.folding import fold
from mcuforge.compiler.frontends.onnx.ops.moving import moved_run_time, shaped
from mcuforge.compiler.frontends.onnx.ops.operator import FOLD_CONSTANTS, Operator
from mcuforge.compiler.frontends.onnx.ops.window import Slide, as_image, from_image, read_slide
from mcuforge.compiler.frontends.onnx.values import (
    Constant,
    Interval,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import Deferred, GraphBuilder, reach_of, united
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.common.window import Pad as Pads
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.ops.reals.mean_real import MeanReal
from mcuforge.compiler.ops.sum import Sum
from mcuforge.compiler.tensors import Quant, Tensor
from mcuforge.errors import Refusal

OTHER_POOL = "use a pool without this option"


def max_pool(operator: Operator) -> Value:
    """Take the largest values of windows, on the input's scale."""
    operator.arity(1, outputs=2)
    if any(operator.node.outputs[1:]):
        raise Refusal("the model reads its indices, supported: only its values", OTHER_POOL)
    x, slide = _pooled(operator)
    window = slide.window
    shape = slide.shape(x.shape[1], len(x.shape))
    op = MaxPool2D(window.kernel, window.stride, window.pad)

    def on_view(work: GraphBuilder, view: View) -> View:
        image = as_image(work, view)
        output = work.emit_moved(op, (image,), (1, *slide.output, x.shape[1]))
        return from_image(work, output, shape)

    return moved_run_time(operator, x, on_view, shape)


@dataclass(frozen=True, eq=False)
class Averaged(Deferred):
    """Means of windows; `counts_padding` where the padding counts as zeros."""

    slide: Slide
    counts_padding: bool

    @property
    def reach(self) -> Interval | None:
        return united((reach_of(self.x), (0.0, 0.0)))

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        x = _settled(work, self.x, scheme, prod(self.slide.window.kernel))
        image, window = as_image(work, x.view), self.slide.window
        shape = (1, *self.slide.output, image.shape[3])
        padded = any(window.pad)
        same = x.scheme.key == scheme.key
        if self.counts_padding and window.pad != self.slide.declared:
            return self._bordered(work, image, x.scheme, scheme)
        if self.counts_padding if padded else not same:
            weights = self._ones(work, image.shape[3])
            op = DepthwiseConv2D(window.stride, window.pad)
            return from_image(work, work.emit(op, (image, weights), shape, scheme), self.shape)
        return self._pooled(work, image, window.pad, x.scheme, scheme)

    def _pooled(
        self, work: GraphBuilder, image: Tensor, pad: Pads, own: Scheme, scheme: Scheme
    ) -> View:
        """Pool an image on its `own` scheme, without its padding, and bring it to `scheme`."""
        window = self.slide.window
        pool = AveragePool2D(window.kernel, window.stride, pad, to_even=True)
        output = work.emit(pool, (image,), (1, *self.slide.output, image.shape[3]), own)
        between = Stored(from_image(work, output, self.shape), own, real=True)
        return work.requantized(between, scheme)

    def _bordered(self, work: GraphBuilder, image: Tensor, own: Scheme, scheme: Scheme) -> View:
        """Store the declared padding, which counts, and leave out what only rounding up needs."""
        top, left, bottom, right = self.slide.declared
        _, height, width, channels = image.shape
        border = Pad((0, top, left, 0), (0, bottom, right, 0), own.zero_point)
        size = (1, top + height + bottom, left + width + right, channels)
        larger = self.slide.window.pad[2] - bottom, self.slide.window.pad[3] - right
        return self._pooled(
            work, work.emit_moved(border, (image,), size), (0, 0, *larger), own, scheme
        )

    def _ones(self, work: GraphBuilder, channels: int) -> Tensor:
        """Make weights that average: 1 over the number of taps."""
        kernel = self.slide.window.kernel
        data = np.ones((1, *kernel, channels), np.int8)
        source = Constant("ones", data)
        return work.constant(source, "ones", data, Quant((1.0 / (kernel[0] * kernel[1]),)))


def average_pool(operator: Operator) -> Value:
    """Average windows, on any scale."""
    operator.arity(1)
    x, slide = _pooled(operator)
    counts = operator.flag_of("count_include_pad") and any(slide.declared)
    return Averaged(operator.node, slide.shape(x.shape[1], len(x.shape)), (x,), slide, counts)


def _pooled(operator: Operator) -> tuple[Value, Slide]:
    x = operator.value(0)
    if len(x.shape) not in (3, 4) or x.shape[0] != 1:
        raise Refusal(
            f"the input has shape {list(x.shape)}, supported: one image or sequence",
            "keep the first dimension 1, and pool volumes slice by slice",
        )
    if isinstance(x, Constant):
        raise Refusal("the input is a constant, expected a computed tensor", FOLD_CONSTANTS)
    kernel = operator.ints_of("kernel_shape")
    slide = read_slide(operator, x.shape, kernel, operator.flag_of("ceil_mode"))
    if slide.window.dilation != (1, 1):
        raise Refusal(f"its dilations are {list(slide.window.dilation)}, supported: 1", OTHER_POOL)
    return x, slide


@dataclass(frozen=True, eq=False)
class Meaned(Deferred):
    """The mean over axes, which stay as dimensions of 1 where `keep` is set; `total`: the sum."""

    axes: Shape
    keep: bool
    total: bool = False

    @property
    def count(self) -> int:
        """How many elements each result is made of."""
        return prod(self.x.shape[axis] for axis in self.axes)

    @property
    def reach(self) -> Interval | None:
        bound = reach_of(self.x)
        if bound is None or not self.total:
            return bound
        return (bound[0] * self.count, bound[1] * self.count)

    def build_real(self, work: GraphBuilder) -> View | None:
        if self.total or is_fed(self.x):
            return None
        view = work.aligned(work.settled(self.x).view)
        stored = tuple(sorted(view.perm[axis] for axis in self.axes))
        if stored != tuple(range(stored[0], stored[-1] + 1)):
            return None
        return self._averaged(work, view, MeanReal(stored), stored, None)

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        own = Scheme(scheme.scale / self.count, scheme.zero_point) if self.total else scheme
        view = work.aligned(_settled(work, self.x, own, self.count).view)
        stored = tuple(sorted(view.perm[axis] for axis in self.axes))
        op = Sum(stored) if self.total else Mean(stored)
        return self._averaged(work, view, op, stored, scheme)

    def _averaged(
        self, work: GraphBuilder, view: View, op: Op, stored: Shape, scheme: Scheme | None
    ) -> View:
        """Add the node that averages an aligned view over stored axes."""
        shape = tuple(1 if i in stored else n for i, n in enumerate(view.tensor.shape))
        if not self.keep:
            shape = tuple(n for i, n in enumerate(shape) if i not in stored)
        output = work.emit(op, (view.tensor,), shape, scheme)
        if self.keep:
            return View(output, view.perm, self.shape)
        left = [p for i, p in enumerate(view.perm) if i not in self.axes]
        perm = tuple(sorted(left).index(p) for p in left)
        return View(output, perm, self.shape)


def _settled(work: GraphBuilder, x: Value, scheme: Scheme, count: int) -> Stored:
    """Give the input of a mean of `count` values on `scheme`; an input of the model gets a scale.

    The file says only how far means reach. Values of a normal distribution reach farther by the
    root of their number, and so far reaches the scale; it adds a third of a step to a mean.
    """
    if not is_fed(x):
        return work.settled(x)
    wider = Scheme(scheme.scale * math.sqrt(count), scheme.zero_point)
    return Stored(work.realize(x, wider), wider, real=True)


def reduce_mean(operator: Operator) -> Value:
    """Average over the axes that it names, all by default; keepdims is 1 by default."""
    return reduced(operator, operator.value(0), total=False)


def reduce_sum(operator: Operator) -> Value:
    """Add up over the axes that it names, all by default; keepdims is 1 by default."""
    return reduced(operator, operator.value(0), total=True)


def reduce_product(operator: Operator) -> Value:
    """Multiply a constant's elements over the axes that it names, all by default."""
    axes = _axes(operator, len(operator.value(0).shape))
    keep = operator.flag_of("keepdims", True)
    alone = replace(operator, inputs=operator.inputs[:1])
    return fold(alone, lambda x: np.prod(x, axis=axes, keepdims=keep, dtype=x.dtype))


def _axes(operator: Operator, rank: int) -> Shape:
    """Read the axes of a reduction in order, all by default; none where it names none on purpose.

    Raises Refusal.
    """
    operator.arity(1, 2)
    axes = operator.axes(1)
    if not axes:
        return () if operator.flag_of("noop_with_empty_axes") else tuple(range(rank))
    return tuple(sorted(resolve_axes(axes, rank)))


def reduced(operator: Operator, x: Value, *, total: bool) -> Value:
    """Average or add up `x`, the operator's input or a function of it."""
    axes = _axes(operator, len(x.shape))
    if not axes and x.shape:
        return x
    return meaned(operator, x, axes, operator.flag_of("keepdims", True), total=total)


def global_average_pool(operator: Operator) -> Value:
    """Average each channel."""
    operator.arity(1)
    x = operator.value(0)
    if len(x.shape) < 3:
        raise contradiction(f"the input has shape {list(x.shape)}, expected an image")
    return meaned(operator, x, tuple(range(2, len(x.shape))), keep=True)


def meaned(operator: Operator, x: Value, axes: Shape, keep: bool, *, total: bool = False) -> Value:
    """Average `x` over `axes`, or add it up."""
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    if not keep:
        shape = tuple(n for i, n in enumerate(shape) if i not in axes)
    if isinstance(x, Constant):
        result = x.real.sum(axis=axes, keepdims=keep)
        result = result if total else result / prod(x.shape[axis] for axis in axes)
        return Constant(x.name, np.asarray(result, np.float32 if x.is_real else x.data.dtype))
    if not shape:  # a single number is stored as a list of one
        whole = Meaned(operator.node, (1,) * len(x.shape), (x,), axes, True, total)
        return shaped(operator, whole, ())
    return Meaned(operator.node, shape, (x,), axes, keep, total)
