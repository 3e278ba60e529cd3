# SPDX-License-Identifier: Apache-2.0
"""Builds Add, Sub, Mul, Div, Max, Min and PRelu of two tensors, or of one and a constant."""

import numpy as np

from mcuforge.compiler.frontends.common import contradiction
from mcuforge.compiler.frontends.onnx.layout import Shape, View, inverse
from mcuforge.compiler.frontends.onnx.values import OFFSET, Constant, ConstantQuant, Scheme, Stored
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.graph import Activation, Op
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.extremum import Maximum, Minimum
from mcuforge.compiler.ops.mul import Mul
from mcuforge.compiler.ops.prelu import Prelu
from mcuforge.compiler.tensors import Tensor

BUILT = ("Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu")


def want_broadcast(a: Shape, b: Shape) -> Shape:
    """Return the shape that two shapes broadcast to. Raises Refusal where they do not."""
    try:
        return tuple(int(n) for n in np.broadcast_shapes(a, b))
    except ValueError:
        raise contradiction(
            f"shapes {list(a)} and {list(b)} do not broadcast, expected equal dimensions or 1"
        ) from None


def build_binary(
    work: GraphBuilder,
    kind: str,
    operands: tuple[Stored | Constant, Stored | Constant],
    shape: Shape,
    scheme: Scheme,
    act: Activation,
) -> View:
    """Add the node of a binary operator; at least one operand must be stored."""
    op = _op(kind, act)
    if kind in ("Max", "Min"):  # both go to the output's scale first: rounding keeps the order
        operands = (_on_scheme(work, operands[0], scheme), _on_scheme(work, operands[1], scheme))
    a, b = operands
    if isinstance(a, Stored) and isinstance(b, Stored):
        views = _together(work, a.view, b.view, shape)
        tensors = (views[0].tensor, views[1].tensor)
        view = max(views, key=lambda v: v.tensor.elements)
    elif isinstance(a, Stored) and isinstance(b, Constant):
        view, tensor = _beside(work, a.view, b, shape)
        tensors = (view.tensor, tensor)
    else:
        assert isinstance(a, Constant)
        assert isinstance(b, Stored)
        view, tensor = _beside(work, b.view, a, shape)
        tensors = (tensor, view.tensor)
    stored = tuple(int(n) for n in np.broadcast_shapes(tensors[0].shape, tensors[1].shape))
    return View(work.emit(op, tensors, stored, scheme), view.perm, shape)


def _op(kind: str, act: Activation) -> Op:
    if kind in ("Add", "Sub"):
        return Add(subtract=kind == "Sub", act=act)
    if kind in ("Mul", "Div"):
        return Mul(act) if kind == "Mul" else Div(act)
    if kind == "PRelu":
        return Prelu()
    return Maximum() if kind == "Max" else Minimum()


def _on_scheme(work: GraphBuilder, x: Stored | Constant, scheme: Scheme) -> Stored | Constant:
    """Bring an operand of a minimum or maximum to the result's scale, which also clamps it."""
    if isinstance(x, Constant):
        if x.scheme is not None and x.scheme.key == scheme.key:
            return x
        quant = ConstantQuant(np.array([scheme.scale]), np.array([scheme.zero_point]), None)
        return Constant(x.name, scheme.store(x.float), quant)
    return Stored(work.requantized(x, scheme), scheme, real=True)


def _together(work: GraphBuilder, a: View, b: View, shape: Shape) -> tuple[View, View]:
    """Give both the same order of stored axes: they then broadcast in memory as in the file."""
    if a.shape == b.shape == shape:
        if a.tensor.shape == b.tensor.shape and a.perm == b.perm:
            return a, b
        if a.in_order and b.in_order:
            tensor = work.reshaped(b.tensor, a.tensor.shape)
            return a, View(tensor, tuple(range(len(tensor.shape))), shape)
    a, b = (work.aligned(_of_rank(v, len(shape))) for v in (a, b))
    perm = a.perm if a.tensor.elements >= b.tensor.elements else b.perm
    return work.ordered(a, perm), work.ordered(b, perm)


def _of_rank(view: View, rank: int) -> View:
    """Add dimensions of 1 in front of `view`."""
    return View(view.tensor, view.perm, (1,) * (rank - len(view.shape)) + view.shape)


def _beside(
    work: GraphBuilder, view: View, constant: Constant, shape: Shape
) -> tuple[View, Tensor]:
    """Lay a constant out in the order of a stored operand's axes; returns both."""
    scheme, data = _stored(constant)
    sizes = constant.shape
    while sizes and sizes[0] == 1:
        sizes = sizes[1:]
    last = len(sizes)
    whole = view.shape == shape and view.in_order
    if whole and view.tensor.shape[len(view.tensor.shape) - last :] == shape[len(shape) - last :]:
        tensor = work.constant(constant, f"operand {sizes}", data.reshape(sizes), scheme.quant)
        return View(view.tensor, tuple(range(len(view.tensor.shape))), shape), tensor
    view = work.aligned(_of_rank(view, len(shape)))
    spread = data.reshape((1,) * (len(shape) - data.ndim) + data.shape)
    moved = spread.transpose(inverse(view.perm))
    return view, work.constant(constant, f"operand {view.perm}", moved, scheme.quant)


def _stored(constant: Constant) -> tuple[Scheme, np.ndarray[tuple[int, ...], np.dtype[np.int8]]]:
    """Store a constant as int8: on the file's scale if it has 8 bits, else on a new one."""
    if constant.scheme is not None:
        offset = OFFSET[constant.data.dtype.name]
        return constant.scheme, (constant.data.astype(np.int16) - offset).astype(np.int8)
    real = constant.real
    if not np.isfinite(real).all():
        raise contradiction("a constant operand is infinite or NaN, expected numbers")
    scheme = Scheme.covering(float(real.min()), float(real.max()))
    return scheme, scheme.store(constant.float)
