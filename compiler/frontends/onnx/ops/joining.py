# SPDX-License-Identifier: Apache-2.0
"""Reads Concat and MatMul."""

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.frontends.common import SCALE_LIMITS, contradiction, resolve_axis
from mcuforge.compiler.frontends.onnx.layout import Shape, View, inverse, permuted, same_memory
from mcuforge.compiler.frontends.onnx.ops.binary import want_broadcast
from mcuforge.compiler.frontends.onnx.ops.linear import Linear, matmul_weights
from mcuforge.compiler.frontends.onnx.ops.moving import moved_run_time, transposed
from mcuforge.compiler.frontends.onnx.ops.operator import FOLD_CONSTANTS, Operator, want_size
from mcuforge.compiler.frontends.onnx.ops.weighted import int8_weights
from mcuforge.compiler.frontends.onnx.values import (
    Constant,
    Interval,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import (
    Deferred,
    GraphBuilder,
    flat_perm,
    reach_of,
    united,
)
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.errors import Refusal


@dataclass(frozen=True, eq=False)
class Joined(Deferred):
    """The operands joined along an axis, all on one scale."""

    axis: int

    @property
    def reach(self) -> Interval | None:
        return united(reach_of(operand) for operand in self.operands)

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        views = {
            place: work.aligned(work.realize(part, scheme))
            for place, part in enumerate(self.operands)
            if not isinstance(part, Constant)
        }
        perm = max(views.values(), key=lambda v: v.tensor.elements).perm
        tensors = []
        for place, part in enumerate(self.operands):
            if isinstance(part, Constant):
                tensors.append(work.constant_view(part, scheme, perm).tensor)
            else:
                tensors.append(work.ordered(views[place], perm).tensor)
        shape = permuted(self.shape, inverse(perm))
        output = work.emit(Concatenation(perm[self.axis]), tuple(tensors), shape, scheme)
        return View(output, perm, self.shape)


def concat(operator: Operator) -> Value:
    """Join along `axis`; inputs on other scales are requantized to the output's scale."""
    operator.arity(1, 64)
    parts = tuple(operator.value(place) for place in range(len(operator.inputs)))
    axis = resolve_axis(operator.int_of("axis", 0), len(parts[0].shape))
    shape = _joined_shape(parts, axis)
    constants = [part for part in parts if isinstance(part, Constant)]
    folds = len(constants) == len(parts)
    want_size(shape, constant=folds)
    if folds:
        arrays = [c.real if c.quant is not None else c.data for c in constants]
        return Constant(constants[0].name, np.concatenate(arrays, axis))
    joined = Joined(operator.node, shape, parts, axis)
    stored = [part for part in parts if isinstance(part, Stored)]
    if len(stored) == len(parts) and len({(p.scheme.key, p.real) for p in stored}) == 1:
        with operator.work.at(operator.node):
            view = joined.build(operator.work, stored[0].scheme)
        return Stored(view, stored[0].scheme, stored[0].real)
    if any(not part.real for part in stored):
        raise contradiction("it joins integers on different scales, expected one scale")
    return joined


def _joined_shape(parts: tuple[Value, ...], axis: int) -> Shape:
    """Return the shape of `parts` along `axis`. Raises Refusal where another dimension differs."""
    rests = {(len(p.shape), p.shape[:axis], p.shape[axis + 1 :]) for p in parts}
    if len(rests) != 1:
        raise contradiction(
            f"shapes {[list(p.shape) for p in parts[:4]]} do not join along axis {axis}, "
            "expected other dimensions to be equal"
        )
    whole = sum(part.shape[axis] for part in parts)
    return (*parts[0].shape[:axis], whole, *parts[0].shape[axis + 1 :])


class Product(Deferred):
    """a [.., m, k] times b [.., k, n]; b may be a constant."""

    @property
    def reach(self) -> Interval | None:
        bounds = [reach_of(operand) for operand in self.operands]
        most = [max(abs(end) for end in bound) for bound in bounds if bound is not None]
        size = self.x.shape[-1] * most[0] * most[1] if len(most) == 2 else None
        return None if size is None else (-size, size)

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        left, right = self.operands
        a, adj_x = _operand(work, left, transpose_last=False)
        b, adj_y = _operand(work, right, transpose_last=True)
        output = work.emit(BatchMatMul(adj_x, adj_y), (a.tensor, b.tensor), self.shape, scheme)
        return View(output, flat_perm(self.shape), self.shape)


def _operand(work: GraphBuilder, value: Value, transpose_last: bool) -> tuple[View, bool]:
    """Order an operand as the file does, or with its last two axes exchanged (True).

    It keeps the order in which it is stored already. Any other is moved to the file's order; with
    `transpose_last`, to the exchanged one where that keeps the stored rows.
    """
    if isinstance(value, Constant):
        return _constant(work, value), False
    view = work.aligned(work.settled(value, "operand").view)
    plain = flat_perm(view.shape)
    exchanged = (*plain[:-2], plain[-1], plain[-2])
    if same_memory(view, plain):
        return work.ordered(view, plain), False
    rows_kept = transpose_last and view.perm[-2] == len(plain) - 1
    if same_memory(view, exchanged) or rows_kept:
        return work.ordered(view, exchanged), True
    return work.ordered(view, plain), False


def _constant(work: GraphBuilder, value: Constant) -> View:
    """Return a constant operand of 8 bits with any zero point."""
    if value.scheme is None or value.scheme.scale > SCALE_LIMITS[1]:
        raise Refusal(
            f"the constant operand is {value.data.dtype.name}, expected 8 bits with one scale",
            "quantize weights per tensor: per_channel=False",
        )
    return work.constant_view(value, value.scheme)


def matmul(operator: Operator) -> Value:
    """Multiply by weights on either side, or two run-time tensors."""
    operator.arity(2)
    a, b = operator.value(0), operator.value(1)
    _want_matrices(a, b)
    if isinstance(b, Constant):
        batched = any(n != 1 for n in b.shape[:-2])
        if _per_channel(b) or not (batched or _needs_zero_point(b)):
            return matmul_weights(operator)
    if isinstance(a, Constant) and len(a.shape) == 2 and not _needs_zero_point(a):
        return _from_left(operator, a, b)
    shape = (*want_broadcast(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    want_size(shape)
    return Product(operator.node, shape, (a, b))


def _want_matrices(a: Value, b: Value) -> None:
    """Refuse operands that do not fit together, and two constants."""
    if len(a.shape) < 2 or len(b.shape) < 2:
        if not isinstance(b, Constant) or len(b.shape) != 2 or _needs_zero_point(b):
            raise Refusal(
                f"it multiplies {list(a.shape)} by {list(b.shape)}, supported: matrices",
                "write vectors as matrices of one row",
            )
    elif a.shape[-1] != b.shape[-2]:
        raise contradiction(
            f"it multiplies {list(a.shape)} by {list(b.shape)}, "
            "expected as many rows in the second as columns in the first"
        )
    if isinstance(a, Constant) and isinstance(b, Constant):
        raise Refusal(
            "it multiplies two constants, expected a computed tensor",
            FOLD_CONSTANTS,
        )


def _per_channel(constant: Constant) -> bool:
    return constant.quant is not None and constant.quant.axis is not None


def _needs_zero_point(constant: Constant) -> bool:
    """True for weights that leave int8 without their zero point: they need a BatchMatMul."""
    if constant.quant is None or constant.scheme is None:
        return False
    data = constant.data.astype(np.int64) - int(constant.quant.zero_point[0])
    return bool(data.size and (data.min() < -128 or data.max() > 127))


def _from_left(operator: Operator, a: Constant, b: Value) -> Value:
    """Multiply weights [m, k] by x [.., k, n]: x transposed times weights, transposed back."""
    weights = int8_weights(a, axis=0)
    rank = len(b.shape)
    exchanged = (*range(rank - 2), rank - 1, rank - 2)
    between = permuted(b.shape, exchanged)
    count = weights.data.shape[0]
    out = (*between[:-1], count)
    want_size(out)

    x = moved_run_time(operator, b, transposed(exchanged, between), between)
    product = Linear(operator.node, out, (x,), weights, None)
    shape = permuted(out, exchanged)
    return moved_run_time(operator, product, transposed(exchanged, shape), shape)
