# SPDX-License-Identifier: Apache-2.0
"""Reads Pad in all modes, and Tile: elements with a border, or repeated."""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.frontends import picking
from mcuforge.compiler.frontends.common import LARGEST_STEP, contradiction, resolve_axes
from mcuforge.compiler.frontends.onnx.layout import Shape, View, inverse, permuted
from mcuforge.compiler.frontends.onnx.ops.folding import fold
from mcuforge.compiler.frontends.onnx.ops.moving import Moved, moved
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.values import OFFSET, Constant, Scheme, Stored, Value
from mcuforge.compiler.frontends.onnx.work import QUANTIZE_TOO, Deferred, GraphBuilder
from mcuforge.compiler.frontends.picking import Picks
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.tensors import Array
from mcuforge.errors import Refusal

LARGEST_INDEX = 2**31 - 1
Border = Callable[[int, int, int], tuple[int, ...]]
BORDERS: MappingProxyType[str, Border] = MappingProxyType(
    {
        "reflect": lambda n, before, after: picking.mirrored(n, before, after, edge_twice=False),
        "edge": picking.clamped,
        "wrap": picking.wrapped,
    }
)


def pad(operator: Operator) -> Value:
    """Read inputs x, pads (before each axis, then after), value, axes; borders are constants."""
    operator.arity(1 if operator.opset < 11 else 2, 4)
    x = operator.value(0)
    mode = operator.text_of("mode", "constant")
    if mode != "constant" and mode not in BORDERS:
        raise contradiction(f"the mode is '{mode[:20]}', expected constant, {', '.join(BORDERS)}")
    rank = len(x.shape)
    axes = resolve_axes(operator.integers(3), rank) if operator.has(3) else tuple(range(rank))
    pads = operator.listed(1, "pads", since=11)
    if len(pads) != 2 * len(axes):
        raise contradiction(f"it has {len(pads)} pads for {len(axes)} axes, expected two per axis")
    if min(pads, default=0) < 0 or max(pads, default=0) > LARGEST_INDEX:
        raise Refusal(
            f"its pads are {list(pads[:8])}, expected 0 to {LARGEST_INDEX}",
            "crop with a Slice instead of a negative padding",
        )
    before, after = [0] * rank, [0] * rank
    for place, axis in enumerate(axes):
        before[axis], after[axis] = pads[place], pads[place + len(axes)]
    widths = tuple(zip(before, after, strict=True))
    shape = tuple(b + n + a for n, (b, a) in zip(x.shape, widths, strict=True))
    want_size(shape)
    if shape == x.shape:
        return x
    if mode == "constant":
        return _filled(operator, x, tuple(before), tuple(after), shape)
    if mode == "reflect" and any(
        n == 1 and b + a for n, (b, a) in zip(x.shape, widths, strict=True)
    ):
        raise contradiction("it mirrors a dimension of 1, expected more elements")
    border = BORDERS[mode]
    return picked(operator, x, {i: border(n, *widths[i]) for i, n in enumerate(x.shape)}, shape)


def tile(operator: Operator) -> Value:
    """Read inputs x, constant repetitions, one per dimension."""
    operator.arity(2)
    x = operator.value(0)
    if isinstance(x, Constant):
        return fold(operator)
    times = operator.integers(1)
    if len(times) != len(x.shape) or not all(1 <= n <= LARGEST_STEP for n in times):
        raise contradiction(
            f"it repeats {list(x.shape)} by {list(times[:8])}, "
            f"expected 1 to {LARGEST_STEP} for each dimension"
        )
    shape = tuple(n * t for n, t in zip(x.shape, times, strict=True))
    pairs = enumerate(zip(x.shape, times, strict=True))
    want_size(shape)
    return picked(operator, x, {a: picking.repeated(n, t) for a, (n, t) in pairs}, shape)


def picked(operator: Operator, x: Value, picks: Picks, shape: Shape) -> Value:
    """Copy the elements that `picks` lists along each axis of `x`."""

    def on_view(work: GraphBuilder, view: View) -> View:
        view = work.aligned(view)
        tensor = view.tensor
        stored = {view.perm[axis]: chosen for axis, chosen in picks.items()}
        for step in picking.steps(tensor.shape, stored):
            image = work.reshaped(tensor, step.before)
            tensor = work.reshaped(work.emit_moved(step.op, (image,), step.after), step.shape)
        return View(tensor, view.perm, shape)

    def on_array(data: Array) -> Array:
        for axis, chosen in picks.items():
            data = data.take(chosen, axis)
        return data

    return moved(operator, x, on_array, on_view, shape)


def _filled(operator: Operator, x: Value, before: Shape, after: Shape, shape: Shape) -> Value:
    """Surround with one number."""
    value = operator.real(2) if operator.has(2) else operator.float_of("value", 0.0)
    if not np.isfinite(value):
        raise Refusal(f"the border is {value}, expected a finite number", "pad with zeros")

    def on_view(work: GraphBuilder, view: View) -> View:
        view = work.aligned(view)
        order = inverse(view.perm)
        quant = view.tensor.quant
        if quant is None:
            raise Refusal("it surrounds float32, supported: int8", QUANTIZE_TOO)
        if isinstance(x, Stored) and not x.real:
            border = int(np.clip(value - OFFSET.get(x.scheme.dtype, 0), -128, 127))
        else:
            scheme = Scheme(quant.scale[0], quant.zero_point)
            border = int(scheme.store(np.array(value, np.float32)))
        op = Pad(permuted(before, order), permuted(after, order), border)
        output = work.emit_moved(op, (view.tensor,), permuted(shape, order))
        return View(output, view.perm, shape)

    if isinstance(x, Constant) and x.quant is not None:
        x = Constant(x.name, x.real.astype(np.float32))
    borders = list(zip(before, after, strict=True))

    def on_array(data: Array) -> Array:
        return np.pad(data, borders, constant_values=data.dtype.type(value))

    # linear attention pads its values with ones, whatever their range is
    beyond = isinstance(x, Stored) and x.real and not x.scheme.holds(value)
    if beyond or isinstance(x, Deferred):
        return Moved(operator.node, shape, (x,), on_view, value)
    return moved(operator, x, on_array, on_view, shape)
