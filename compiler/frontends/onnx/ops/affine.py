# SPDX-License-Identifier: Apache-2.0
"""Reads BatchNormalization, and sums and products with constants per channel, as one operator.

gain * x + offset goes into the convolution or product that computes x, where nothing is quantized
between the two. Otherwise it is a convolution of each channel with a single weight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.onnx.layout import View, inverse
from mcuforge.compiler.frontends.onnx.ops.chain import Computed
from mcuforge.compiler.frontends.onnx.ops.convolution import Convolution
from mcuforge.compiler.frontends.onnx.ops.linear import Linear
from mcuforge.compiler.frontends.onnx.ops.operator import FOR_INFERENCE, Operator
from mcuforge.compiler.frontends.onnx.ops.transposed import Transposed
from mcuforge.compiler.frontends.onnx.values import (
    Constant,
    Interval,
    Real,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import Deferred, GraphBuilder, reach_of
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.tensors import Quant
from mcuforge.errors import Refusal

LARGEST_WEIGHT = 127
LARGEST_OFFSET = 2.0**29  # of the units of a sum; an int32 has room for the product beside it
LEAST_FACTOR = 2.0**-20  # of the output's steps per unit of a sum: its fixed point stays fine


@dataclass(frozen=True, eq=False)
class Affine(Deferred):
    """gain * x + offset; both have one element per slice of `axis`.

    The answer lies within 0.501 + g / 254 steps of the exact one; g: by how many steps it changes
    if x changes by one.
    """

    axis: int
    gain: Real
    offset: Real
    act: Activation = "none"

    @property
    def reach(self) -> Interval | None:
        bound = reach_of(self.x)
        if bound is None:
            return None
        ends = np.stack([self.gain * end + self.offset for end in bound])
        return (float(ends.min()), float(ends.max()))

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        folded = self.folded
        if folded is not None:
            with work.at(folded.origin):
                return folded.build(work, scheme)
        x = work.settled(self.x)
        view = _last(work, x.view, self.axis)
        shape = view.tensor.shape
        whole = len(shape) == 4 and shape[0] == 1
        image = work.reshaped(
            view.tensor, shape if whole else (1, prod(shape[:-1]), 1, self.gain.size)
        )
        scales, weights, bias = self._integers(x.scheme.scale, scheme.scale)
        source = Constant(f"{image.name}_gain", weights)
        shift = Constant(f"{image.name}_offset", bias)
        inputs = (
            image,
            work.constant(source, "gain", weights.reshape(1, 1, 1, -1), Quant(scales, 0, 3)),
            work.constant(shift, "offset", bias),
        )
        output = work.emit(DepthwiseConv2D(act=self.act), inputs, image.shape, scheme)
        return View(work.reshaped(output, shape), view.perm, self.shape)

    def build_real(self, work: GraphBuilder) -> View | None:
        return None if self.folded is None else self.folded.build_real(work)

    @cached_property
    def folded(self) -> Convolution | Transposed | Linear | None:
        """Return the operator in front with gain and offset in its weights and its bias."""
        x = self.x
        if isinstance(x, Convolution | Transposed) and self.axis == 1:
            scaled: Convolution | Transposed | Linear | None = x.scaled(self.gain, self.offset)
        elif isinstance(x, Linear) and self.axis == len(x.shape) - 1:
            scaled = x.scaled(self.gain, self.offset)
        else:
            return None
        return None if scaled is None else replace(scaled, act=self.act)

    def _integers(
        self, step: float, output_step: float
    ) -> tuple[tuple[float, ...], NDArray[np.int8], NDArray[np.int32]]:
        """Return scales, int8 weights and int32 biases, one each per channel.

        A weight is the largest there is, so that a bias is exact to 1/254 of a step of x. It is
        smaller where the offset would not fit int32 otherwise.
        """
        scales = np.abs(self.gain) / LARGEST_WEIGHT
        scales = np.maximum(scales, np.abs(self.offset) / (step * LARGEST_OFFSET))
        scales = np.maximum(scales, LEAST_FACTOR * output_step / step)
        weights = np.rint(self.gain / scales).astype(np.int8)
        bias = np.rint(self.offset / (step * scales)).astype(np.int32)
        return tuple(float(s) for s in scales), weights, bias


def _last(work: GraphBuilder, view: View, axis: int) -> View:
    """Store `axis` last, and keep the order of the other axes in memory."""
    view = work.aligned(view)
    if view.perm[axis] == len(view.perm) - 1:
        return view
    others = (place for place in inverse(view.perm) if place != axis)
    return work.ordered(view, inverse((*others, axis)))


def batch_normalization(operator: Operator) -> Value:
    """Read inputs x, scale, bias, mean and variance, each of the last four one per channel."""
    operator.arity(5, outputs=5)
    if any(operator.node.outputs[1:]) or operator.flag_of("training_mode"):
        raise Refusal(
            "it computes statistics of its input, expected those of training",
            FOR_INFERENCE,
        )
    x = operator.value(0)
    channels = x.shape[1] if len(x.shape) > 1 else 1
    known = [operator.constant(place) for place in range(1, 5)]
    if any(constant.data.size != channels for constant in known):
        sizes = [constant.data.size for constant in known]
        raise contradiction(
            f"its constants have {sizes} values, expected {channels}: one per channel"
        )
    scale, bias, mean, variance = (constant.real.reshape(-1) for constant in known)
    with np.errstate(all="ignore"):
        gain = scale / np.sqrt(variance + operator.float_of("epsilon", 1e-5))
        offset = bias - mean * gain
    if not (np.isfinite(gain).all() and np.isfinite(offset).all()):
        raise contradiction("a variance is below 0 or a constant is not finite, expected numbers")
    if isinstance(x, Constant):
        spread = (channels, *(1,) * (len(x.shape) - 2))
        result = x.real * gain.reshape(spread) + offset.reshape(spread)
        return Constant(x.name, result.astype(np.float32))
    return Affine(operator.node, x.shape, (x,), 1 if len(x.shape) > 1 else 0, gain, offset)


def affine_of(root: Deferred) -> Affine | None:
    """Find gain and offset per channel in sums and products with constants; None for others.

    A single operator on a stored tensor is left to the operator of its name.
    """
    steps: list[Callable[[Real, Real], tuple[Real, Real]]] = []
    value: Value = root
    while isinstance(value, Computed):
        found = _step(value)
        if found is None:
            break
        steps.append(found[1])
        value = found[0]
    if value.shape != root.shape or len(steps) < (2 if isinstance(value, Stored) else 1):
        return None
    rank = len(root.shape)
    gain, offset = np.ones((1,) * rank), np.zeros((1,) * rank)
    if isinstance(value, Affine) and value.act == "none":
        spread = tuple(value.gain.size if i == value.axis else 1 for i in range(rank))
        gain, offset, value = value.gain.reshape(spread), value.offset.reshape(spread), value.x
    with np.errstate(all="ignore"):
        for step in reversed(steps):
            gain, offset = step(gain, offset)
    shape = np.broadcast_shapes(gain.shape, offset.shape)
    axes = [place for place, n in enumerate(shape) if n != 1]
    if len(axes) > 1 or not (np.isfinite(gain).all() and np.isfinite(offset).all()):
        return None
    if not axes and not isinstance(value, Convolution | Transposed | Linear):
        return None  # one number each: a table does it
    axis = axes[0] if axes else _channel_axis(value)
    size = root.shape[axis]
    gain, offset = (np.broadcast_to(part.reshape(-1), (size,)) for part in (gain, offset))
    return Affine(root.origin, root.shape, (value,), axis, gain, offset)


def _channel_axis(value: Value) -> int:
    """Return the axis along which an operator in front may have a factor per slice."""
    return 1 if isinstance(value, Convolution | Transposed) else len(value.shape) - 1


def _step(value: Computed) -> tuple[Value, Callable[[Real, Real], tuple[Real, Real]]] | None:
    """Return what a sum or product with a constant reads, and what it makes of gain and offset."""
    kind = value.origin.op
    if kind == "Neg":
        return value.x, lambda g, o: (-g, -o)
    if kind not in ("Add", "Sub", "Mul", "Div") or len(value.operands) != 2:
        return None
    a, b = value.operands
    if isinstance(b, Constant) and len(b.shape) <= len(value.shape):
        other, c = a, _spread(b, len(value.shape))
        if kind in ("Mul", "Div"):
            factor = c if kind == "Mul" else 1.0 / c if c.all() else np.full_like(c, np.nan)
            return other, lambda g, o: (g * factor, o * factor)
        term = c if kind == "Add" else -c
        return other, lambda g, o: (g, o + term)
    if isinstance(a, Constant) and kind != "Div" and len(a.shape) <= len(value.shape):
        other, c = b, _spread(a, len(value.shape))
        if kind == "Mul":
            return other, lambda g, o: (g * c, o * c)
        sign = 1.0 if kind == "Add" else -1.0
        return other, lambda g, o: (sign * g, sign * o + c)
    return None


def _spread(constant: Constant, rank: int) -> Real:
    """Return a constant's numbers with dimensions of 1 in front: float64 of `rank` dimensions."""
    return constant.real.reshape((1,) * (rank - len(constant.shape)) + constant.shape)
