# SPDX-License-Identifier: Apache-2.0
"""Moves values for operators that change only their places.

A constant is moved while reading, a stored tensor at once. A float result is moved after it is
quantized: rounding each value and moving it commute.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.onnx.layout import Shape, View, inverse, permuted
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.values import (
    Constant,
    ConstantQuant,
    Edge,
    Interval,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import Deferred, GraphBuilder, reach_of, united
from mcuforge.compiler.ops.broadcast_to import BroadcastTo
from mcuforge.compiler.tensors import Array
from mcuforge.errors import Refusal

OnArray = Callable[[Array], Array]
OnView = Callable[[GraphBuilder, View], View]


@dataclass(frozen=True, eq=False)
class Moved(Deferred):
    """A float result or input that is quantized first, then moved.

    `border`: a number that a Pad puts around it.
    """

    move: OnView
    border: float = 0.0

    @property
    def reach(self) -> Interval | None:
        return united((reach_of(self.x), (self.border, self.border)))

    def build_real(self, work: GraphBuilder) -> View | None:
        inner = self.x.build_real(work) if isinstance(self.x, Deferred) else None
        return None if inner is None else self.move(work, inner)

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        return self.move(work, work.realize(self.x, scheme))


@dataclass(frozen=True, eq=False)
class Repeated(Deferred):
    """x repeated to `shape` along dimensions of 1; a reader that broadcasts takes x instead."""

    @property
    def reach(self) -> Interval | None:
        return reach_of(self.x)

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        view = work.realize(self.x, scheme)
        ones = (1,) * (len(self.shape) - len(view.shape))
        view = work.aligned(View(view.tensor, view.perm, (*ones, *view.shape)))
        order = inverse(view.perm)
        output = work.emit_moved(BroadcastTo(), (view.tensor,), permuted(self.shape, order))
        return View(output, view.perm, self.shape)


def unrepeated(value: Value) -> Value:
    """Return what a repetition repeats; any other value as it is."""
    return value.x if isinstance(value, Repeated) else value


def moved(operator: Operator, x: Value, on_array: OnArray, on_view: OnView, shape: Shape) -> Value:
    """Move the values of `x`, which gives it `shape`."""
    want_size(shape, constant=isinstance(x, Constant))
    if isinstance(x, Constant):
        return moved_constant(x, on_array)
    return moved_run_time(operator, x, on_view, shape)


def moved_run_time(operator: Operator, x: Value, on_view: OnView, shape: Shape) -> Value:
    """Move the elements of a computed value, which gives it `shape`."""
    if isinstance(x, Stored):
        with operator.work.at(operator.node):
            return Stored(on_view(operator.work, x.view), x.scheme, x.real)
    if isinstance(x, Edge) and x.dtype != "float32":
        raise Refusal(
            "it moves an integer input before any DequantizeLinear, expected one in between",
            "put the DequantizeLinear right after the input",
        )
    return Moved(operator.node, shape, (x,), on_view)


def moved_constant(x: Constant, on_array: OnArray) -> Constant:
    """Move a constant's values. It becomes float where its scales cannot move along."""
    data = on_array(x.data)
    if x.quant is None or x.quant.axis is None:
        return Constant(x.name, data, x.quant)
    slices = np.arange(x.quant.scale.size).reshape(x.quant.shape(x.data.ndim))
    place = on_array(np.broadcast_to(slices, x.data.shape))
    for axis in range(data.ndim):
        along = np.moveaxis(place, axis, 0).reshape(place.shape[axis], -1)
        if along.size and (along == along[:, :1]).all():
            chosen = along[:, 0]
            quant = ConstantQuant(x.quant.scale[chosen], x.quant.zero_point[chosen], axis)
            return Constant(x.name, data, quant)
    return Constant(x.name, on_array(x.real.astype(np.float32)))


def transposed(perm: Shape, shape: Shape) -> OnView:
    """Put the logical axes in the order `perm`, which gives `shape`; no value moves."""

    def on_view(work: GraphBuilder, view: View) -> View:
        view = work.aligned(view)
        return View(view.tensor, permuted(view.perm, perm), shape)

    return on_view


def shaped(operator: Operator, x: Value, shape: Shape) -> Value:
    """Give `x` another shape with the same number of elements."""
    if np.prod([float(n) for n in x.shape]) != np.prod([float(n) for n in shape]):
        raise contradiction(
            f"it reshapes {list(x.shape)} to {list(shape)}, expected as many elements"
        )
    if shape == x.shape:
        return x

    def on_view(work: GraphBuilder, view: View) -> View:
        return View(view.tensor, view.perm, shape)

    return moved(operator, x, lambda a: a.reshape(shape), on_view, shape)
