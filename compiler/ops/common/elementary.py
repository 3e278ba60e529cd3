# SPDX-License-Identifier: Apache-2.0
"""Elementary functions of floats, correctly rounded: the same bits on every machine.

TFLite's interpreters fill their 8-bit tables with the C library of the machine they run on, and C
libraries differ in the last bit: glibc up to 2.40 rounds tanhf wrongly for one float in six, later
versions never. numpy picks its own code by the processor. The value nearest to the exact result
depends on none of them. About one table of 256 bytes in ten thousand shows the difference, by one
step in one entry; `judges/witness.py` recognizes it.

Every function takes and returns an array of one floating dtype, float32 almost everywhere.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import mpmath
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
F = TypeVar("F", bound=NDArray[np.floating[Any]])

EXACT = mpmath.MPContext()
EXACT.prec = 200  # bits: no known float64 argument has a result nearer to a tie than 2**-120


def exp(x: F) -> F:
    """Compute e to the power of each element, in x's shape and dtype."""
    # beyond these every result is infinite or 0 in float32 and float64 alike
    return _each(_exp, x, (0.0, np.inf))


def expm1(x: F) -> F:
    """Compute exp(x) - 1 in x's shape and dtype, without cancellation near 0."""
    return _each(_expm1, x, (-1.0, np.inf))


def log(x: F) -> F:
    """Compute the natural logarithm in x's shape and dtype; -inf for 0 and NaN below it."""
    return _each(_log, x, (np.nan, np.inf))


def tanh(x: F) -> F:
    """Compute the hyperbolic tangent of each element, in x's shape and dtype."""
    return _each(_tanh, x, (-1.0, 1.0))


def erf(x: F) -> F:
    """Compute the error function of each element, in x's shape and dtype."""
    return _each(_erf, x, (-1.0, 1.0))


def erfc(x: F) -> F:
    """Compute 1 - erf(x) in x's shape and dtype, without cancellation far above 0."""
    return _each(_erfc, x, (2.0, 0.0))


def softplus(x: F) -> F:
    """Compute log(1 + exp(x)) of each element, in x's shape and dtype."""
    return _each(_softplus, x, (0.0, np.inf))


def sin(x: F) -> F:
    """Compute the sine of each element, in radians, in x's shape and dtype."""
    return _each(EXACT.sin, x, (np.nan, np.nan))


def cos(x: F) -> F:
    """Compute the cosine of each element, in radians, in x's shape and dtype."""
    return _each(EXACT.cos, x, (np.nan, np.nan))


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
    limits = np.finfo(dtype)
    _, exponent = EXACT.frexp(value)
    # subnormal numbers have fewer bits
    unit = max(int(exponent) - limits.nmant - 1, int(limits.minexp) - limits.nmant)
    steps = int(EXACT.nint(EXACT.ldexp(value, -unit)))
    if steps.bit_length() + unit > limits.maxexp:
        return float(np.copysign(np.inf, steps))
    return float(EXACT.ldexp(steps, unit))


def _each(function: Callable[[Any], Any], x: F, at_infinity: tuple[float, float]) -> F:
    """Apply `function` to every element; at_infinity: its values at -inf and inf. NaN stays."""
    bits = np.ascontiguousarray(x).view(f"i{x.dtype.itemsize}")  # as bytes, -0 differs from 0
    values, places = np.unique(bits, return_inverse=True)
    results = _of_values(function, values.tobytes(), x.dtype, at_infinity)
    shaped: F = results[places.reshape(-1)].reshape(x.shape)
    return shaped


@lru_cache(maxsize=256)  # the compiler asks for a table again in every form that its layer may take
def _of_values(
    function: Callable[[Any], Any],
    values: bytes,
    dtype: np.dtype[Any],
    at_infinity: tuple[float, float],
) -> NDArray[Any]:
    """Apply `function` to the values whose bytes are given; the result is read-only."""
    results = np.frombuffer(values, dtype).copy()
    for i, v in enumerate(results.tolist()):
        if np.isinf(v):
            results[i] = at_infinity[v > 0]
        elif not np.isnan(v):
            found = function(EXACT.mpf(v))
            exact = found if isinstance(found, float) else rounded(found, dtype)
            results[i] = v if v == exact == 0 else exact
    results.flags.writeable = False
    return results


def _within(low: int, high: int, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Limit the argument of `function`: beyond, its results are the same in float64."""
    return lambda v: function(min(max(v, low), high))


_exp = _within(-800, 800, EXACT.exp)
_expm1 = _within(-800, 800, EXACT.expm1)
_tanh = _within(-40, 40, EXACT.tanh)
_erf = _within(-8, 8, EXACT.erf)
_erfc = _within(-8, 30, EXACT.erfc)


def _log(v: Any) -> Any:
    if v > 0:
        return EXACT.log(v)
    return -np.inf if v == 0 else np.nan


def _softplus(v: Any) -> Any:
    return max(v, EXACT.zero) + EXACT.log1p(EXACT.exp(-min(abs(v), 800)))


def _power(base: float, exponent: float) -> Any:
    """Compute base ** exponent, both finite; base not 0, negative only for integer exponents."""
    size = EXACT.power(abs(base), exponent)
    return -size if base < 0 and exponent % 2 == 1 else size
