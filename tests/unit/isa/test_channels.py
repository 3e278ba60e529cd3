# SPDX-License-Identifier: Apache-2.0
"""What packed kernels do to accumulators is TFLite's double rounding, to the bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuforge.compiler.isa.channels import ACCUMULATOR_BITS, MAX_RIGHT, Channels, packable
from mcuforge.compiler.ops.common.fixed_point import Int64, Multiplier, requantize
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor

REACH = (1 << ACCUMULATOR_BITS) - 1
INT8 = st.integers(-128, 127)


def packed_output(acc: Int64, multiplier: int, right: int, zero_point: int, ties: bool) -> Int64:
    """The formula in the docstring of Channels, before the activation's range."""
    offset = ((2 * zero_point + 1) << right) >> 1
    product = (2 * acc * multiplier + (1 << 31)) >> 32
    away = (acc < 0) & (right > 0) & ties
    out: Int64 = np.clip((product + offset - away) >> right, -128, 127)
    return out


def right_output(acc: Int64, multiplier: int, shift: int, zero_point: int) -> Int64:
    out: Int64 = np.clip(requantize(acc, multiplier, shift) + zero_point, -128, 127)
    return out


def accumulators(multiplier: int, right: int, seed: int) -> Int64:
    """Of the whole range: its ends, drawn ones, and those about halves of a step."""
    rng = np.random.default_rng(seed)
    halves = (np.arange(-400, 400) * 2 + 1) * 2.0 ** (30 + right) / max(multiplier, 1)
    near = (np.rint(halves)[:, None] + np.arange(-2, 3)).reshape(-1)
    drawn = rng.integers(-REACH, REACH, 2000, endpoint=True)
    ends = np.array([-REACH, -REACH + 1, -2, -1, 0, 1, 2, REACH - 1, REACH])
    return np.concatenate([near[np.abs(near) <= REACH].astype(np.int64), drawn, ends])


MANTISSAS = st.one_of(
    st.integers(0, 2**31 - 1),
    st.integers(2**30, 2**31 - 1),
    st.integers(0, 30).map(lambda n: 1 << n),
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(MANTISSAS, st.integers(0, MAX_RIGHT), INT8, st.integers(0, 2**32 - 1))
def test_the_formula_is_double_rounding_over_the_whole_range_of_accumulators(
    multiplier: int, right: int, zero_point: int, seed: int
) -> None:
    acc = accumulators(multiplier, right, seed)
    got = packed_output(acc, multiplier, right, zero_point, ties=True)
    np.testing.assert_array_equal(got, right_output(acc, multiplier, -right, zero_point))


@dataclass(frozen=True, eq=False)
class Drawn:
    """A layer of a few channels as `packable` is given it."""

    filters: Array  # (co, taps)
    bias: Array
    multipliers: tuple[Multiplier, ...]
    input_zero_point: int
    zero_point: int
    act_min: int

    def channels(self) -> Channels | None:
        count, taps = self.filters.shape
        x = Tensor("x", (1, taps), DType.INT8, Quant((1.0,), self.input_zero_point))
        w = Tensor("w", (count, taps), DType.INT8, Quant((1.0,)), self.filters)
        b = Tensor("b", (count,), DType.INT32, Quant((1.0,)), self.bias)
        y = Tensor("y", (1, count), DType.INT8, Quant((1.0,), self.zero_point))
        return packable((x, w, b), self.filters, self.multipliers, y, self.act_min)


@st.composite
def layers(draw: st.DrawFn) -> Drawn:
    """Biases and factors from nothing to far out, one factor for all channels or one each."""
    count, taps = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    weights = st.lists(INT8, min_size=count * taps, max_size=count * taps)
    biases = st.one_of(
        st.integers(-500, 500), st.integers(-(2**20), 2**20), st.integers(-(2**31), 2**31 - 1)
    )
    factors = st.builds(Multiplier, MANTISSAS, st.integers(-26, 1))
    zero_point = draw(INT8)
    return Drawn(
        np.array(draw(weights), np.int8).reshape(count, taps),
        np.array(draw(st.lists(biases, min_size=count, max_size=count)), np.int32),
        tuple(draw(st.lists(factors, min_size=count, max_size=count)))
        if draw(st.booleans())
        else (draw(factors),),
        draw(INT8),
        zero_point,
        max(-128, zero_point + draw(st.sampled_from((-256, -1, 0, 5)))),
    )


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(layers(), st.integers(0, 2**32 - 1))
def test_packed_channels_give_every_input_its_output(layer: Drawn, seed: int) -> None:
    channels = layer.channels()
    if channels is None:
        return
    rng = np.random.default_rng(seed)
    count, taps = layer.filters.shape
    drawn = rng.integers(-128, 128, (200, taps))
    x = np.concatenate([drawn, rng.choice([-128, 127], (100, taps))])
    filters = layer.filters.astype(np.int64)
    high = [127 if rng.random() < 0.5 else min(127, layer.act_min + 50)] * count
    factors = layer.multipliers * (1 if len(layer.multipliers) > 1 else count)
    acc = (x - layer.input_zero_point) @ filters.T + layer.bias.astype(np.int64)
    packed = x @ channels.used(layer.filters).astype(np.int64).T + channels.bias
    for o in range(count):
        want = right_output(acc[:, o], factors[o].mantissa, factors[o].shift, layer.zero_point)
        multiplier, right = int(channels.multiplier[o]), int(channels.right[o])
        got = packed_output(packed[:, o], multiplier, right, layer.zero_point, channels.ties_away)
        np.testing.assert_array_equal(
            np.clip(got, layer.act_min, high[o]), np.clip(want, layer.act_min, high[o])
        )


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(layers())
def test_packed_channels_keep_what_kernels_count_on(layer: Drawn) -> None:
    channels = layer.channels()
    if channels is None:
        return
    reach = np.abs(channels.bias.astype(np.int64)) + 128 * np.abs(
        channels.used(layer.filters).astype(np.int64)
    ).sum(axis=1)
    assert (reach <= channels.reach).all()
    assert channels.reach.max() <= REACH
    assert channels.multiplier.min() >= 0
    assert 0 <= channels.right.min() <= channels.right.max() <= MAX_RIGHT
    assert channels.ties_away or not channels.right.any() or layer.act_min >= layer.zero_point


def one_channel(weight: int, bias: int, multiplier: Multiplier, taps: int = 1) -> Channels | None:
    filters = np.full((1, taps), weight, np.int8)
    return Drawn(filters, np.array([bias], np.int32), (multiplier,), 0, 3, -128).channels()


HALF = Multiplier(1 << 30, 0)
MOST_TAPS = (1 << ACCUMULATOR_BITS) // (127 * 128)


@pytest.mark.parametrize(
    ("weight", "bias", "multiplier", "taps", "packs"),
    [
        (1, 0, HALF, 1, True),
        (1, 0, Multiplier(1 << 30, 1), 1, False),  # a left shift: factor 1
        (0, 0, Multiplier(1 << 30, 1), 1, True),  # nothing comes in to multiply with it
        (0, 2**30, HALF, 1, True),  # 127 whatever comes in
        (127, 0, Multiplier(1 << 30, -22), MOST_TAPS, True),
        (127, 0, Multiplier(1 << 30, -22), MOST_TAPS + 1, False),  # accumulators of over 2**30
        (127, 0, Multiplier(1 << 30, -23), MOST_TAPS, False),  # 64, shifted right by 23
        (127, 0, Multiplier(1 << 30, -26), 1, True),  # below half a step
    ],
)
def test_layers_that_packed_kernels_cannot_compute_are_left_to_portable_ones(
    weight: int, bias: int, multiplier: Multiplier, taps: int, packs: bool
) -> None:
    assert (one_channel(weight, bias, multiplier, taps) is not None) is packs


def test_channels_with_one_output_whatever_comes_in_are_constant() -> None:
    channels = one_channel(5, 0, Multiplier(1 << 30, -26))
    assert channels is not None
    assert channels.constant.tolist() == [True]
    assert channels.used(np.array([[5]], np.int8)).tolist() == [[0]]
    never = one_channel(5, 0, HALF)
    assert never is not None
    assert never.constant.tolist() == [False]


def test_negative_halves_do_not_count_where_they_are_clamped() -> None:
    filters, bias = np.array([[1]], np.int8), np.zeros(1, np.int32)
    factor = (Multiplier(1 << 30, -2),)
    for act_min, ties in ((-128, True), (2, True), (3, False), (10, False)):
        channels = Drawn(filters, bias, factor, 0, 3, act_min).channels()
        assert channels is not None
        assert channels.ties_away is ties
    once = Drawn(filters, bias, (Multiplier(1 << 20, 0),), 0, 3, -128).channels()
    assert once is not None
    assert not once.ties_away
