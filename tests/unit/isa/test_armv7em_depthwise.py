# SPDX-License-Identifier: Apache-2.0
"""Depthwise filters packed for armv7em: where words lie, and when one shift does for all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcuforge.compiler.isa.armv7em.depthwise import (
    MAX_COPIED_TAPS,
    OWN_SHIFTS,
    SHARED_SHIFT,
    pack_depthwise,
)
from mcuforge.compiler.isa.armv7em.shared_shift import FRACTION_BITS, Factor, Scaling, shared_shift
from mcuforge.compiler.isa.channels import Channels, Int64
from mcuforge.compiler.isa.instruction_set import MAX_TAPS
from tests.golden.merge import cases_of


def channels(count: int, right: int = 7, ties_away: bool = False) -> Channels:
    """Make equal channels with different biases: 100, 200 and so on."""
    return Channels(
        bias=np.arange(1, count + 1, dtype=np.int32) * 100,
        multiplier=np.full(count, 3 << 29, np.int32),
        right=np.full(count, right, np.int32),
        reach=np.full(count, 1 << 18, np.int64),
        constant=np.zeros(count, np.bool_),
        ties_away=ties_away,
        zero_point=-3,
    )


def by_own_shift(factor: Factor, acc: Int64, zero_point: int) -> Int64:
    """requantize.h, halves below zero rounded upwards."""
    high: Int64 = (acc * factor.multiplier + (1 << 30)) >> 31
    half = 1 << factor.right >> 1
    return ((high + half) >> factor.right) + zero_point


def by_shared_shift(scaling: Scaling, acc: Int64) -> Int64:
    total = (acc << scaling.left) + scaling.raised
    assert np.abs(total).max() < 1 << 31
    assert 0 <= scaling.multiplier < 1 << 31
    high: Int64 = (total * scaling.multiplier) >> 32
    return (high + scaling.offset) >> FRACTION_BITS


@pytest.mark.parametrize("right", range(22))
def test_a_shared_shift_gives_what_each_shift_gives(right: int) -> None:
    rng = np.random.default_rng(right)
    found = 0
    for _ in range(12):
        middle = int(rng.integers(-(1 << right + 8), 1 << right + 8))
        width = int(rng.integers(1, 1 << 15))
        mantissa = int(rng.integers(1 << 30, 1 << 31))
        zero_point = int(rng.integers(-128, 128))
        factor = Factor(mantissa, right, middle - width, middle + width)
        scaling = shared_shift(factor, 127, zero_point)
        if scaling is None:
            continue
        found += 1
        acc = np.arange(factor.low, factor.high + 1)
        want = by_own_shift(factor, acc, zero_point).clip(-128, 127)
        got = by_shared_shift(scaling, acc).clip(-128, 127)
        if right:  # what comes out below is clamped to the zero point
            want, got = want.clip(zero_point), got.clip(zero_point)
        np.testing.assert_array_equal(got, want, err_msg=f"{factor}, zero point {zero_point}")
    assert found >= 9 or right < 3 or right > 14


def test_mantissas_kept_small_share_a_shift_of_none() -> None:
    factor = Factor(multiplier=12345678, right=0, low=-40000, high=40000)
    scaling = shared_shift(factor, 127, 5)
    assert scaling is not None
    acc = np.arange(factor.low, factor.high + 1)
    want = by_own_shift(factor, acc, 5).clip(-128, 127)
    np.testing.assert_array_equal(by_shared_shift(scaling, acc).clip(-128, 127), want)


def test_a_factor_near_one_has_no_shared_shift() -> None:
    assert shared_shift(Factor(1 << 30, 0, -100, 100), 127, 0) is None


def test_a_block_is_biases_lanes_and_what_ends_them() -> None:
    filters = np.arange(1, 9, dtype=np.int8).reshape(2, 1, 4)  # taps of channel 0: 1 and 5
    packed = pack_depthwise(filters, channels(4))
    assert packed is not None
    first, *words = packed.pack().tolist()
    left = FRACTION_BITS + 1 - 7
    assert first == SHARED_SHIFT
    assert words[:4] == [100 << left, 200 << left, 300 << left, 400 << left]
    assert words[4:8] == [(c << left) | (c + 4 << left + 16) for c in (1, 2, 3, 4)]
    assert words[8:12] == [0, 0, 0, 0]  # the two taps that make four of them
    offset = (-3 << FRACTION_BITS) + (1 << FRACTION_BITS - 1) + (1 << FRACTION_BITS - 8)
    assert words[12:] == [3 << 29, offset] * 4


def test_a_fifth_tap_has_words_of_two_channels() -> None:
    filters = np.zeros((5, 1, 4), np.int8)
    filters[4, 0] = 1, -2, 3, -4
    packed = pack_depthwise(filters, channels(4, ties_away=True))
    assert packed is not None
    first, *words = packed.pack().tolist()
    assert first == OWN_SHIFTS
    assert words[4:12] == [0] * 8
    assert words[12:14] == [2 | 6 << 16, -4 & 0xFFFF | -8 << 16]  # doubled
    offset = -5 << 7 >> 1
    assert words[14:] == [3 << 29, offset] * 4 + [0x07070707]


@pytest.mark.parametrize(("count", "blocks"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_the_last_block_holds_the_last_four_channels(count: int, blocks: int) -> None:
    packed = pack_depthwise(np.ones((1, 1, count), np.int8), channels(count, ties_away=True))
    assert packed is not None
    of_blocks = packed.pack()[1:].reshape(blocks, -1)
    last = [200 * c for c in range(1, count + 1)][-4:]
    assert of_blocks[-1, :4].tolist() == last + [0] * (4 - len(last))


def test_taps_the_stack_has_no_room_for_are_left_to_portable_code() -> None:
    for count, most in ((3, MAX_COPIED_TAPS), (4, MAX_TAPS)):
        filters = np.ones((most, 1, count), np.int8)
        assert pack_depthwise(filters, channels(count)) is not None
        assert pack_depthwise(np.concatenate([filters, filters[:1]]), channels(count)) is None


@pytest.mark.parametrize("ties_away", [True, False])
def test_a_factor_near_one_is_left_to_portable_code(ties_away: bool) -> None:
    some = channels(4, ties_away=ties_away)
    mixed = replace(some, right=np.array([7, 7, 0, 7], np.int32))
    assert pack_depthwise(np.full((1, 1, 4), 127, np.int8), mixed) is None


def test_golden_cases_have_channels_of_every_number_beside_a_block() -> None:
    shapes = {case.inputs[0].shape[3] for case in cases_of("depthwise_conv2d")}
    assert shapes >= {1, 2, 3, 4, 5, 6, 7, 8, 9, 16}
