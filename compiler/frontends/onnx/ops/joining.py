# SPDX-License-Identifier: Apache-2.0
"""Concat, and MatMul of two run-time tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.frontends.common import EXPORT_AGAIN, resolve_axis
from mcuforge.compiler.frontends.onnx.layout import Shape, View, permuted, same_memory
from mcuforge.compiler.frontends.onnx.ops.binary import want_broadcast
from mcuforge.compiler.frontends.onnx.ops.linear import Linear, matmul_weights
from mcuforge.compiler.frontends.onnx.ops.moving import OnView, moved_run_time
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.ops.weighted import Weights, int8_weights, stored_input
from mcuforge.compiler.frontends.onnx.values import OFFSET, Constant, Scheme, Stored, Value
from mcuforge.compiler.frontends.onnx.work import Deferred, Work, flat_perm
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.errors import Refusal


@dataclass(frozen=True, eq=False)
class Joined(Deferred):
    """Values one behind the other along an axis, all brought to one scale."""

    parts: tuple[Value, ...]
    axis: int

    def operands(self) -> tuple[Value, ...]:
        return self.parts

    def build(self, work: Work, scheme: Scheme) -> View:
        views = {
            place: work.aligned(work.realise(part, scheme))
            for place, part in enumerate(self.parts)
            if not isinstance(part, Constant)
        }
        perm = max(views.values(), key=lambda v: v.tensor.elements).perm
        tensors = []
        for place, part in enumerate(self.parts):
            if isinstance(part, Constant):
                tensors.append(work.constant_view(part, scheme, perm).tensor)
            else:
                tensors.append(work.ordered(views[place], perm).tensor)
        order = tuple(sorted(range(len(perm)), key=perm.__getitem__))
        shape = permuted(self.shape, order)
        output = work.emit(Concatenation(perm[self.axis]), tuple(tensors), shape, scheme)
        return View(output, perm, self.shape)


def concat(operator: Operator) -> Value:
    """Along `axis`; inputs on other scales are requantized to the output's."""
    operator.arity(1, 64)
    parts = tuple(operator.value(place) for place in range(len(operator.inputs)))
    rank = len(parts[0].shape)
    axis = resolve_axis(operator.int_of("axis", 0), rank)
    for part in parts:
        if len(part.shape) != rank or any(
            m != n
            for i, (m, n) in enumerate(zip(part.shape, parts[0].shape, strict=True))
            if i != axis
        ):
            raise Refusal(
                f"shapes {[list(p.shape) for p in parts[:4]]} do not join along axis {axis}",
                EXPORT_AGAIN,
            )
    shape = list(parts[0].shape)
    shape[axis] = sum(part.shape[axis] for part in parts)
    constants = [part for part in parts if isinstance(part, Constant)]
    if len(constants) == len(parts):
        want_size(tuple(max(n, 1) for n in shape))
        arrays = [c.real if c.quant is not None else c.data for c in constants]
        return Constant(constants[0].name, np.concatenate(arrays, axis))
    want_size(tuple(shape))
    joined = Joined(operator.node, tuple(shape), parts, axis)
    assert joined.depth
    schemes = {part.scheme.key: part for part in parts if isinstance(part, Stored)}
    stored = [part for part in parts if isinstance(part, Stored)]
    if len(stored) == len(parts) and len(schemes) == 1 and len({p.real for p in stored}) == 1:
        with operator.work.at(operator.node):
            view = joined.build(operator.work, stored[0].scheme)
        return Stored(view, stored[0].scheme, stored[0].real)
    if any(not part.real for part in stored):
        raise Refusal("it joins integers of different scales", EXPORT_AGAIN)
    return joined


@dataclass(frozen=True, eq=False)
class Product(Deferred):
    """a [.., m, k] times b [.., k, n], both computed (b may be a constant)."""

    a: Value
    b: Value

    def operands(self) -> tuple[Value, ...]:
        return (self.a, self.b)

    def build(self, work: Work, scheme: Scheme) -> View:
        a, adj_x = _operand(work, self.a, transpose_last=False)
        b, adj_y = _operand(work, self.b, transpose_last=True)
        output = work.emit(BatchMatMul(adj_x, adj_y), (a.tensor, b.tensor), self.shape, scheme)
        return View(output, flat_perm(self.shape), self.shape)


def _operand(work: Work, value: Value, transpose_last: bool) -> tuple[View, bool]:
    """An operand stored as the file has it, or with its last two axes exchanged (True).

    Whichever it is already; else, where `transpose_last`, the one that keeps the stored rows.
    """
    if isinstance(value, Constant):
        return _constant(work, value), False
    view = work.aligned(stored_input(value, "operand").view)
    plain = flat_perm(view.shape)
    exchanged = (*plain[:-2], plain[-1], plain[-2])
    if same_memory(view, plain):
        return work.ordered(view, plain), False
    rows_kept = transpose_last and view.perm[-2] == len(plain) - 1
    if same_memory(view, exchanged) or rows_kept:
        ordered = work.ordered(view, exchanged)
        return ordered, True
    return work.ordered(view, plain), False


def _constant(work: Work, value: Constant) -> View:
    """A constant operand of 8 bits, of any zero point."""
    quant, name = value.quant, value.data.dtype.name
    if quant is None or quant.axis is not None or name not in OFFSET:
        raise Refusal(
            f"the constant operand is {name}, wanted 8 bits with one scale",
            "quantize weights per tensor: per_channel=False",
        )
    scheme = Scheme(float(quant.scale[0]), int(quant.zero_point[0]) - OFFSET[name])
    return work.constant_view(value, scheme)


def matmul(operator: Operator) -> Value:
    """By weights on either side, or of two run-time tensors."""
    operator.arity(2)
    a, b = operator.value(0), operator.value(1)
    if len(a.shape) < 2 or len(b.shape) < 2:
        if not isinstance(b, Constant) or len(b.shape) != 2 or _needs_zero_point(b):
            raise Refusal(
                f"it multiplies {list(a.shape)} by {list(b.shape)}, supported: matrices",
                "write vectors as matrices of one row",
            )
    elif a.shape[-1] != b.shape[-2]:
        raise Refusal(f"{list(a.shape)} times {list(b.shape)} do not fit together", EXPORT_AGAIN)
    if isinstance(a, Constant) and isinstance(b, Constant):
        raise Refusal(
            "it multiplies two constants", "fold constants before: onnxsim, or ORT's optimiser"
        )
    if isinstance(b, Constant):
        batched = any(n != 1 for n in b.shape[:-2])
        if not batched and not _needs_zero_point(b):
            return matmul_weights(operator)
        if _per_channel(b):
            return matmul_weights(operator)  # which says what is wrong
    if isinstance(a, Constant) and len(a.shape) == 2 and not _needs_zero_point(a):
        return _from_left(operator, a, b)
    shape = (*want_broadcast(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    want_size(shape)
    return Product(operator.node, shape, a, b)


def _per_channel(constant: Constant) -> bool:
    return constant.quant is not None and constant.quant.axis is not None


def _needs_zero_point(constant: Constant) -> bool:
    """True for weights that are no int8 less their zero point; a product of tensors takes them."""
    quant = constant.quant
    if quant is None or quant.axis is not None or constant.data.dtype.name not in OFFSET:
        return False
    data = constant.data.astype(np.int64) - int(quant.zero_point[0])
    return bool(data.size and (data.min() < -128 or data.max() > 127))


def _from_left(operator: Operator, a: Constant, b: Value) -> Value:
    """weights [m, k] times x [.., k, n]: rows of x transposed, times the weights, and back."""
    weights = int8_weights(a, axis=0)
    rank = len(b.shape)
    exchanged = (*range(rank - 2), rank - 1, rank - 2)
    between = permuted(b.shape, exchanged)
    count = weights.data.shape[0]
    out = (*between[:-1], count)
    want_size(out)

    def turned(shape: Shape) -> OnView:
        def on_view(work: Work, view: View) -> View:
            view = work.aligned(view)
            return View(view.tensor, permuted(view.perm, exchanged), shape)

        return on_view

    x = moved_run_time(operator.node, operator.work, b, turned(between), between)
    product = Linear(operator.node, out, x, Weights(a, weights.data, weights.scales), None)
    shape = permuted(out, exchanged)
    return moved_run_time(operator.node, operator.work, product, turned(shape), shape)
