# SPDX-License-Identifier: Apache-2.0
"""Words of two filters, read back as the kernels read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.compiler.isa.armv7em.blocks import FILTERS, LANES, Rounds, pack_blocks
from mcuforge.compiler.isa.channels import Channels

END_WORDS = 5


def channels_of(filters: NDArray[np.int8], right: int = 3, reach: int = 1 << 20) -> Channels:
    count = filters.shape[0]
    return Channels(
        bias=np.arange(-5, count - 5, dtype=np.int32) * 70,
        multiplier=np.arange(1, count + 1, dtype=np.int32) << 24,
        right=np.full(count, right, np.int32),
        reach=np.full(count, reach, np.int64),
        constant=np.zeros(count, np.bool_),
        ties_away=True,
        zero_point=4,
    )


def random_filters(count: int, taps: int) -> NDArray[np.int8]:
    rng = np.random.default_rng(count * 1000 + taps)
    return rng.integers(-127, 128, (count, taps)).astype(np.int8)


def slots(words: NDArray[np.int32], depth: int, x: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """(accumulator, multiplier, right shift) of every slot, for inputs x (depth)."""
    lanes = x.reshape(-1, 4)[:, LANES].reshape(-1, 2)
    found = []
    for block in words[1:].reshape(-1, 4 + depth + END_WORDS):
        weights = block[4 : 4 + depth].astype(np.int64).reshape(-1, 2)
        shifts, *multipliers = block[4 + depth :]
        for pair in range(2):
            high = weights[:, pair] >> 16
            low = ((weights[:, pair] & 0xFFFF) ^ 0x8000) - 0x8000
            both = block[2 * pair] + (lanes[:, 0] * low + lanes[:, 1] * high).sum()
            byte = [((lane & 0xFF) ^ 0x80) - 0x80 for lane in (low, high)]
            a = block[2 * pair + 1] + (lanes[:, 0] * byte[0] + lanes[:, 1] * byte[1]).sum()
            b = int(np.int64(both - a).astype(np.int32)) >> 8
            for i, acc in enumerate((int(a), b)):
                slot = 2 * pair + i
                shift = ((int(shifts) >> (8 * slot)) & 0xFF) + 1
                found.append((acc, int(multipliers[slot]), shift))
    return found


@pytest.mark.parametrize(("count", "taps"), [(1, 1), (4, 8), (5, 27), (7, 4), (16, 30)])
def test_a_block_gives_the_accumulators_of_its_filters(count: int, taps: int) -> None:
    filters, depth = random_filters(count, taps), -(-taps // 4) * 4
    channels = channels_of(filters)
    packed = pack_blocks(filters, channels)
    assert packed.pack()[0] == FILTERS
    assert packed.depth == depth
    x = np.random.default_rng(1).integers(-128, 128, depth)
    want = channels.bias + filters.astype(np.int64) @ x[:taps]
    got = slots(packed.pack(), depth, x)
    assert [acc for acc, _, _ in got[:count]] == want.tolist()
    assert [m for _, m, _ in got[:count]] == channels.multiplier.tolist()
    assert {right for _, _, right in got[:count]} == {3}


def test_filters_that_overflow_a_lane_together_have_words_of_their_own() -> None:
    filters = np.array([[-1, 5], [-128, 5], [7, 7]], np.int8)
    channels = channels_of(filters)
    packed = pack_blocks(filters, channels)
    assert packed.pack()[0] == 2
    x = np.array([-128, 127, 0, 0])
    want = channels.bias + filters.astype(np.int64) @ x[:2]
    assert [acc for acc, _, _ in slots(packed.pack(), 4, x)[:5:2]] == want.tolist()


def test_sums_of_more_than_23_bits_have_words_of_their_own() -> None:
    filters = random_filters(4, 4)
    for reach, held in (((1 << 23) - 1, 4), (1 << 23, 2)):
        packed = pack_blocks(filters, channels_of(filters, reach=reach))
        assert packed.pack()[0] == held


def test_layers_that_round_once_say_so_and_have_twice_the_multipliers() -> None:
    filters = random_filters(5, 4)
    channels = channels_of(filters, right=0)
    packed = pack_blocks(filters, channels)
    assert packed.pack()[0] == FILTERS + 256 * Rounds.ONCE
    x = np.array([3, -5, 7, -9])
    multipliers = [m for _, m, _ in slots(packed.pack(), 4, x)[:5]]
    assert multipliers == (2 * channels.multiplier).tolist()


def test_layers_that_round_both_ways_say_so_and_have_the_shifts_themselves() -> None:
    filters = random_filters(3, 4)
    mixed = replace(channels_of(filters), right=np.array([3, 0, 3], np.int32))
    packed = pack_blocks(filters, mixed)
    assert packed.pack()[0] == FILTERS + 256 * Rounds.MIXED
    found = slots(packed.pack(), 4, np.array([3, -5, 7, -9]))[:3]
    assert [m for _, m, _ in found] == mixed.multiplier.tolist()
    assert [right - 1 for _, _, right in found] == [3, 0, 3]  # without the one that ssat shifts by


def test_layers_whose_multipliers_cannot_be_doubled_have_an_ending_for_each_channel() -> None:
    filters = random_filters(2, 4)
    for multiplier, rounds in (((1 << 30) - 1, Rounds.ONCE), (1 << 30, Rounds.MIXED)):
        channels = replace(
            channels_of(filters, right=0), multiplier=np.array([1, multiplier], np.int32)
        )
        assert pack_blocks(filters, channels).pack()[0] == FILTERS + 256 * rounds


def test_channels_of_one_output_do_not_decide_how_others_are_rounded() -> None:
    filters = random_filters(3, 4)
    some = replace(
        channels_of(filters),
        right=np.array([3, 0, 3], np.int32),
        constant=np.array([False, True, False]),
    )
    assert pack_blocks(filters, some).pack()[0] == FILTERS
