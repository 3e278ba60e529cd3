# SPDX-License-Identifier: Apache-2.0
"""Reads elementwise operators: one tensor gives a table, two give a node, none gives a constant.

The quantizer leaves chains of them in float. Such a chain is one function of its input: it is
evaluated on all 256 stored values, in float32 as onnxruntime does.
"""

from dataclasses import replace
from functools import cached_property

import numpy as np

from mcuforge.compiler.frontends.common import SCALE_LIMITS, contradiction
from mcuforge.compiler.frontends.onnx.layout import View
from mcuforge.compiler.frontends.onnx.ops.affine import Affine, affine_of
from mcuforge.compiler.frontends.onnx.ops.binary import BUILT, build_binary, want_broadcast
from mcuforge.compiler.frontends.onnx.ops.chain import (
    Computed,
    as_real_table,
    as_table,
    evaluate,
    float_source,
    leaves,
    name_of,
    told_apart,
)
from mcuforge.compiler.frontends.onnx.ops.convolution import Convolution
from mcuforge.compiler.frontends.onnx.ops.feeding import fed_through
from mcuforge.compiler.frontends.onnx.ops.functions import BINARY, UNARY, Unary
from mcuforge.compiler.frontends.onnx.ops.islands import layer_norm_of, norm_quotient_of
from mcuforge.compiler.frontends.onnx.ops.linear import Linear
from mcuforge.compiler.frontends.onnx.ops.masking import masked, without_infinite
from mcuforge.compiler.frontends.onnx.ops.moving import unrepeated
from mcuforge.compiler.frontends.onnx.ops.operator import Operator, want_size
from mcuforge.compiler.frontends.onnx.ops.transposed import Transposed
from mcuforge.compiler.frontends.onnx.values import (
    OFFSET,
    Constant,
    Interval,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import (
    EVERYTHING,
    Deferred,
    GraphBuilder,
    reach_of,
)
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.tensors import Array
from mcuforge.errors import Refusal

CLAMPS = ("Relu", "Clip")
PLAIN = (Convolution, Transposed, Linear, Affine)  # they clamp on their own
FUSED: tuple[tuple[float, float, Activation], ...] = (
    (0.0, np.inf, "relu"),
    (0.0, 6.0, "relu6"),
    (-1.0, 1.0, "relu_n1_to_1"),
)


class Elementwise(Computed):
    """A function of one or two values."""

    @cached_property
    def reach(self) -> Interval | None:
        """Bound it as a normalization where it is one: its parts reach farther than the whole."""
        found = layer_norm_of(self) or norm_quotient_of(self)
        return super().reach if found is None else found.reach

    def build(self, work: GraphBuilder, scheme: Scheme) -> View:
        table = as_table(work, self, scheme)
        if table is not None:
            return table
        fed = fed_through(self)
        if fed is not None:
            edge, steps = fed
            return work.fed(edge, scheme, steps)
        normal = layer_norm_of(self)
        if normal is not None:
            return normal.build(work, scheme)
        divided = norm_quotient_of(self)
        if divided is not None:
            return divided.build(work, scheme)
        affine = affine_of(self)
        if affine is not None:
            return affine.build(work, scheme)
        kind, inner = self.origin.op, self.x
        if kind in CLAMPS and isinstance(inner, Deferred):
            return self._clamped(work, inner, scheme)
        if kind == "Add":
            biased = _with_bias(*self.operands)
            if biased is not None:
                return biased.build(work, scheme)
        source = float_source(self)
        if source is not None:
            return self._looked_up(work, source, scheme)
        return self._binary(work, scheme, "none")

    def build_real(self, work: GraphBuilder) -> View | None:
        affine = affine_of(self)
        folded = None if affine is None else affine.folded
        if folded is not None:
            return folded.build_real(work)
        return as_real_table(work, self)

    def _looked_up(self, work: GraphBuilder, source: Deferred, scheme: Scheme) -> View:
        """Give the only float result that the chain reads a scale, then look the chain up."""
        stored = work.settled(source, within=told_apart(self, source, scheme))
        table = scheme.store(evaluate(self, {source: stored.scheme.reals()}))
        view = View(stored.view.tensor, stored.view.perm, self.shape)
        return work.looked_up(name_of(self), view, table, scheme)

    @property
    def takes_activation(self) -> bool:
        """True where it becomes a node of two operands, which can also clamp."""
        sums = self.origin.op in ("Add", "Sub", "Mul")
        several = len({id(leaf.view.tensor) for leaf in leaves(self)}) != 1
        return sums and several and _with_bias(*self.operands) is None

    def _binary(self, work: GraphBuilder, scheme: Scheme, act: Activation) -> View:
        kind = self.origin.op
        if kind not in BUILT:
            raise Refusal(
                f"{kind} of two run-time tensors is not supported",
                f"use {', '.join(BUILT)}, or {kind} by a single number",
            )
        a, b = (
            _fitting(value) if isinstance(value, Constant) else work.settled(value, within=needed)
            for value, needed in zip(self.operands, self._needed(scheme), strict=True)
        )
        return build_binary(work, kind, (a, b), self.shape, scheme, act)

    def _needed(self, scheme: Scheme) -> tuple[Interval, Interval]:
        """Bound each operand's values beyond which a result on `scheme` stays at its limit."""
        kind, (a, b) = self.origin.op, self.operands
        first, second = reach_of(a), reach_of(b)
        if kind not in ("Add", "Sub") or first is None or second is None:
            return EVERYTHING, EVERYTHING
        low, high = (float(end) for end in scheme.reals()[[0, -1]])
        if kind == "Add":
            return (low - second[1], high - second[0]), (low - first[1], high - first[0])
        return (low + second[0], high + second[1]), (first[0] - high, first[1] - low)

    def _clamped(self, work: GraphBuilder, inner: Deferred, scheme: Scheme) -> View:
        """Build a clamp right after an operator: as the operator's activation, else as a table."""
        limits = self.function(np.array([-np.inf, np.inf], np.float32)).astype(np.float32)
        for low, high, act in FUSED:
            if (low, high) == (limits[0], limits[1]):
                plain = inner if isinstance(inner, PLAIN) else None
                if isinstance(inner, Elementwise) and as_table(work, inner, scheme) is None:
                    plain = affine_of(inner)
                if plain is not None:
                    with work.at(inner.origin):
                        return replace(plain, act=act).build(work, scheme)
                if isinstance(inner, Elementwise) and inner.takes_activation:
                    with work.at(inner.origin):
                        return inner._binary(work, scheme, act)
        kind, view = self.origin.op, work.realize(inner, scheme)
        low, high = (int(v) for v in scheme.store(limits))
        if (low, high) == (-128, 127):
            return view
        table = np.clip(np.arange(-128, 128), low, high).astype(np.int8)
        return work.looked_up(kind.lower(), view, table, scheme)


def _fitting(constant: Constant) -> Constant:
    """Return a constant operand without its scale in the file where that is beyond all others."""
    scheme = constant.scheme
    if scheme is None or scheme.scale <= SCALE_LIMITS[1]:
        return constant
    return Constant(constant.name, constant.float)


def _with_bias(a: Value, b: Value) -> Deferred | None:
    """Give a product the constant added to it as its bias; None where they do not fit."""
    for product, bias in ((a, b), (b, a)):
        if isinstance(product, Linear) and isinstance(bias, Constant) and product.bias is None:
            count = product.shape[-1]
            if bias.data.size in (1, count) and bias.shape[-1:] in ((), (1,), (count,)):
                return replace(product, bias=bias)
    return None


def unary(operator: Operator) -> Value:
    """Read a function of one value; Clip also has constant bounds."""
    operator.arity(1, 3 if operator.node.op == "Clip" else 1)
    x = operator.value(0)
    function = UNARY[operator.node.op](operator)
    stored = isinstance(x, Stored) and not x.real and x.scheme.dtype in OFFSET
    if isinstance(x, Stored) and stored and operator.node.op in CLAMPS:
        return _clamped_integers(operator, x, function)
    if isinstance(x, Constant):
        with np.errstate(all="ignore"):
            result = function(x.real)
            return Constant(x.name, _like(x.data, np.asarray(result), x.quant is not None))
    return Elementwise(operator.node, x.shape, (x,), function)


def _clamped_integers(operator: Operator, x: Stored, function: Unary) -> Stored:
    """Clamp integers between QuantizeLinear and DequantizeLinear, as narrow ranges are spelled."""
    offset = OFFSET[x.scheme.dtype]
    values = np.arange(-128, 128, dtype=np.float32) + offset
    table = (np.clip(function(values), offset - 128, offset + 127) - offset).astype(np.int8)
    low, high = operator.work.limits(x.view.tensor)
    if (table[low + 128 : high + 129] == np.arange(low, high + 1)).all():
        return x
    with operator.work.at(operator.node):
        view = operator.work.looked_up("clip", x.view, table, x.scheme)
    return Stored(view, x.scheme, real=False)


def binary(operator: Operator) -> Value:
    """Read a function of two values; Max and Min may have more, which are taken in turn."""
    kind = operator.node.op
    many = kind in ("Max", "Min")
    operator.arity(1 if many else 2, 16 if many else 2)
    value = operator.value(0)
    for place in range(1, len(operator.inputs)):
        value = _pair(operator, value, operator.value(place))
    return value


def _pair(operator: Operator, a: Value, b: Value) -> Value:
    shape = want_broadcast(a.shape, b.shape)
    if isinstance(a, Constant) and isinstance(b, Constant):
        want_size(shape, constant=True)
        return _folded(operator.node.op, a, b)
    want_size(shape)
    if want_broadcast(unrepeated(a).shape, unrepeated(b).shape) == shape:
        a, b = unrepeated(a), unrepeated(b)
    for operand in (a, b):
        if isinstance(operand, Constant) and operand.is_real and np.isnan(operand.float).all():
            return Constant(operand.name, np.full(shape, np.nan, np.float32))
    made = Elementwise(operator.node, shape, (a, b), BINARY[operator.node.op])
    return _without_infinite(made) if operator.node.op in ("Add", "Sub") else made


def _without_infinite(made: Elementwise) -> Value:
    """Return a sum whose constant is infinite somewhere as a choice between infinity and a sum."""
    for place, operand in enumerate(made.operands):
        found = without_infinite(operand) if isinstance(operand, Constant) else None
        if found is None:
            continue
        mask, fill, rest = found
        turned = made.origin.op == "Sub" and place == 1
        if turned:
            fill = Constant(fill.name, -fill.data)
        other = made.operands[1 - place]
        if rest.data.any() or (made.origin.op == "Sub" and place == 0):
            both = (rest, other) if place == 0 else (other, rest)
            other = Elementwise(made.origin, made.shape, both, made.function)
        return masked(made.origin, made.shape, mask, fill, other)
    return made


def _folded(kind: str, a: Constant, b: Constant) -> Constant:
    """Compute the result of two constants; integers of shapes stay integers."""
    integer = all(not c.is_real for c in (a, b))
    with np.errstate(all="ignore"):
        divisors = b.data.astype(np.int64) if integer else np.ones(1, np.int64)
        if (kind == "Div" and (divisors == 0).any()) or (kind == "Pow" and (divisors < 0).any()):
            raise contradiction("it divides a constant by zero, expected another divisor")
        if integer and kind == "Div":
            exact = a.data.astype(np.int64), b.data.astype(np.int64)
            quotient = np.abs(exact[0]) // np.abs(exact[1])
            return Constant(a.name, quotient * np.sign(exact[0]) * np.sign(exact[1]))
        if integer:
            result = BINARY[kind](a.data, b.data)  # type: ignore[arg-type]
            return Constant(a.name, result)
        result = BINARY[kind](a.real, b.real)
    return Constant(a.name or b.name, _like(a.data, np.asarray(result), True))


def _like(data: Array, result: Array, real: bool) -> Array:
    """Cast a folded result to its operand's type; dequantized operands give float32."""
    return result.astype(np.float32 if real and data.dtype.kind != "f" else data.dtype)
