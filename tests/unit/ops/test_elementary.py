# SPDX-License-Identifier: Apache-2.0
"""Elementary functions give the float nearest to the exact result, on every machine."""

from __future__ import annotations

import ctypes
import hashlib
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.common.elementary import Float32, exact, rounded

ONE_ARGUMENT: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "expm1": math.expm1,
    "log": lambda x: math.log(x) if x > 0 else math.nan,
    "tanh": math.tanh,
    "erf": math.erf,
    "erfc": math.erfc,
    "softplus": lambda x: math.log1p(math.exp(x)),
    "sin": math.sin,
    "cos": math.cos,
}
X = np.concatenate([np.arange(-1001, 1001) / 49, np.ldexp(1.37, np.arange(-100, 5))]).astype(
    np.float32
)


def function(name: str) -> Callable[[Float32], Float32]:
    found: Callable[[Float32], Float32] = getattr(elementary, name)
    return found


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_the_nearest_float32_is_given(name: str) -> None:
    got = function(name)(X)
    assert got.dtype == np.float32
    assert got.shape == X.shape
    want = np.array([ONE_ARGUMENT[name](float(v)) for v in X])  # to some units of float64
    known = ~np.isnan(want)
    x, got, want = X[known], got[known], want[known]
    below = np.nextafter(got, np.float32(-np.inf)).astype(np.float64)
    above = np.nextafter(got, np.float32(np.inf)).astype(np.float64)
    near = np.abs(got - want) <= 0.5000001 * np.maximum(above - got, got - below)
    assert near.all(), x[~near][:5]


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("exp", {-np.inf: 0.0, np.inf: np.inf, 0.0: 1.0, -104.0: 0.0, 89.0: np.inf}),
        ("expm1", {-np.inf: -1.0, np.inf: np.inf, -0.0: -0.0}),
        ("log", {np.inf: np.inf, 0.0: -np.inf, 1.0: 0.0}),
        ("tanh", {-np.inf: -1.0, np.inf: 1.0, -0.0: -0.0, 1e30: 1.0}),
        ("erf", {-np.inf: -1.0, np.inf: 1.0, -0.0: -0.0}),
        ("erfc", {-np.inf: 2.0, np.inf: 0.0, 0.0: 1.0, 11.0: 0.0, -10.0: 2.0}),
        ("softplus", {-np.inf: 0.0, np.inf: np.inf, 1e30: 1e30}),
    ],
)
def test_ends_and_zeros(name: str, at: dict[float, float]) -> None:
    x = np.array(list(at), np.float32)
    want = np.array(list(at.values()), np.float32)
    got = function(name)(x)
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


def test_what_has_no_result_is_nan() -> None:
    nan = np.array([np.nan], np.float32)
    assert all(np.isnan(function(name)(nan)).all() for name in ONE_ARGUMENT)
    assert np.isnan(elementary.log(np.array([-1.0, -np.inf], np.float32))).all()
    infinite = np.array([np.inf, -np.inf], np.float32)
    assert np.isnan(elementary.sin(infinite)).all()
    assert np.isnan(elementary.cos(infinite)).all()


def test_shapes_and_dtypes_are_kept() -> None:
    x = np.arange(6, dtype=np.float64).reshape(2, 3).T
    got = elementary.exp(x)
    assert (got.dtype, got.shape) == (np.dtype(np.float64), (3, 2))
    np.testing.assert_allclose(got, np.exp(x), rtol=1e-15)


def test_single_numbers_stay_arrays() -> None:
    two, three = np.array(2.0, np.float32), np.array(3.0, np.float32)
    power = elementary.power(two, three)
    assert (power.shape, float(power)) == ((), 8.0)
    root = elementary.exp(np.array(0.0, np.float32))
    assert isinstance(root, np.ndarray)
    assert (root.shape, float(root)) == ((), 1.0)


def test_results_of_float64_are_the_nearest() -> None:
    x = np.concatenate([np.linspace(-750, 715, 300), -np.arange(256) / 7])
    want = [rounded(exact().exp(exact().mpf(v)), x.dtype) for v in x.tolist()]
    np.testing.assert_array_equal(elementary.exp(x), want)


def test_powers_are_the_nearest_float32() -> None:
    rng = np.random.default_rng(0)
    x = np.exp(rng.normal(0, 2, 300)).astype(np.float32)
    for exponent in (-2.0, -0.5, 0.5, 1.0, 1.7, 2.0, 3.0):
        y = np.array([exponent], np.float32)
        got = elementary.power(x, y)
        for a, p in zip(x.tolist(), got.tolist(), strict=True):
            if exponent in (-2.0, 1.0, 2.0, 3.0):
                want = Fraction(a) ** int(exponent)
                assert np.float32(p) == rounded(
                    exact().mpf(want.numerator) / want.denominator, np.dtype(np.float32)
                )
            else:
                assert p == pytest.approx(a ** float(y[0]), rel=2**-24 * 1.001)


def test_powers_have_the_special_cases_of_c() -> None:
    a = np.array([0, 0, -0.0, -2, -2, -8, np.inf, 1, np.nan, 2, 1e38, 1e-38], np.float32)
    b = np.array([0, -1, -1, 3, 2, 0.5, -1, np.nan, 0, 200, 3e38, 3e38], np.float32)
    want = [1, np.inf, -np.inf, -8, 4, np.nan, 0, 1, 1, np.inf, np.inf, 0]
    np.testing.assert_array_equal(elementary.power(a, b), np.array(want, np.float32))


@pytest.mark.parametrize("seed", range(4))
def test_rounding_is_that_of_the_processor(seed: int) -> None:
    rng = np.random.default_rng(seed)
    patterns = rng.integers(0, 2**64, 2000, np.uint64, endpoint=False).view(np.float64)
    near = np.ldexp(rng.uniform(0.5, 1, 2000), rng.integers(-155, 130, 2000))
    ties = rng.integers(1, 2**25, 500) * 2.0**-150
    for value in (*patterns[np.isfinite(patterns)], *near, *ties):
        with np.errstate(all="ignore"):
            want = np.float32(value)
        got = rounded(exact().mpf(float(value)), np.dtype(np.float32))
        assert np.float32(got) == want


def test_the_bits_are_those_every_machine_gives() -> None:
    digest = hashlib.sha256()
    for name in ONE_ARGUMENT:
        digest.update(function(name)(X).tobytes())
    digest.update(elementary.power(np.abs(X) + 1, X / 7).tobytes())
    assert digest.hexdigest()[:16] == "d7b49d7785ea7e71"


def test_a_c_library_is_within_two_units_in_the_last_place() -> None:
    library = ctypes.CDLL(None)
    for name in ("exp", "log", "tanh", "erfc"):
        x = np.abs(X) + 1 if name == "log" else X
        prototype = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)
        theirs = prototype((f"{name}f", library))
        asked = np.array([theirs(float(v)) for v in x], np.float32)
        ours = function(name)(x)
        assert np.all(np.abs(asked - ours) <= 2 * np.spacing(np.abs(ours)))
