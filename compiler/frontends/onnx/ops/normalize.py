# SPDX-License-Identifier: Apache-2.0
"""Reads LayerNormalization, as one operator or as float operators, Softmax and LogSoftmax."""

import math
from dataclasses import dataclass
from math import prod

import numpy as np

from mcuforge.compiler.frontends.common import contradiction, resolve_axis
from mcuforge.compiler.frontends.onnx.layout import Shape, View, inverse, permuted
from mcuforge.compiler.frontends.onnx.ops.masking import Masked, scores_of
from mcuforge.compiler.frontends.onnx.ops.moving import shaped, transposed
from mcuforge.compiler.frontends.onnx.ops.operator import FOR_INFERENCE, Operator
from mcuforge.compiler.frontends.onnx.values import (
    Constant,
    Float,
    Interval,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import EVERYTHING, Deferred, GraphBuilder, reach_of
from mcuforge.compiler.ops.common.elementary import exp
from mcuforge.compiler.ops.layer_norm import LayerNorm
from mcuforge.compiler.ops.log_softmax import LogSoftmax
from mcuforge.compiler.ops.softmax_qdq import SoftmaxQdq
from mcuforge.errors import Refusal


def along_last(work: GraphBuilder, view: View) -> View:
    """Store the last axis of `view` last in memory; nothing moves where it already is."""
    if view.in_order and view.tensor.shape[-1:] == view.shape[-1:]:
        return view
    view = work.aligned(view)
    return view if view.perm[-1] == len(view.perm) - 1 else work.ordered(view)


@dataclass(frozen=True, eq=False)
class Normalized(Deferred):
    """x normalized over its last `length` elements, times gamma, plus beta.

    `about_zero`: by the root of its mean square, without its mean. `block`: gamma and beta have one
    element for each so many elements of x, which lie in the file's order.
    """

    length: int
    epsilon: float
    gamma: Constant
    beta: Constant
    about_zero: bool = False
    block: int = 0

    @property
    def reach(self) -> Interval | None:
        most = float(np.abs(self.gamma.real).max()) * math.sqrt(self.length)
        most += float(np.abs(self.beta.real).max())
        return (-most, most)

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        view = work.settled(self.x).view
        rows = (prod(view.shape) // self.length, self.length)
        shape = view.shape if view.shape[-1:] == rows[1:] else rows
        view = along_last(work, View(view.tensor, view.perm, shape))
        count = prod(rows) // self.block if self.block else self.length
        gamma, beta = (
            work.constant(c, f"float {count}", self._spread(c, count))
            for c in (self.gamma, self.beta)
        )
        op = LayerNorm(self.epsilon, self.about_zero, self.block)
        output = work.emit(op, (view.tensor, gamma, beta), view.tensor.shape, scheme)
        return View(output, view.perm, self.shape)

    def _spread(self, constant: Constant, count: int) -> Float:
        """Spread gamma or beta: float32 (count,)."""
        with np.errstate(over="ignore"):
            flat = constant.real.reshape(-1).astype(np.float32)
        return np.broadcast_to(flat, (count,))


@dataclass(frozen=True, eq=False)
class Across(Deferred):
    """x normalized over any of its axes, times gamma, plus beta.

    axes: in order. gamma and beta have one element, or one per element of these axes.
    `about_zero`: by the root of its mean square, without its mean.
    """

    axes: Shape
    epsilon: float
    gamma: Constant
    beta: Constant
    about_zero: bool = False

    @property
    def reach(self) -> Interval | None:
        return self._turned((self.x,)).reach

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        x, perm = work.settled(self.x), self._perm
        view = transposed(perm, permuted(self.shape, perm))(work, x.view)
        made = self._turned((Stored(view, x.scheme, real=True),))
        return transposed(inverse(perm), self.shape)(work, made.build(work, scheme))

    @property
    def _perm(self) -> Shape:
        """The axes in an order in which `axes` come last."""
        return (*(i for i in range(len(self.shape)) if i not in self.axes), *self.axes)

    def _turned(self, operands: tuple[Value, ...]) -> Normalized:
        """Normalize operands whose axes are in the order `_perm`."""
        length = prod(self.shape[axis] for axis in self.axes)
        constants = (length, self.epsilon, self.gamma, self.beta, self.about_zero)
        return Normalized(self.origin, permuted(self.shape, self._perm), operands, *constants)


def layer_normalization(operator: Operator) -> Value:
    """Read inputs x, scale, bias; over `axis` and all axes after it."""
    operator.arity(2, 3, outputs=3)
    if any(operator.node.outputs[1:]):
        raise Refusal(
            "the model reads its mean or deviation, supported: its first output", FOR_INFERENCE
        )
    x = operator.value(0)
    axis = resolve_axis(operator.int_of("axis", -1), len(x.shape))
    gamma = operator.constant(1)
    beta = operator.constant(2) if operator.has(2) else Constant("zero", np.zeros(1, np.float32))
    epsilon, length = operator.float_of("epsilon", 1e-5), prod(x.shape[axis:])
    want_per_element(("scale", gamma), ("bias", beta), shape=x.shape[axis:])
    return Normalized(operator.node, x.shape, (x,), length, epsilon, gamma, beta)


def want_per_element(*constants: tuple[str, Constant], shape: Shape) -> None:
    """Refuse constants, named, with neither one element nor one for each of `shape`."""
    for name, constant in constants:
        met = constant.shape
        ones = (1,) * (len(met) - len(shape)), (1,) * (len(shape) - len(met))
        if constant.data.size != 1 and (*ones[1], *met) != (*ones[0], *shape):
            raise contradiction(
                f"its {name} has shape {list(met)}, expected one value or {list(shape)}"
            )


@dataclass(frozen=True, eq=False)
class Softened(Deferred):
    """The softmax of x along an axis, or its logarithm."""

    axis: int
    log: bool = False

    @property
    def reach(self) -> Interval | None:
        if not self.log:
            return (0.0, 1.0)
        within = reach_of(self.x)
        if within is None:
            return None
        return (within[0] - within[1] - math.log(self.shape[self.axis]), 0.0)

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        x = scores_of(self.x, self.axis)
        apart = x.scores if isinstance(x, Masked) else None
        view = work.settled(x, within=apart or EVERYTHING, most=np.inf).view
        rank = len(view.shape)
        if self.axis == rank - 1:
            view = along_last(work, view)
        else:
            view = work.aligned(view)
            if view.perm[self.axis] != rank - 1:  # store the axis last, keep the others' order
                others = (axis for axis in inverse(view.perm) if axis != self.axis)
                view = work.ordered(view, inverse((*others, self.axis)))
        op = LogSoftmax() if self.log else SoftmaxQdq()
        output = work.emit(op, (view.tensor,), view.tensor.shape, scheme)
        return View(output, view.perm, self.shape)


def softmax(operator: Operator) -> Value:
    """Divide exp(x) by its sum along `axis`, the last by default; in old opsets from axis 1 on.

    LogSoftmax is the logarithm of that.
    """
    operator.arity(1)
    log = operator.node.op == "LogSoftmax"
    x = operator.value(0)
    old = operator.int_of("opset", operator.opset) < 13  # QLinearSoftmax says which one it means
    axis = resolve_axis(operator.int_of("axis", 1 if old else -1), len(x.shape))
    if old and prod(x.shape[axis + 1 :]) > 1:
        flat = shaped(operator, x, (prod(x.shape[:axis]), prod(x.shape[axis:])))
        return shaped(operator, Softened(operator.node, flat.shape, (flat,), 1, log), x.shape)
    if isinstance(x, Constant):
        with np.errstate(all="ignore"):
            powers = exp(x.real - x.real.max(axis=axis, keepdims=True))
            shares = powers / powers.sum(axis=axis, keepdims=True)
            result = np.log(shares) if log else shares
        return Constant(x.name, result.astype(np.float32))
    return Softened(operator.node, x.shape, (x,), axis, log)
