# SPDX-License-Identifier: Apache-2.0
"""Finds normalizations in float operators, as exporters write them in parts.

d = x - mean(x); d / sqrt(mean(d * d) + epsilon) * gamma + beta, each step in any usual form.
"""

from math import prod, sqrt

import numpy as np

from mcuforge.compiler.frontends.onnx.layout import Shape
from mcuforge.compiler.frontends.onnx.ops.chain import Computed
from mcuforge.compiler.frontends.onnx.ops.moving import unrepeated
from mcuforge.compiler.frontends.onnx.ops.normalize import Across, Normalized
from mcuforge.compiler.frontends.onnx.ops.pooling import Meaned
from mcuforge.compiler.frontends.onnx.values import Constant, Stored, Value
from mcuforge.compiler.frontends.onnx.work import Deferred

ONE = Constant("one", np.ones(1, np.float32))
NEGLIGIBLE = 1000.0  # a term added to a norm counts as a floor this many times higher
ZERO = Constant("zero", np.zeros(1, np.float32))


def layer_norm_of(root: Deferred) -> Normalized | Across | None:
    """Find the layer normalization that a chain of float operators computes; None for others."""
    core: Value = root
    gamma, beta = ONE, ZERO
    shifted = _with_constant(core, "Add")
    if shifted is not None:
        core, beta = shifted
    scaled = _with_constant(core, "Mul")
    if scaled is not None:
        core, gamma = scaled
    parts = _quotient(core)
    if parts is None:
        return None
    centred, variance = parts
    x, axes = _centred(centred)
    floor = _with_constant(variance, "Add")
    if not isinstance(x, Stored) or floor is None or floor[1].data.size != 1:
        return None
    if not isinstance(floor[0], Meaned) or not _is_square_of(floor[0].x, x, axes):
        return None
    whole = axes == floor[0].axes and floor[0].keep and root.shape == x.shape
    if not whole or not all(_lies_along(c, axes, x.shape) for c in (gamma, beta)):
        return None
    epsilon = float(floor[1].real.reshape(-1)[0])
    if axes[0] + len(axes) != len(x.shape):
        return Across(root.origin, x.shape, (x,), axes, epsilon, gamma, beta)
    length = prod(x.shape[axes[0] :])
    return Normalized(root.origin, x.shape, (x,), length, epsilon, gamma, beta)


def _lies_along(constant: Constant, axes: Shape, shape: Shape) -> bool:
    """True for one number, and for one per element of `axes` of a tensor of `shape`."""
    along = tuple(n if axis in axes else 1 for axis, n in enumerate(shape))
    ones = (1,) * (len(shape) - len(constant.shape))
    return constant.data.size == 1 or (*ones, *constant.shape) == along


def norm_quotient_of(root: Deferred) -> Across | None:
    """Find x / sqrt(mean(x * x) + epsilon) * gamma or x / max(norm(x), floor); None for others.

    The floor only keeps a divisor from being 0: it lies below that of any other x.
    """
    core: Value = root
    gamma = ONE
    scaled = _with_constant(core, "Mul")
    if scaled is not None:
        core, gamma = scaled
    divided = _is(core, "Div")
    plain = _quotient(core)
    found = (*plain, 0.0) if plain else _floored(*divided) if len(divided) == 2 else None
    if found is None:
        return None
    x, square, floor = found
    shifted = _with_constant(square, "Add")
    epsilon = 0.0
    if shifted is not None and shifted[1].data.size == 1:
        square, epsilon = shifted[0], float(shifted[1].real.reshape(-1)[0])
    if not isinstance(x, Stored) or not isinstance(square, Meaned) or len(square.axes) != 1:
        return None
    if not square.keep or not _is_product_with_itself(square.x, x) or root.shape != x.shape:
        return None
    count = square.count
    fits = _lies_along(gamma, square.axes, x.shape)
    least = x.scheme.scale if square.total else x.scheme.scale / sqrt(count)
    if not fits or floor > least:
        return None
    if square.total:
        epsilon /= count
        gamma = Constant(gamma.name, gamma.real / sqrt(count))
    constants = (square.axes, epsilon, gamma, ZERO)
    return Across(root.origin, x.shape, (x,), *constants, about_zero=True)


def _floored(x: Value, divisor: Value) -> tuple[Value, Value, float] | None:
    """Return (x, v, floor) of x / max(sqrt(v), floor), the maximum in any spelling."""
    divisor = unrepeated(divisor)
    floor = 0.0
    largest = _with_constant(divisor, "Max") or _with_constant(divisor, "Add")
    if largest is not None and largest[1].data.size == 1:
        number = float(largest[1].real.reshape(-1)[0])
        floor = number if _is(divisor, "Max") else number * NEGLIGIBLE
        divisor = largest[0]
    elif _is(divisor, "Clip") and isinstance(divisor, Computed):
        ends = divisor.function(np.array([0, np.finfo(np.float32).max], np.float32))
        if ends[1] < np.finfo(np.float32).max:
            return None
        floor, divisor = float(ends[0]), divisor.x
    root = _power(unrepeated(divisor), 0.5)
    return None if root is None else (x, root, floor)


def _is_product_with_itself(value: Value, x: Value) -> bool:
    """True for x squared, as a power or a product."""
    power = _is(value, "Pow")
    if len(power) == 2 and _number(power[1]) == 2.0:
        return _same(power[0], x)
    factors = _is(value, "Mul")
    return len(factors) == 2 and all(_same(factor, x) for factor in factors)


def is_variance(value: Value) -> bool:
    """True for the mean square of x - mean(x), and for that plus a number.

    A quantizer that knows Add but not Pow and Sqrt quantizes these to 256 steps, too few for a
    variance. Only a layer normalization needs them, and it computes them exactly: the reader does
    not round them.
    """
    floor = _with_constant(value, "Add")
    if floor is not None and floor[1].data.size == 1:
        value = floor[0]
    if not isinstance(value, Meaned) or not value.keep:
        return False
    factors = _is(value.x, "Pow")[:1] or _is(value.x, "Mul")[:1]
    x, axes = _centred(factors[0]) if factors else (None, ())
    return isinstance(x, Stored) and axes == value.axes and _is_square_of(value.x, x, axes)


def _is(value: Value, kind: str) -> tuple[Value, ...]:
    """Return the operands of a value that `kind` computes; empty for any other."""
    if isinstance(value, Deferred) and value.origin.op == kind:
        return value.operands
    return ()


def _number(value: Value) -> float | None:
    """Return the number of a constant with one element; None for anything else."""
    if isinstance(value, Constant) and value.data.size == 1:
        return float(value.real.reshape(-1)[0])
    return None


def _with_constant(value: Value, kind: str) -> tuple[Value, Constant] | None:
    """Return the operands of a sum or product of a value and a constant; None for anything else."""
    operands = _is(value, kind)
    if len(operands) == 2:
        for one, other in (operands, operands[::-1]):
            if isinstance(other, Constant) and not isinstance(one, Constant):
                return one, other
    return None


def _quotient(value: Value) -> tuple[Value, Value] | None:
    """Return (d, v) of d / sqrt(v) or d * (1 / sqrt(v))."""
    divided = _is(value, "Div")
    if len(divided) == 2:
        root = _power(divided[1], 0.5)
        return None if root is None else (divided[0], root)
    product = _is(value, "Mul")
    if len(product) == 2:
        for one, other in (product, product[::-1]):
            inverse = _power(other, -0.5)
            if inverse is not None:
                return one, inverse
    return None


def _power(value: Value, exponent: float) -> Value | None:
    """Return v of v ** 0.5 or v ** -0.5."""
    value = unrepeated(value)
    power = _is(value, "Pow")
    if len(power) == 2 and _number(power[1]) == exponent:
        return power[0]
    if exponent > 0:
        root = _is(value, "Sqrt")
        return root[0] if root else None
    inverted = _is(value, "Reciprocal")
    if inverted:
        return _power(inverted[0], 0.5)
    divided = _is(value, "Div")
    if len(divided) == 2 and _number(divided[0]) == 1.0:
        return _power(divided[1], 0.5)
    return None


def _centred(value: Value) -> tuple[Value | None, tuple[int, ...]]:
    """Return (x, axes) of x - mean(x), where the mean keeps its axes."""
    parts = _is(value, "Sub")
    mean = parts[1] if len(parts) == 2 else None
    if isinstance(mean, Meaned) and mean.keep and _same(parts[0], mean.x):
        return parts[0], mean.axes
    return None, ()


def _is_square_of(value: Value, x: Value, axes: tuple[int, ...]) -> bool:
    """True for (x - mean(x)) squared."""
    power = _is(value, "Pow")
    if len(power) == 2 and _number(power[1]) == 2.0:
        factors: tuple[Value, ...] = (power[0],)
    else:
        factors = _is(value, "Mul")
    for factor in factors:
        inner, over = _centred(factor)
        if inner is None or not _same(inner, x) or over != axes:
            return False
    return len(factors) > 0


def _same(a: Value, b: Value) -> bool:
    """True for the same value, maybe under two names."""
    if isinstance(a, Stored) and isinstance(b, Stored):
        same = a.view.tensor is b.view.tensor and a.view.perm == b.view.perm
        return same and a.shape == b.shape
    return a is b
