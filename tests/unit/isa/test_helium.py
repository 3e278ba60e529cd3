# SPDX-License-Identifier: Apache-2.0
"""Layouts of helium, read back the way its kernels read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.compiler.isa.channels import Channels
from mcuforge.compiler.isa.helium.layouts import Helium
from mcuforge.compiler.isa.instruction_set import Packed

COUNTS = (1, 3, 4, 5, 8, 9, 16, 17, 33)


def channels(count: int) -> Channels:
    """Constants that tell the channels apart."""
    of = np.arange(count, dtype=np.int32)
    return Channels(
        bias=of + 1000,
        multiplier=of + 2000,
        right=of % 23,
        reach=np.full(count, 1 << 20, np.int64),
        constant=np.zeros(count, np.bool_),
        ties_away=True,
        zero_point=-5,
    )


def random_filters(shape: tuple[int, ...]) -> NDArray[np.int8]:
    return np.random.default_rng(7).integers(-127, 128, shape).astype(np.int8)


@pytest.mark.parametrize("taps", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("count", COUNTS)
def test_a_group_of_four_filters_is_biases_weights_multipliers_and_shifts(
    count: int, taps: int
) -> None:
    filters, given = random_filters((count, taps)), channels(count)
    packed = Helium().conv2d(filters, given)
    assert packed is not None
    assert packed.depth == -(-taps // 16) * 16
    assert packed.scratch_bytes == 2 * packed.depth  # two windows
    groups = packed.pack().reshape(-(-count // 4), 4 + packed.depth + 8)
    for channel in range(len(groups) * 4):
        group, lane = groups[channel // 4], channel % 4
        blocks = group[4:-8].view(np.int8).reshape(-1, 4, 16)
        weights = blocks[:, lane].reshape(-1)
        constants = (group[lane], group[-8 + lane], group[-4 + lane])
        if channel < count:
            assert (weights[:taps] == filters[channel]).all()
            assert not weights[taps:].any()
            assert constants == (1000 + channel, 2000 + channel, -(channel % 23))
        else:
            assert not weights.any()
            assert constants == (0, 0, 0)


def test_one_vector_is_read_where_it_lies() -> None:
    filters = random_filters((6, 21))
    packed = Helium().fully_connected(filters, channels(6))
    windows = Helium().conv2d(filters, channels(6))
    assert packed is not None
    assert windows is not None
    assert packed.scratch_bytes == 0
    assert (packed.pack() == windows.pack()).all()


def of_group(packed: Packed, group: int, taps: int) -> tuple[list[int], ...]:
    """Biases, multipliers and shifts of 16 channels in their own order, and the weights."""
    words = packed.pack().reshape(-1, 48 + 4 * taps)[group]
    order = (0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15)
    constants = [[0] * 16 for _ in range(3)]
    for found, part in zip(constants, (words[:16], words[-32:-16], words[-16:]), strict=True):
        for place, channel in enumerate(order):
            found[channel] = int(part[place])
    return (*constants, words[16:-32].view(np.int8).tolist())


@pytest.mark.parametrize("count", COUNTS)
def test_sixteen_channels_stand_in_the_order_that_widening_leaves(count: int) -> None:
    filters, given = random_filters((3, 3, count)), channels(count)
    packed = Helium().depthwise_conv2d(filters, given)
    assert packed is not None
    assert packed.depth == 9
    for channel in range(count):
        biases, multipliers, shifts, weights = of_group(packed, channel // 16, 9)
        lane = channel % 16
        assert biases[lane] == 1000 + channel
        assert multipliers[lane] == 2000 + channel
        assert shifts[lane] == -(channel % 23)
        assert weights[lane::16] == filters.reshape(9, count)[:, channel].tolist()


def test_eight_channels_are_there_twice_for_two_pixels_at_once() -> None:
    packed = Helium().depthwise_conv2d(random_filters((3, 3, 8)), channels(8))
    assert packed is not None
    for part in of_group(packed, 0, 9)[:3]:
        assert part[:8] == part[8:]
    assert len(packed.pack()) == 48 + 4 * 9


def test_two_taps_whose_products_pass_an_int16_are_for_the_portable_kernel() -> None:
    filters = np.zeros((1, 3, 4), np.int8)
    filters[0, :2, 1] = -128
    assert Helium().depthwise_conv2d(filters, channels(4)) is None
    filters[0, 1, 1] = 127
    assert Helium().depthwise_conv2d(filters, channels(4)) is not None
    filters[0, 1:, 1] = -128  # the third tap is added alone
    filters[0, 0, 1] = 0
    assert Helium().depthwise_conv2d(filters, channels(4)) is not None


def test_more_taps_than_there_are_addresses_for_are_for_the_portable_kernel() -> None:
    assert Helium().depthwise_conv2d(random_filters((5, 10, 4)), channels(4)) is not None
    assert Helium().depthwise_conv2d(random_filters((3, 17, 4)), channels(4)) is None


def test_filters_of_constant_channels_are_zeros() -> None:
    given = replace(channels(5), constant=np.array([False, True, False, False, True]))
    packed = Helium().fully_connected(random_filters((5, 16)), given)
    assert packed is not None
    weights = packed.pack().reshape(2, 28)[:, 4:-8].view(np.int8).reshape(8, 16)
    assert [bool(row.any()) for row in weights] == [True, False, True, True] + 4 * [False]
    packed = Helium().depthwise_conv2d(random_filters((3, 3, 5)), given)
    assert packed is not None
    by_channel = np.reshape(of_group(packed, 0, 9)[3], (9, 16))
    assert [bool(column.any()) for column in by_channel.T[:5]] == [True, False, True, True, False]
