# SPDX-License-Identifier: Apache-2.0
"""Chooses between values by a constant mask: Where, masked_fill, sums with a mask of -inf."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.common import SCALE_LIMITS, contradiction
from mcuforge.compiler.frontends.onnx.file import OnnxNode
from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.ops.binary import build_binary
from mcuforge.compiler.frontends.onnx.ops.chain import Computed
from mcuforge.compiler.frontends.onnx.values import (
    Constant,
    ConstantQuant,
    Float,
    Interval,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import Deferred, GraphBuilder, reach_of, united

BELOW = 16.0  # exp(-16) is 1e-7: what lies so far below every score has probability 0
LOW, HIGH = -128, 127
Mask = NDArray[np.bool_]
Int8 = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Masked(Deferred):
    """The first operand where `mask` is set, else the second; the mask broadcasts to the shape.

    One of the two may be a constant, with infinite numbers too.
    """

    mask: Mask

    @property
    def reach(self) -> Interval | None:
        """Bound it; an infinite number counts as one that is far beyond all others."""
        known = united(reach_of(v) for v in self.operands if self._reached(v))
        fill = self.fill
        if known is None or fill is None:
            return known
        low = known[0] - BELOW if np.isneginf(fill).any() else known[0]
        high = known[1] + BELOW if np.isposinf(fill).any() else known[1]
        return (low, high)

    @property
    def scores(self) -> Interval | None:
        """Bound what a softmax tells apart: numbers far below all others are equal to it."""
        others = united(reach_of(v) for v in self.operands if not isinstance(v, Constant))
        whole = self.reach
        if others is None or whole is None:
            return None
        return (max(whole[0], others[0] - BELOW), whole[1])

    @property
    def fill(self) -> Float | None:
        """The numbers of the constant operand where they are chosen: float32 (n,).

        None without a constant operand.
        """
        for value, chosen in zip(self.operands, (self.mask, ~self.mask), strict=True):
            if isinstance(value, Constant):
                return np.broadcast_to(value.float, self.shape)[np.broadcast_to(chosen, self.shape)]
        return None

    @property
    def infinite(self) -> Mask:
        """Tell where it is infinite, or NaN: bool of the whole shape."""
        sides = [v.float if isinstance(v, Constant) else np.zeros(1) for v in self.operands]
        return np.broadcast_to(~np.isfinite(np.where(self.mask, *sides)), self.shape)

    def _reached(self, value: Value) -> bool:
        """False for a constant without a finite number."""
        return not isinstance(value, Constant) or bool(np.isfinite(value.float).any())

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        a, b = self.operands
        if isinstance(a, Constant):
            return self._filled(work, b, a, self.mask, scheme)
        if isinstance(b, Constant):
            return self._filled(work, a, b, ~self.mask, scheme)
        halves = []
        for value, chosen in ((a, self.mask), (b, ~self.mask)):
            limit = np.where(chosen, HIGH, LOW).astype(np.int8)
            halves.append(self._bounded(work, "Min", value, limit, scheme))
        return build_binary(work, "Max", (halves[0], halves[1]), self.shape, scheme, "none")

    def _filled(
        self, work: GraphBuilder, value: Value, fill: Constant, chosen: Mask, scheme: Scheme
    ) -> View:
        """Put `fill` where `chosen` is set: a minimum and a maximum with constants."""
        numbers = scheme.store(fill.float)
        number = np.broadcast_to(numbers, np.broadcast_shapes(numbers.shape, chosen.shape))
        low, high = (np.where(chosen, number, end).astype(np.int8) for end in (LOW, HIGH))
        met = Stored(work.realize(value, scheme), scheme, real=True)
        if (high < HIGH).any():
            met = self._bounded(work, "Min", met, high, scheme)
        if (low > LOW).any():
            met = self._bounded(work, "Max", met, low, scheme)
        if met.shape != self.shape:  # nothing was bounded, but the mask broadcasts
            met = self._bounded(work, "Min", met, np.full(self.shape, HIGH, np.int8), scheme)
        return met.view

    def _bounded(
        self, work: GraphBuilder, kind: str, value: Value, limit: Int8, scheme: Scheme
    ) -> Stored:
        """Bound a value by int8 constants on `scheme`."""
        view = work.realize(value, scheme)
        quant = ConstantQuant(np.array([scheme.scale]), np.array([scheme.zero_point]), None)
        shape = tuple(int(n) for n in np.broadcast_shapes(view.shape, limit.shape))
        operands = (Stored(view, scheme, real=True), Constant("mask", limit, quant))
        return Stored(build_binary(work, kind, operands, shape, scheme, "none"), scheme, real=True)


def scores_of(x: Value, axis: int) -> Value:
    """Return what a softmax along `axis` reads, a sum with a mask as a choice of what counts.

    What the mask lowers far below all others of its row has probability 0: it needs no scale.
    """
    if not isinstance(x, Computed) or x.origin.op not in ("Add", "Sub") or len(x.operands) != 2:
        return x
    for place, term in enumerate(x.operands):
        bound = reach_of(x.operands[1 - place])
        first = x.origin.op == "Sub" and place == 0
        if not isinstance(term, Constant) or bound is None or first:
            continue
        numbers = term.float.reshape((1,) * (len(x.shape) - len(term.shape)) + term.shape)
        added = -numbers if x.origin.op == "Sub" else numbers
        far = added < added.max(axis=axis, keepdims=True) - (bound[1] - bound[0] + BELOW)
        if far.any():
            rest = Constant(term.name, np.where(far, np.float32(0), numbers))
            both = (rest, x.operands[1]) if place == 0 else (x.operands[0], rest)
            other = replace(x, operands=both) if rest.data.any() else x.operands[1 - place]
            fill = Constant(term.name, np.full(1, -np.inf, np.float32))
            return masked(x.origin, x.shape, far, fill, other)
    return x


def masked(node: OnnxNode, shape: Shape, mask: Mask, chosen: Value, other: Value) -> Value:
    """Return `chosen` where `mask` is set, else `other`; the value itself where it is one."""
    for value, everywhere in ((chosen, mask.all()), (other, not mask.any())):
        if everywhere and value.shape == shape:
            return value
    if isinstance(chosen, Constant) and isinstance(other, Constant):
        return Constant(other.name, np.where(mask, chosen.float, other.float))
    return Masked(node, shape, (chosen, other), mask)


def without_infinite(term: Constant) -> tuple[Mask, Constant, Constant] | None:
    """Split a term into where it is infinite, these infinities, and the rest with zeros there.

    All three have the term's shape, in bool, float32 and float32. Numbers beyond any scale, as the
    least float32, swallow what is added to them: they count as infinite. None where there are none.
    Raises Refusal for NaN.
    """
    numbers = term.float
    infinite = np.abs(numbers) > SCALE_LIMITS[1]
    if np.isnan(numbers).any():
        raise contradiction("a constant holds NaN, expected numbers and infinities")
    if not infinite.any():
        return None
    fill = Constant(term.name, np.where(infinite, numbers, np.float32(0)))
    return infinite, fill, Constant(term.name, np.where(infinite, np.float32(0), numbers))
