# SPDX-License-Identifier: Apache-2.0
"""The rounding every operator rests on, against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.fixed_point import (
    Multiplier,
    activation_range,
    doubling_high_mul,
    output_multiplier,
    quantize_multiplier,
    quantize_real,
    requantize,
    rounding_shift_right,
    wrap_int32,
)
from mcuforge.compiler.tensors import DType, Quant, Tensor

LOWEST, HIGHEST = -(2**31), 2**31 - 1
INT32 = st.integers(LOWEST, HIGHEST) | st.sampled_from((LOWEST, -1, 0, 1, HIGHEST))
MANTISSA = st.integers(2**30, HIGHEST) | st.sampled_from((0, 2**30, HIGHEST))


def half_up(value: Fraction) -> int:
    """The nearest integer, halves upwards."""
    return math.floor(value + Fraction(1, 2))


def half_away(value: Fraction) -> int:
    """The nearest integer, halves away from zero."""
    return half_up(value) if value >= 0 else -half_up(-value)


def wrapped(value: int) -> int:
    """`value` in 32-bit two's complement."""
    return (value + 2**31) % 2**32 - 2**31


def requantized(x: int, multiplier: Multiplier) -> int:
    """TFLite's double rounding, in exact arithmetic."""
    left = wrapped(x * 2 ** max(multiplier.shift, 0))
    high = half_up(Fraction(left * multiplier.mantissa, 2**31))
    return half_away(Fraction(high, 2 ** max(-multiplier.shift, 0)))


@settings(deadline=None)
@given(st.floats(2.0**-31, 2.0**29, allow_subnormal=False))
def test_a_multiplier_is_the_nearest_with_a_31_bit_mantissa(real: float) -> None:
    multiplier = quantize_multiplier(real)
    value = Fraction(multiplier.mantissa) * Fraction(2) ** (multiplier.shift - 31)
    assert 2**30 <= multiplier.mantissa < 2**31
    assert abs(value - Fraction(real)) <= Fraction(2) ** (multiplier.shift - 32)


@pytest.mark.parametrize("exponent", range(-31, 30))
def test_powers_of_two_are_exact_multipliers(exponent: int) -> None:
    assert quantize_multiplier(2.0**exponent) == Multiplier(2**30, exponent + 1)


def test_a_mantissa_that_rounds_up_to_two_moves_into_the_shift() -> None:
    assert quantize_multiplier(math.nextafter(1.0, 0.0)) == Multiplier(2**30, 1)


def test_a_mantissa_half_way_rounds_up() -> None:
    half_way = (2**30 + 0.5) / 2**31
    assert quantize_multiplier(half_way) == Multiplier(2**30 + 1, 0)


@pytest.mark.parametrize("real", [0.0, 2.0**-40, 5e-324, math.nextafter(2.0**-32, 0.0) * 0.9])
def test_factors_too_small_for_a_shift_become_zero(real: float) -> None:
    assert quantize_multiplier(real) == Multiplier(0, 0)


@pytest.mark.parametrize("real", [2.0**30, 1e12, 1e300])
def test_factors_too_large_for_a_shift_saturate(real: float) -> None:
    assert quantize_multiplier(real) == Multiplier(2**31 - 1, 30)


@settings(deadline=None)
@given(INT32, INT32.filter(lambda m: m != LOWEST))
def test_the_high_product_rounds_halves_upwards(x: int, mantissa: int) -> None:
    assert int(doubling_high_mul(x, mantissa)) == half_up(Fraction(x * mantissa, 2**31))


def test_the_one_overflowing_product_saturates() -> None:
    assert int(doubling_high_mul(LOWEST, LOWEST)) == HIGHEST


def test_shifts_round_halves_away_from_zero_on_every_small_value() -> None:
    values = range(-600, 601)
    for shift in range(11):
        want = [half_away(Fraction(v, 2**shift)) for v in values]
        assert rounding_shift_right(np.array(values), shift).tolist() == want


@settings(deadline=None)
@given(INT32, st.integers(0, 31))
def test_shifts_round_halves_away_from_zero_anywhere(x: int, shift: int) -> None:
    assert int(rounding_shift_right(x, shift)) == half_away(Fraction(x, 2**shift))


@pytest.mark.parametrize("real", [0.0, 0.25, 0.5, 0.7, 1.0, 1.9999, 3.3, 1e-3, 1e-9])
def test_requantizing_equals_exact_arithmetic_on_every_small_value(real: float) -> None:
    multiplier = quantize_multiplier(real)
    values = range(-520, 521)
    got = requantize(np.array(values), multiplier.mantissa, multiplier.shift)
    assert got.tolist() == [requantized(v, multiplier) for v in values]


@settings(deadline=None, max_examples=300)
@given(INT32, MANTISSA, st.integers(-31, 30))
def test_requantizing_equals_exact_arithmetic_anywhere(x: int, mantissa: int, shift: int) -> None:
    assert int(requantize(x, mantissa, shift)) == requantized(x, Multiplier(mantissa, shift))


@settings(deadline=None)
@given(st.integers(-(2**20), 2**20), st.floats(2.0**-20, 2.0**8))
def test_requantizing_is_within_one_of_the_real_product(x: int, real: float) -> None:
    multiplier = quantize_multiplier(real)
    got = int(requantize(x, multiplier.mantissa, multiplier.shift))
    assert abs(got - Fraction(real) * x) <= 1


def test_requantizing_takes_one_multiplier_per_channel() -> None:
    x = np.array([[100, 100, 100], [-100, -100, -100]])
    got = requantize(x, np.array([2**30, 2**30, 2**30]), np.array([1, 0, -1]))
    assert got.tolist() == [[100, 50, 25], [-100, -50, -25]]


@settings(deadline=None)
@given(st.integers(-(2**40), 2**40))
def test_wrapping_is_what_a_register_holds(x: int) -> None:
    assert int(wrap_int32(x)) == wrapped(x)


@pytest.mark.parametrize(
    ("real", "want"), [(0.0, 10), (0.25, 11), (-0.25, 9), (0.24, 10), (6.0, 22), (-1.0, 8)]
)
def test_real_bounds_round_halves_away_from_zero(real: float, want: int) -> None:
    assert quantize_real(real, Quant((0.5,), 10)) == want


@pytest.mark.parametrize(
    ("act", "want"),
    [
        ("none", (-128, 127)),
        ("relu", (-100, 127)),
        ("relu6", (-100, -40)),
        ("relu_n1_to_1", (-110, -90)),
    ],
)
def test_activations_clamp_where_their_bounds_lie(act: Activation, want: tuple[int, int]) -> None:
    output = Tensor("y", (1,), DType.INT8, Quant((float(np.float32(0.1)),), -100))
    assert activation_range(act, output) == want


def test_activation_bounds_beyond_the_dtype_are_the_dtype_s() -> None:
    output = Tensor("y", (1,), DType.UINT8, Quant((0.001,), 0))
    assert activation_range("relu_n1_to_1", output) == (0, 255)


@pytest.mark.parametrize("real", [2.0**-12, 3e-4, 0.0011, 0.0173, 0.25, 0.4999, 0.5, 0.8, 3.7])
def test_a_factor_that_rounds_once_is_within_half_a_step(real: float) -> None:
    """A scale of ONNX: every accumulator that lands on the 256 steps, and what it comes to."""
    output = Tensor("y", (1,), DType.INT8, Quant((1.0,), 0, nearest=True))
    factor = output_multiplier(real, output)
    reach = int(128 / real)
    acc = np.unique(np.linspace(-reach, reach, 200_001).astype(np.int64))
    got = requantize(acc, factor.mantissa, factor.shift)
    assert np.abs(got - acc * real).max() <= 0.5 + 2.0**-12
    assert 0 <= factor.mantissa < 2**31


def test_a_factor_for_tflite_is_normalized() -> None:
    output = Tensor("y", (1,), DType.INT8, Quant((1.0,), 0))
    assert output_multiplier(0.0173, output) == quantize_multiplier(0.0173)
    assert quantize_multiplier(0.0173).mantissa >= 2**30
