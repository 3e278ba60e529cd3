# SPDX-License-Identifier: Apache-2.0
"""Elementary functions of floats, correctly rounded: the same bits on every machine.

TFLite's interpreters fill their 8-bit tables with the C library of the machine they run on, and C
libraries differ in the last bit: glibc up to 2.40 rounds tanhf wrongly for one float in six, later
versions never. numpy picks its own code by the processor. The value nearest to the exact result
depends on none of them. About one table of 256 bytes in ten thousand shows the difference, by one
step in one entry; `judges/witness.py` recognizes it.

Every function takes and returns an array of one floating dtype, float32 almost everywhere.

Exact results take long. A result in float64 gives the nearest float32 unless it lies next to the
border between two of them, so only these few, and what stays float64, are computed exactly.
"""

import math
from collections.abc import Callable
from decimal import Context, Decimal
from functools import cache, lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
F = TypeVar("F", bound=NDArray[np.floating[Any]])
Function = Callable[[float], Any]  # its result exactly, or a float that is the nearest
Near = Callable[[float], float]

BITS = 200  # no known float64 argument has a result nearer to a tie than 2**-120
DIGITS = Context(prec=60)  # the same in decimals
FAR = 2.0**-40  # relative: C libraries are much nearer to the exact result in float64


@cache
def exact() -> Any:
    """The exact numbers of mpmath, which takes long to import."""
    import mpmath

    context = mpmath.MPContext()
    context.prec = BITS
    return context


def exp(x: F) -> F:
    """Compute e to the power of each element, in x's shape and dtype."""
    # beyond these every result is infinite or 0 in float32 and float64 alike
    return _each(_exp64 if x.dtype == np.float64 else _exp, x, (0.0, np.inf), math.exp)


def expm1(x: F) -> F:
    """Compute exp(x) - 1 in x's shape and dtype, without cancellation near 0."""
    return _each(_expm1, x, (-1.0, np.inf))


def log(x: F) -> F:
    """Compute the natural logarithm in x's shape and dtype; -inf for 0 and NaN below it."""
    return _each(_log, x, (np.nan, np.inf))


def tanh(x: F) -> F:
    """Compute the hyperbolic tangent of each element, in x's shape and dtype."""
    return _each(_tanh, x, (-1.0, 1.0), math.tanh)


def erf(x: F) -> F:
    """Compute the error function of each element, in x's shape and dtype."""
    return _each(_erf, x, (-1.0, 1.0), math.erf)


def erfc(x: F) -> F:
    """Compute 1 - erf(x) in x's shape and dtype, without cancellation far above 0."""
    return _each(_erfc, x, (2.0, 0.0))


def softplus(x: F) -> F:
    """Compute log(1 + exp(x)) of each element, in x's shape and dtype."""
    return _each(_softplus, x, (0.0, np.inf))


def sin(x: F) -> F:
    """Compute the sine of each element, in radians, in x's shape and dtype."""
    return _each(_sin, x, (np.nan, np.nan))


def cos(x: F) -> F:
    """Compute the cosine of each element, in radians, in x's shape and dtype."""
    return _each(_cos, x, (np.nan, np.nan))


def power(x: F, exponent: F) -> F:
    """Raise x to `exponent` with C99's special cases: their broadcast shape in x's dtype."""
    bases, exponents = np.broadcast_arrays(x, exponent)
    with np.errstate(all="ignore"):  # right if a base is 0 or an operand is not finite
        special = np.power(bases.astype(np.float64), exponents.astype(np.float64))
        result = np.array(special, dtype=x.dtype)  # numpy gives a scalar for 0-d arrays
    regular = np.isfinite(bases) & np.isfinite(exponents) & (bases != 0) & ~np.isnan(special)
    result[regular] = [
        rounded(_power(float(a), float(b)), x.dtype)
        for a, b in zip(bases[regular], exponents[regular], strict=True)
    ]
    return result  # type: ignore[return-value]  # it has x's dtype, which the stubs cannot say


def rounded(value: Any, dtype: np.dtype[Any]) -> float:
    """Round the finite mpmath number `value` to the nearest float of `dtype`, ties to even."""
    limits, context = np.finfo(dtype), exact()
    _, exponent = context.frexp(value)
    # subnormal numbers have fewer bits
    unit = max(int(exponent) - limits.nmant - 1, int(limits.minexp) - limits.nmant)
    steps = int(context.nint(context.ldexp(value, -unit)))
    if steps.bit_length() + unit > limits.maxexp:
        return float(np.copysign(np.inf, steps))
    return float(context.ldexp(steps, unit))


def _each(
    function: Function, x: F, at_infinity: tuple[float, float], near: Near | None = None
) -> F:
    """Apply `function` to every element; at_infinity: its values at -inf and inf. NaN stays.

    `near`: the same in float64, to less than FAR.
    """
    bits = np.ascontiguousarray(x).view(f"i{x.dtype.itemsize}")  # as bytes, -0 differs from 0
    values, places = np.unique(bits, return_inverse=True)
    results = _of_values(function, values.tobytes(), x.dtype, at_infinity, near)
    shaped: F = results[places.reshape(-1)].reshape(x.shape)
    return shaped


@lru_cache(maxsize=256)  # the compiler asks for a table again in every form that its layer may take
def _of_values(
    function: Function,
    values: bytes,
    dtype: np.dtype[Any],
    at_infinity: tuple[float, float],
    near: Near | None,
) -> NDArray[Any]:
    """Apply `function` to the values whose bytes are given; the result is read-only."""
    results = np.frombuffer(values, dtype).copy()
    for i, v in enumerate(results.tolist()):
        if np.isinf(v):
            results[i] = at_infinity[v > 0]
        elif not np.isnan(v):
            found = _nearest(near, v) if near is not None and dtype == np.float32 else None
            if found is None:
                found = function(v)
            result = found if isinstance(found, float) else rounded(found, dtype)
            results[i] = v if v == result == 0 else result
    results.flags.writeable = False
    return results


def _nearest(near: Near, v: float) -> float | None:
    """The float32 nearest to the exact result at v; None where float64 does not tell."""
    try:
        guess = near(v)
    except OverflowError:
        return None
    with np.errstate(over="ignore"):
        low, high = np.float32(guess * (1 - FAR)), np.float32(guess * (1 + FAR))
    return float(low) if low == high else None


def _within(low: int, high: int, name: str) -> Function:
    """The exact function of this name; beyond these arguments its results stay as in float64."""
    return lambda v: getattr(exact(), name)(exact().mpf(min(max(v, low), high)))


_exp = _within(-800, 800, "exp")
_expm1 = _within(-800, 800, "expm1")
_tanh = _within(-40, 40, "tanh")
_erf = _within(-8, 8, "erf")
_erfc = _within(-8, 30, "erfc")


def _exp64(v: float) -> float:
    """The float64 nearest to e to the power of v."""
    return float(DIGITS.exp(Decimal(min(max(v, -800), 800))))


def _sin(v: float) -> Any:
    return exact().sin(exact().mpf(v))


def _cos(v: float) -> Any:
    return exact().cos(exact().mpf(v))


def _log(v: float) -> Any:
    if v > 0:
        return exact().log(exact().mpf(v))
    return -np.inf if v == 0 else np.nan


def _softplus(v: float) -> Any:
    context = exact()
    return max(context.mpf(v), context.zero) + context.log1p(context.exp(-min(abs(v), 800)))


def _power(base: float, exponent: float) -> Any:
    """Compute base ** exponent, both finite; base not 0, negative only for integer exponents."""
    size = exact().power(abs(base), exponent)
    return -size if base < 0 and exponent % 2 == 1 else size
