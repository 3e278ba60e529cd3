# SPDX-License-Identifier: Apache-2.0
"""Blocks of filters for rv32, read back as the kernels read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.compiler.isa.channels import Channels
from mcuforge.compiler.isa.instruction_set import MAX_TAPS, Packed
from mcuforge.compiler.isa.rv32.layouts import Rv32


@dataclass(frozen=True)
class Filter:
    """What a kernel finds of one filter."""

    bias: int
    weights: tuple[int, ...]
    doubled: int
    right: int


def channels_of(count: int) -> Channels:
    return Channels(
        bias=np.arange(-3, count - 3, dtype=np.int32) * 70,
        multiplier=(np.arange(count, dtype=np.int64) * 7919 + (1 << 30)).astype(np.int32),
        right=np.arange(count, dtype=np.int32) % 23,
        reach=np.full(count, 1 << 20, np.int64),
        constant=np.zeros(count, np.bool_),
        ties_away=True,
        zero_point=4,
    )


def random_filters(*shape: int) -> NDArray[np.int8]:
    rng = np.random.default_rng(sum(shape))
    return rng.integers(-128, 128, shape).astype(np.int8)


def filters_of(words: NDArray[np.int32], size: int, depth: int) -> Iterator[Filter]:
    """The filters of all blocks of `size`, `depth` values each, walked with one pointer."""
    at = 0

    def take(count: int) -> NDArray[np.int32]:
        nonlocal at
        at += count
        return words[at - count : at]

    while at < len(words):
        biases = take(size)
        weights = take(size * depth // 4).view(np.int8).reshape(depth, size)
        multipliers = take(size).view(np.uint32)
        shifts = take(-(-size // 4)).view(np.int8)
        for i in range(size):
            values = tuple(weights[:, i].tolist())
            yield Filter(int(biases[i]), values, int(multipliers[i]), int(shifts[i]))


def check(found: list[Filter], filters: NDArray[np.int8], channels: Channels, depth: int) -> None:
    """`found` are `filters` with zeros behind their values, and no more than zeros behind them."""
    count, taps = filters.shape
    for i, one in enumerate(found):
        if i >= count:
            assert one == Filter(0, (0,) * depth, 0, 0)
            continue
        assert one.bias == channels.bias[i]
        assert one.weights == (*filters[i].tolist(), *([0] * (depth - taps)))
        assert one.doubled == 2 * int(channels.multiplier[i])
        assert one.right == channels.right[i]
    assert len(found) >= count


@pytest.mark.parametrize(("count", "taps"), [(1, 1), (4, 8), (5, 27), (7, 4), (16, 30)])
def test_conv2d_has_four_filters_side_by_side(count: int, taps: int) -> None:
    filters, channels = random_filters(count, taps), channels_of(count)
    packed = Rv32().conv2d(filters, channels)
    depth = -(-taps // 4) * 4
    assert packed.depth == depth
    assert packed.scratch_bytes == Rv32.pixels * depth
    found = list(filters_of(packed.pack(), 4, depth))
    assert len(found) == -(-count // 4) * 4
    check(found, filters, channels, depth)


@pytest.mark.parametrize(("count", "taps"), [(1, 1), (7, 5), (8, 12), (9, 3), (30, 64)])
def test_fully_connected_has_eight_side_by_side_and_the_rest_alone(count: int, taps: int) -> None:
    filters, channels = random_filters(count, taps), channels_of(count)
    packed = Rv32().fully_connected(filters, channels)
    depth = packed.depth
    assert depth == -(-taps // 4) * 4
    whole = count // 8
    end = whole * (8 + 2 * depth + 8 + 2)
    found = list(filters_of(packed.pack()[:end], 8, depth))
    found += filters_of(packed.pack()[end:], 1, depth)
    assert len(found) == count
    check(found, filters, channels, depth)


@pytest.mark.parametrize(("taps", "count"), [((3, 3), 4), ((1, 1), 1), ((2, 5), 9), ((7, 7), 6)])
def test_depthwise_has_four_channels_side_by_side(taps: tuple[int, int], count: int) -> None:
    filters, channels = random_filters(*taps, count), channels_of(count)
    packed = Rv32().depthwise_conv2d(filters, channels)
    assert isinstance(packed, Packed)
    depth = taps[0] * taps[1]
    assert packed.depth == depth
    assert packed.scratch_bytes == 0
    check(list(filters_of(packed.pack(), 4, depth)), filters.reshape(depth, -1).T, channels, depth)


def test_a_filter_whose_taps_have_no_room_is_for_portable_code() -> None:
    assert Rv32().depthwise_conv2d(random_filters(1, MAX_TAPS, 4), channels_of(4)) is not None
    assert Rv32().depthwise_conv2d(random_filters(1, MAX_TAPS + 1, 4), channels_of(4)) is None
