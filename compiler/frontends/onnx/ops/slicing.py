# SPDX-License-Identifier: Apache-2.0
"""Reads Slice, Split and Gather."""

from itertools import accumulate

import numpy as np

from mcuforge.compiler.frontends.common import (
    LARGEST_INTEGER_LIST,
    contradiction,
    resolve_axes,
    resolve_axis,
)
from mcuforge.compiler.frontends.onnx.layout import Shape, View, inverse
from mcuforge.compiler.frontends.onnx.ops.moving import moved, shaped
from mcuforge.compiler.frontends.onnx.ops.operator import FREEZE, Operator
from mcuforge.compiler.frontends.onnx.values import Constant, Value
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.tensors import Array
from mcuforge.errors import Refusal

MOST_SLICES = 64  # of the input that a Gather joins


def slice_(operator: Operator) -> Value:
    """Read inputs x, starts, ends, axes, steps; an end beyond the tensor means its end."""
    operator.arity(3, 5)
    x = operator.value(0)
    starts, ends = operator.integers(1), operator.integers(2)
    axes = operator.integers(3) if operator.has(3) else tuple(range(len(starts)))
    steps = operator.integers(4) if operator.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise contradiction("its starts, ends, axes and steps differ in number, expected the same")
    if 0 in steps:
        raise contradiction("a step is 0, expected any other number")
    taken = [range(n) for n in x.shape]
    for axis, start, end, step in zip(
        resolve_axes(axes, len(x.shape)), starts, ends, steps, strict=True
    ):
        taken[axis] = range(*slice(start, end, step).indices(x.shape[axis]))
    return boxed(operator, x, taken)


def boxed(operator: Operator, x: Value, taken: list[range]) -> Value:
    """Return the elements of `x` at every index of `taken`, one range per dimension."""
    shape = tuple(len(r) for r in taken)
    if shape == x.shape and all(r.step > 0 for r in taken):
        return x

    def on_view(work: GraphBuilder, view: View) -> View:
        view = work.aligned(view)
        stored = [taken[axis] for axis in inverse(view.perm)]
        op = Slice(tuple(r.start for r in stored), tuple(r.step for r in stored))
        out = tuple(len(r) for r in stored)
        return View(work.emit_moved(op, (view.tensor,), out), view.perm, shape)

    def on_array(array: Array) -> Array:
        return array[np.ix_(*taken)] if taken else array

    return moved(operator, x, on_array, on_view, shape)


def split(operator: Operator) -> tuple[Value, ...]:
    """Split along an axis; an input gives the parts' sizes, else they are equal."""
    operator.arity(1, 2, outputs=64)
    x = operator.value(0)
    axis = resolve_axis(operator.int_of("axis", 0), len(x.shape))
    count = len(operator.node.outputs)
    if operator.has(1) or (operator.opset < 13 and "split" in operator.node.attributes):
        sizes = operator.listed(1, "split", since=13)
    else:
        size = -(-x.shape[axis] // count)
        sizes = (size,) * (count - 1)
        sizes = (*sizes, x.shape[axis] - sum(sizes))
    if len(sizes) != count or sum(sizes) != x.shape[axis] or min(sizes) < 1:
        raise contradiction(
            f"it splits {x.shape[axis]} elements of axis {axis} into {list(sizes[:8])}, "
            f"expected {count} sizes that add up to them"
        )
    ends = tuple(accumulate(sizes))
    return tuple(
        boxed(operator, x, _along(x, axis, range(end - size, end)))
        for size, end in zip(sizes, ends, strict=True)
    )


def _along(x: Value, axis: int, indices: range) -> list[range]:
    """Make ranges that take `indices` of one axis and all of the others."""
    return [indices if place == axis else range(n) for place, n in enumerate(x.shape)]


def gather(operator: Operator) -> Value:
    """Take slices at constant indices along an axis, which becomes the indices' dimensions."""
    operator.arity(2)
    x = operator.value(0)
    axis = resolve_axis(operator.int_of("axis", 0), len(x.shape))
    size = x.shape[axis]
    index = operator.constant(1).data
    if index.dtype.kind not in "iu" or index.size > LARGEST_INTEGER_LIST:
        raise Refusal(
            f"its indices are {index.size} values of {index.dtype.name}, "
            f"expected at most {LARGEST_INTEGER_LIST} integers",
            FREEZE,
        )
    places = index.astype(np.int64)
    if places.size == 0 or places.min() < -size or places.max() >= size:
        raise contradiction(
            f"it takes elements outside axis {axis}, expected {-size} to {size - 1}"
        )
    places = np.where(places < 0, places + size, places)
    shape = (*x.shape[:axis], *index.shape, *x.shape[axis + 1 :])
    flat = places.reshape(-1)
    steps = np.diff(flat)
    if isinstance(x, Constant):
        return moved(operator, x, lambda a: a.take(places, axis), lambda w, v: v, shape)
    if steps.size and ((steps != steps[0]).any() or steps[0] == 0):
        return _picked(operator, x, axis, flat.tolist(), shape)
    step = int(steps[0]) if steps.size else 1
    indices = range(int(flat[0]), int(flat[0]) + step * flat.size, step)
    return shaped(operator, boxed(operator, x, _along(x, axis, indices)), shape)


def _picked(operator: Operator, x: Value, axis: int, flat: list[int], shape: Shape) -> Value:
    """Take elements at uneven distances: cut out slices of neighbours and join them."""
    slices: list[range] = []
    for place in flat:
        if slices and place == slices[-1].stop:
            slices[-1] = range(slices[-1].start, place + 1)
        else:
            slices.append(range(place, place + 1))
    if len(slices) > MOST_SLICES:
        raise Refusal(
            f"it gathers {len(slices)} slices, expected at most {MOST_SLICES}",
            "store elements that belong together side by side, or fold the order into the weights",
        )
    between = (*x.shape[:axis], len(flat), *x.shape[axis + 1 :])

    def on_view(work: GraphBuilder, view: View) -> View:
        view = work.aligned(view)
        stored, sizes = view.perm[axis], view.tensor.shape
        rank = len(sizes)

        def along(count: int) -> Shape:
            return (*sizes[:stored], count, *sizes[stored + 1 :])

        parts = []
        for cut in slices:
            begin = tuple(cut.start if place == stored else 0 for place in range(rank))
            op = Slice(begin, (1,) * rank)
            parts.append(work.emit_moved(op, (view.tensor,), along(len(cut))))
        joined = work.emit_moved(Concatenation(stored), tuple(parts), along(len(flat)))
        return View(joined, view.perm, between)

    taken = moved(operator, x, lambda a: a, on_view, between)
    return shaped(operator, taken, shape)
