# SPDX-License-Identifier: Apache-2.0
"""Requantization with one right shift for all channels, proved equal to each channel's own.

Sums are scaled by powers of two, for which weights of 16 bits have room. With the channel's weights
and bias shifted left, and a small term added to the bias, its sum X gives

    out = (high word of X * multiplier, rounded down, plus offset) >> FRACTION_BITS

in three instructions on Armv7E-M. With a shift of its own, each channel takes five.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.isa.channels import Int64

FRACTION_BITS = 10  # of the high word; kernels have it in their code
WEIGHT_BITS = 15
MULTIPLIER_BITS = 31
SUM_BITS = 31
MOST_RAISED = 1 << SUM_BITS - 2
LEVELS: Int64 = np.arange(-127, 128)  # the number of levels that a sum reaches gives the output


@dataclass(frozen=True)
class Factor:
    """One channel: the factor of its accumulator, and the accumulator's range.

    multiplier, right: as in `Channels`. low, high: the least and the largest accumulator.
    """

    multiplier: int
    right: int
    low: int
    high: int


@dataclass(frozen=True)
class Scaling:
    """One channel: left shift of weights and bias, term added to the bias, factor and offset."""

    left: int
    raised: int
    multiplier: int
    offset: int


def shared_shift(factor: Factor, most_weight: int, zero_point: int) -> Scaling | None:
    """Find the scaling of a channel whose largest weight is `most_weight`, ties rounded upwards.

    If its shift is not 0, outputs below the zero point may be equal. Returns None if no scaling is
    exact.

    TFLite's two roundings of acc * real are floor(acc * real + 1/2 + 2^(-right - 1)). The last term
    comes from the first rounding; without a shift it is absent. Up to a shift of FRACTION_BITS - 1
    the offset holds both terms and the multiplier keeps all its bits. With a larger shift some bits
    are lost, and the function searches for the term of the bias that makes up for them.
    """
    if factor.multiplier == 0:
        return Scaling(0, 0, 0, zero_point << FRACTION_BITS)
    reach = max(-factor.low, factor.high, 1)
    room = min(WEIGHT_BITS - most_weight.bit_length(), SUM_BITS - 1 - reach.bit_length())
    bits = FRACTION_BITS + 1 - factor.right  # real * 2^(32 + FRACTION_BITS) / multiplier
    least = max(0, bits - MULTIPLIER_BITS + factor.multiplier.bit_length())
    largest = reach * factor.multiplier >> MULTIPLIER_BITS + factor.right
    if least > room or largest >= 1 << SUM_BITS - FRACTION_BITS - 1:
        return None
    offset = (zero_point << FRACTION_BITS) + (1 << FRACTION_BITS - 1)
    if factor.right == 0:
        return Scaling(least, 0, factor.multiplier << bits - least, offset)
    if factor.right < FRACTION_BITS:
        first_rounding = 1 << FRACTION_BITS - 1 - factor.right
        return Scaling(least, 0, factor.multiplier << bits - least, offset + first_rounding)
    for left in range(least, room + 1):
        rounded_down = (factor.multiplier << FRACTION_BITS + 1) >> factor.right + left
        for multiplier in (rounded_down, rounded_down + 1):
            raised = _raised(factor, left, multiplier, offset, zero_point)
            if raised is not None:
                return Scaling(left, raised, multiplier, offset)
    return None


def _raised(factor: Factor, left: int, multiplier: int, offset: int, zero_point: int) -> int | None:
    """Find the term of the bias that makes outputs equal for all accumulators; None if none does.

    Outputs rise with the accumulator, so it is enough that the same one is first at each level.
    """
    levels = LEVELS[zero_point < LEVELS]
    first = _first_reaching(factor, levels, zero_point)
    inside, preceded = first <= factor.high, first > factor.low
    needed = -(-(((levels << FRACTION_BITS) - offset) << 32) // multiplier)  # sum to reach a level
    least = int((needed - (first << left))[inside].max(initial=-MOST_RAISED))
    most = int((needed - 1 - ((first - 1) << left))[preceded].min(initial=MOST_RAISED))
    return (least + most) // 2 if least <= most else None


def _first_reaching(factor: Factor, levels: Int64, zero_point: int) -> Int64:
    """Find the least accumulator that the factor rounds to each level; high + 1 if none.

    It looks at accumulators from zero on: only those reach a level above the zero point.
    """
    offset = (2 * zero_point + 1) << factor.right >> 1
    high_word = (levels << factor.right) - offset
    least = -(-((high_word << 31) - (1 << 30)) // factor.multiplier)
    return least.clip(factor.low, factor.high + 1)
