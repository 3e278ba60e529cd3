# SPDX-License-Identifier: Apache-2.0
"""Slice, Split, Gather and Pad."""

from __future__ import annotations

import numpy as np

from mcuforge.compiler.frontends.common import (
    EXPORT_AGAIN,
    LARGEST_INTEGER_LIST,
    resolve_axes,
    resolve_axis,
)
from mcuforge.compiler.frontends.onnx.layout import Shape, View, permuted
from mcuforge.compiler.frontends.onnx.ops.moving import moved, shaped
from mcuforge.compiler.frontends.onnx.ops.operator import FREEZE, Operator, want_size
from mcuforge.compiler.frontends.onnx.values import Constant, Scheme, Value
from mcuforge.compiler.frontends.onnx.work import Work
from mcuforge.compiler.ir import Array
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.pad import Pad
from mcuforge.compiler.ops.slice import Slice
from mcuforge.errors import Refusal

LARGEST_INDEX = 2**31 - 1
MOST_RUNS = 64  # pieces a Gather is cut into


def slice_(operator: Operator) -> Value:
    """Inputs x, starts, ends, axes, steps; ends beyond the tensor mean its end."""
    operator.arity(3, 5)
    x = operator.value(0)
    starts, ends = operator.integers(1), operator.integers(2)
    axes = operator.integers(3) if operator.has(3) else tuple(range(len(starts)))
    steps = operator.integers(4) if operator.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise Refusal("its starts, ends, axes and steps differ in number", EXPORT_AGAIN)
    if 0 in steps:
        raise Refusal("a step is 0, wanted another", EXPORT_AGAIN)
    taken = [range(n) for n in x.shape]
    for axis, start, end, step in zip(
        resolve_axes(axes, len(x.shape)), starts, ends, steps, strict=True
    ):
        taken[axis] = range(*slice(start, end, step).indices(x.shape[axis]))
    return boxed(operator, x, taken)


def boxed(operator: Operator, x: Value, taken: list[range]) -> Value:
    """The elements of `x` at every index of `taken`, one range per dimension."""
    shape = tuple(len(r) for r in taken)
    if shape == x.shape and all(r.step > 0 for r in taken):
        return x

    def on_view(work: Work, view: View) -> View:
        view = work.aligned(view)
        stored = [taken[axis] for axis in _logical(view)]
        op = Slice(tuple(r.start for r in stored), tuple(r.step for r in stored))
        out = tuple(len(r) for r in stored)
        assert view.tensor.quant is not None
        return View(work.emit(op, (view.tensor,), out, view.tensor.quant), view.perm, shape)

    def on_array(array: Array) -> Array:
        return array[np.ix_(*taken)] if taken else array

    return moved(operator, x, on_array, on_view, shape)


def _logical(view: View) -> Shape:
    """The logical axis at each stored place of an aligned view."""
    return tuple(sorted(range(len(view.perm)), key=view.perm.__getitem__))


def split(operator: Operator) -> tuple[Value, ...]:
    """Parts along an axis; sizes are an input, or equal."""
    operator.arity(1, 2, outputs=64)
    x = operator.value(0)
    axis = resolve_axis(operator.int_of("axis", 0), len(x.shape))
    count = len(operator.node.outputs)
    if operator.has(1):
        sizes = operator.integers(1)
    else:
        size = -(-x.shape[axis] // count)
        sizes = (size,) * (count - 1)
        sizes = (*sizes, x.shape[axis] - sum(sizes))
    if len(sizes) != count or sum(sizes) != x.shape[axis] or min(sizes) < 1:
        raise Refusal(
            f"{x.shape[axis]} do not split into {count} parts of {list(sizes[:8])}", EXPORT_AGAIN
        )
    parts = []
    begin = 0
    for size in sizes:
        taken = [range(n) for n in x.shape]
        taken[axis] = range(begin, begin + size)
        parts.append(boxed(operator, x, taken))
        begin += size
    return tuple(parts)


def gather(operator: Operator) -> Value:
    """Slices of x at constant indices along an axis; the axis becomes the indices' dimensions."""
    operator.arity(2)
    x = operator.value(0)
    axis = resolve_axis(operator.int_of("axis", 0), len(x.shape))
    size = x.shape[axis]
    index = operator.constant(1).data
    if index.dtype.kind not in "iu" or index.size > LARGEST_INTEGER_LIST:
        raise Refusal(f"indices are {index.size} values of {index.dtype.name}", FREEZE)
    places = index.astype(np.int64)
    if places.size == 0 or places.min() < -size or places.max() >= size:
        raise Refusal(f"it takes elements outside the {size} there are", EXPORT_AGAIN)
    places = np.where(places < 0, places + size, places)
    shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    flat = places.reshape(-1)
    steps = np.diff(flat)
    if isinstance(x, Constant):
        return moved(operator, x, lambda a: a.take(places, axis), lambda w, v: v, shape)
    if steps.size and ((steps != steps[0]).any() or steps[0] == 0):
        return _picked(operator, x, axis, flat.tolist(), shape)
    step = int(steps[0]) if steps.size else 1
    taken = [range(n) for n in x.shape]
    taken[axis] = range(int(flat[0]), int(flat[0]) + step * flat.size, step)
    return shaped(operator, boxed(operator, x, taken), shape)


def _picked(operator: Operator, x: Value, axis: int, flat: list[int], shape: Shape) -> Value:
    """Elements at no even distance: runs of them cut out and joined."""
    runs: list[range] = []
    for place in flat:
        if runs and place == runs[-1].stop:
            runs[-1] = range(runs[-1].start, place + 1)
        else:
            runs.append(range(place, place + 1))
    if len(runs) > MOST_RUNS:
        raise Refusal(
            f"it gathers {len(runs)} pieces, at most {MOST_RUNS} are read",
            "keep what belongs together side by side, or fold the order into the weights",
        )
    between = (*x.shape[:axis], len(flat), *x.shape[axis + 1 :])

    def on_view(work: Work, view: View) -> View:
        view = work.aligned(view)
        stored, quant = view.perm[axis], view.tensor.quant
        assert quant is not None
        parts = []
        for run in runs:
            out = list(view.tensor.shape)
            begin = [0] * len(out)
            out[stored], begin[stored] = len(run), run.start
            op = Slice(tuple(begin), (1,) * len(out))
            parts.append(work.emit(op, (view.tensor,), tuple(out), quant))
        whole = list(view.tensor.shape)
        whole[stored] = len(flat)
        joined = work.emit(Concatenation(stored), tuple(parts), tuple(whole), quant)
        return View(joined, view.perm, between)

    taken = moved(operator, x, lambda a: a, on_view, between)
    return shaped(operator, taken, shape)


def pad(operator: Operator) -> Value:
    """Inputs x, pads (before each axis, then behind), value, axes; constant borders only."""
    operator.arity(2, 4)
    x = operator.value(0)
    mode = operator.text_of("mode", "constant")
    if mode != "constant":
        raise Refusal(f"the border is '{mode[:20]}', supported: constant", "pad with zeros")
    rank = len(x.shape)
    axes = resolve_axes(operator.integers(3), rank) if operator.has(3) else tuple(range(rank))
    pads = operator.integers(1)
    if len(pads) != 2 * len(axes):
        raise Refusal(f"{len(pads)} pads for {len(axes)} axes", EXPORT_AGAIN)
    if min(pads, default=0) < 0 or max(pads, default=0) > LARGEST_INDEX:
        raise Refusal(f"pads {list(pads[:8])}", "crop with a Slice instead of a negative padding")
    value = operator.real(2) if operator.has(2) else 0.0
    if not np.isfinite(value):
        raise Refusal(f"the border is {value}, wanted a finite number", "pad with zeros")
    before, after = [0] * rank, [0] * rank
    for place, axis in enumerate(axes):
        before[axis], after[axis] = pads[place], pads[place + len(axes)]
    shape = tuple(b + n + a for b, n, a in zip(before, x.shape, after, strict=True))
    if shape == x.shape:
        return x

    def on_view(work: Work, view: View) -> View:
        view = work.aligned(view)
        order = _logical(view)
        quant = view.tensor.quant
        assert quant is not None
        border = int(Scheme(quant.scale[0], quant.zero_point).store(np.array(value, np.float32)))
        op = Pad(permuted(tuple(before), order), permuted(tuple(after), order), border)
        return View(work.emit(op, (view.tensor,), permuted(shape, order), quant), view.perm, shape)

    want_size(shape)
    if isinstance(x, Constant) and x.quant is not None:
        x = Constant(x.name, x.real.astype(np.float32))
    borders = list(zip(before, after, strict=True))

    def on_array(data: Array) -> Array:
        return np.pad(data, borders, constant_values=data.dtype.type(value))

    return moved(operator, x, on_array, on_view, shape)
