# SPDX-License-Identifier: Apache-2.0
"""float32 functions as this machine's C library rounds them.

TFLite's reference fills its 8-bit tables with the functions of the machine it runs on, and C
libraries differ in the last bit: glibc up to 2.40 rounds tanhf wrongly for one float in five, later
ones never. One table in some ten thousand shows it, by one step in one entry. Asking the same
library makes the compiled tables equal to the reference they are checked against.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def exp(x: Float32) -> Float32:
    """expf of each element of the (n,) vector `x`."""
    return _each("expf", x) if _has("expf") else exp_rounded(x)


def log(x: Float32) -> Float32:
    """logf of each element of the (n,) vector `x`, all positive."""
    return _each("logf", x) if _has("logf") else log_rounded(x)


def tanh(x: Float32) -> Float32:
    """tanhf of each element of the (n,) vector `x`."""
    return _each("tanhf", x) if _has("tanhf") else tanh_rounded(x)


def erfc(x: Float32) -> Float32:
    """erfcf of each element of the (n,) vector `x`."""
    return _each("erfcf", x) if _has("erfcf") else erfc_rounded(x)


def power(x: Float32, exponent: Float32) -> Float32:
    """powf of each pair of the two vectors, one of which may be a single number."""
    if not _has("powf"):
        return power_rounded(x, exponent)
    function: Callable[[float, float], float] = _function("powf", 2)
    pairs = zip(*np.broadcast_arrays(x, exponent), strict=True)
    return np.array([function(float(a), float(b)) for a, b in pairs], np.float32)


def exp_rounded(x: Float32) -> Float32:
    """exp in double, rounded to float32: where no C library can be asked."""
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(x.astype(np.float64)).astype(np.float32)


def log_rounded(x: Float32) -> Float32:
    """log in double, rounded to float32: where no C library can be asked."""
    return np.log(x.astype(np.float64)).astype(np.float32)


def power_rounded(x: Float32, exponent: Float32) -> Float32:
    """pow in double, rounded to float32: where no C library can be asked."""
    with np.errstate(all="ignore"):
        return np.power(x.astype(np.float64), exponent.astype(np.float64)).astype(np.float32)


def tanh_rounded(x: Float32) -> Float32:
    """tanh in double, rounded to float32: where no C library can be asked."""
    with np.errstate(under="ignore"):
        return np.tanh(x.astype(np.float64)).astype(np.float32)


def erfc_rounded(x: Float32) -> Float32:
    """erfc in double, rounded to float32: where no C library can be asked."""
    with np.errstate(under="ignore"):
        return np.array([math.erfc(float(v)) for v in x]).astype(np.float32)


def _has(name: str) -> bool:
    try:
        return hasattr(ctypes.CDLL(None), name)
    except (OSError, TypeError):  # Windows has no namespace of everything loaded
        return False


def _each(name: str, x: Float32) -> Float32:
    function: Callable[[float], float] = _function(name)
    return np.array([function(float(v)) for v in x], np.float32)


def _function(name: str, arguments: int = 1) -> Callable[..., float]:
    prototype = ctypes.CFUNCTYPE(ctypes.c_float, *(ctypes.c_float,) * arguments)
    return prototype((name, ctypes.CDLL(None)))
