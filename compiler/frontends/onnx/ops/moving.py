# SPDX-License-Identifier: Apache-2.0
"""How operators that only move values treat what they may be given.

A constant is moved while reading, a stored tensor at once; a float result is moved once it is
quantized, since rounding each value and moving it commute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.frontends.common import EXPORT_AGAIN
from mcuforge.compiler.frontends.onnx.file import OnnxNode
from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.values import (
    Constant,
    ConstantQuant,
    Edge,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import Deferred, Work
from mcuforge.compiler.ir import Array
from mcuforge.errors import Refusal

OnArray = Callable[[Array], Array]
OnView = Callable[[Work, View], View]


@dataclass(frozen=True, eq=False)
class Moved(Deferred):
    """A float result (or input) moved: quantized first, then moved."""

    x: Value
    move: OnView

    def operands(self) -> tuple[Value, ...]:
        return (self.x,)

    def build(self, work: Work, scheme: Scheme) -> View:
        return self.move(work, work.realise(self.x, scheme))


def moved(operator: Operator, x: Value, on_array: OnArray, on_view: OnView, shape: Shape) -> Value:
    """`x` moved to `shape`."""
    if isinstance(x, Constant):  # lists of shapes may be empty
        want_size(tuple(max(n, 1) for n in shape))
        return moved_constant(x, on_array)
    want_size(shape)
    return moved_run_time(operator.node, operator.work, x, on_view, shape)


def moved_run_time(node: OnnxNode, work: Work, x: Value, on_view: OnView, shape: Shape) -> Value:
    """Something computed, moved to `shape`."""
    if isinstance(x, Stored):
        with work.at(node):
            return Stored(on_view(work, x.view), x.scheme, x.real)
    if isinstance(x, Edge) and x.dtype != "float32":
        raise Refusal(
            "it moves integers that nothing has dequantized yet",
            "put the DequantizeLinear right behind the input",
        )
    result = Moved(node, shape, x, on_view)
    assert result.depth
    return result


def moved_constant(x: Constant, on_array: OnArray) -> Constant:
    """A constant moved; its scales move along, or it becomes float where they cannot."""
    data = on_array(x.data)
    if x.quant is None or x.quant.axis is None:
        return Constant(x.name, data, x.quant)
    slices = np.arange(x.quant.scale.size)
    spread = [1] * x.data.ndim
    spread[x.quant.axis] = slices.size
    place = on_array(np.broadcast_to(slices.reshape(spread), x.data.shape))
    for axis in range(data.ndim):
        along = np.moveaxis(place, axis, 0).reshape(place.shape[axis], -1)
        if along.size and (along == along[:, :1]).all():
            chosen = along[:, 0]
            quant = ConstantQuant(x.quant.scale[chosen], x.quant.zero_point[chosen], axis)
            return Constant(x.name, data, quant)
    return Constant(x.name, on_array(x.real.astype(np.float32)))


def shaped(operator: Operator, x: Value, shape: Shape) -> Value:
    """`x` under another shape of as many elements."""
    if np.prod([float(n) for n in x.shape]) != np.prod([float(n) for n in shape]):
        raise Refusal(
            f"{list(x.shape)} does not hold as many elements as {list(shape)}", EXPORT_AGAIN
        )
    if shape == x.shape:
        return x

    def on_view(work: Work, view: View) -> View:
        return View(view.tensor, view.perm, shape)

    return moved(operator, x, lambda a: a.reshape(shape), on_view, shape)
