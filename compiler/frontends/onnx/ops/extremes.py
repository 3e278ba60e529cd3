# SPDX-License-Identifier: Apache-2.0
"""Reads ReduceMax, ReduceMin, GlobalMaxPool, ArgMax and ArgMin."""

import numpy as np

from mcuforge.compiler.frontends import extremes
from mcuforge.compiler.frontends.common import contradiction, resolve_axes, resolve_axis
from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.ops.moving import moved_run_time
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.values import Constant, Scheme, Stored, Value
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.ops.arg_extremum import ArgMax, ArgMin
from mcuforge.compiler.tensors import DType

WHOLE_NUMBERS = Scheme(1.0, 0, "int64")


def reduce_extremum(operator: Operator) -> Value:
    """Take the largest or smallest element of the axes, all by default; keepdims is 1."""
    operator.arity(1, 2)
    x = operator.value(0)
    rank = len(x.shape)
    axes = operator.axes(1)
    if not axes:
        if operator.flag_of("noop_with_empty_axes"):
            return x
        axes = tuple(range(rank))
    keep, largest = operator.flag_of("keepdims", True), operator.node.op == "ReduceMax"
    found = resolve_axes(axes, rank)
    if isinstance(x, Constant):
        data = x.data if x.quant is None else x.real.astype(np.float32)
        reduce = np.max if largest else np.min
        return Constant(x.name, np.asarray(reduce(data, axis=found, keepdims=keep)))
    return _reduced(operator, x, found, keep=keep, largest=largest)


def global_max_pool(operator: Operator) -> Value:
    """Take the largest element of each channel."""
    operator.arity(1)
    x = operator.value(0)
    if len(x.shape) < 3 or isinstance(x, Constant):
        raise contradiction(f"the input has shape {list(x.shape)}, expected a computed image")
    return _reduced(operator, x, tuple(range(2, len(x.shape))), keep=True, largest=True)


def arg_extremum(operator: Operator) -> Value:
    """Find the index of the largest or smallest element along an axis; int64 as int32."""
    operator.arity(1)
    x = operator.value(0)
    if isinstance(x, Constant):
        raise contradiction("the input is a constant, expected a computed tensor")
    axis = resolve_axis(operator.int_of("axis", 0), len(x.shape))
    keep, last = operator.flag_of("keepdims", True), operator.flag_of("select_last_index")
    work, kind = operator.work, ArgMax if operator.node.op == "ArgMax" else ArgMin
    with work.at(operator.node):
        view = work.aligned(work.settled(x).view)
        stored = view.perm[axis]
        sizes = view.tensor.shape
        kept = (*sizes[:stored], 1, *sizes[stored + 1 :])
        op = kind(stored, last)
        output = work.emit(op, (view.tensor,), kept, WHOLE_NUMBERS, DType.INT32)
        if not keep:
            output = work.reshaped(output, (*sizes[:stored], *sizes[stored + 1 :]))
    perm = _without(view.perm, (axis,), keep=keep)
    return Stored(View(output, perm, _shape(x.shape, (axis,), keep=keep)), WHOLE_NUMBERS, False)


def _reduced(operator: Operator, x: Value, axes: Shape, *, keep: bool, largest: bool) -> Value:
    shape = _shape(x.shape, axes, keep=keep)
    want_size(shape)

    def on_view(work: GraphBuilder, view: View) -> View:
        view = work.aligned(view)
        stored = tuple(view.perm[axis] for axis in axes)
        quant = view.tensor.quant
        assert quant is not None
        tensor = view.tensor
        if not largest:
            tensor = work.emit(extremes.TURN, (tensor,), tensor.shape, extremes.turned(quant))
        for step in extremes.steps(tensor.shape, stored):
            image = work.reshaped(tensor, step.before)
            tensor = work.reshaped(work.emit_moved(step.op, (image,), step.after), step.shape)
        if not largest:
            tensor = work.emit(extremes.TURN, (tensor,), tensor.shape, quant)
        if keep:
            return View(tensor, view.perm, shape)
        left = tuple(n for i, n in enumerate(tensor.shape) if i not in stored)
        return View(work.reshaped(tensor, left), _without(view.perm, axes, keep=False), shape)

    return moved_run_time(operator, x, on_view, shape)


def _shape(shape: Shape, axes: Shape, *, keep: bool) -> Shape:
    """Return the shape without `axes`, or with 1 in their places."""
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    return kept if keep else tuple(n for i, n in enumerate(kept) if i not in axes)


def _without(perm: Shape, axes: Shape, *, keep: bool) -> Shape:
    """Return the stored places of the axes that are left, counted anew."""
    if keep:
        return perm
    left = [p for i, p in enumerate(perm) if i not in axes]
    return tuple(sorted(left).index(p) for p in left)
