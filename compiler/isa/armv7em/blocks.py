# SPDX-License-Identifier: Apache-2.0
"""Blocks of four filters; each word of weights holds two filters, to multiply int16 lanes.

Kernels take a filter's values four at a time, (0, 2) and then (1, 3), as SXTB16 spreads a word of
pixels. The lane of values a and b of filters A and B is 256 * b + a. The products of the word as it
is sum up to 256 * SB + SA, those of its sign-extended low bytes to SA. This saves half of the sign
extensions.
"""

from __future__ import annotations

from enum import IntEnum
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.isa.channels import Channels, Int32, Int64
from mcuforge.compiler.isa.instruction_set import Packed, rounded_up
from mcuforge.compiler.tensors import Array

FILTERS = 4  # of a block; the last block is filled up with zeros
VALUES = 4  # of a filter that are read at a time
LANES = (0, 2, 1, 3)
FIRST_WORD_BITS = 8  # of the number of filters per block; above them stands how channels round
BLOCK_WORDS = 9  # beside the weights: biases, shifts and multipliers
UPPER_REACH = 1 << 23  # largest sum, exclusive, of the filter in the upper 24 bits

Bool = NDArray[np.bool_]


class Rounds(IntEnum):
    """How often the channels of a layer are rounded: enum mcuforge_rounds of the kernels."""

    TWICE = 0
    ONCE = 1
    MIXED = 2


def rounds_of(right: Int32, multiplier: Int32) -> Rounds:
    """How often channels with these right shifts and multipliers are rounded; dead ones are not.

    A channel without a shift rounds once. Kernels shift halves out with the last bit, so layers of
    such channels alone have multipliers twice as large, if these have room for that.
    """
    once = (right == 0) & (multiplier != 0)
    if not once.any():
        return Rounds.TWICE
    if right.any() or multiplier.max() >= 1 << 30:
        return Rounds.MIXED
    return Rounds.ONCE


def pack_blocks(filters: Array, channels: Channels) -> Packed:
    """Pack filters, int8 (co, taps), into the words of all blocks.

    The first word holds the number of filters per block, and their Rounds. A block holds four
    filters. It holds two, each with zeros as its partner, if two filters of the layer cannot share
    words:
        256 * bias B + bias A and bias A, for both pairs of filters
        two words of weights, one per pair, for every two values
        four bytes, each right shift minus one, or the right shift if MIXED; four multipliers
    """
    depth = rounded_up(filters.shape[1], VALUES)
    apart = channels.reach.max(initial=0) >= UPPER_REACH  # weights of -128 alone part others
    words = block_words(*filters.shape, apart=bool(apart))
    return Packed(partial(_words, filters, channels, depth), depth, words)


def block_words(filters: int, taps: int, *, apart: bool) -> int:
    """Words of all blocks of `filters`; `apart`: no two of them share words."""
    held = FILTERS // 2 if apart else FILTERS
    return 1 + -(-filters // held) * (BLOCK_WORDS + rounded_up(taps, VALUES))


def _words(filters: Array, channels: Channels, depth: int) -> Int32:
    """The words of all blocks: int32 (words,)."""
    live = ~channels.constant
    rounds = rounds_of(channels.right[live], channels.multiplier[live])
    least = 0 if rounds is Rounds.MIXED else 1  # right shift
    co, taps = filters.shape
    together = bool(_pairs_hold(filters, channels).all())
    slots = np.arange(co) if together else 2 * np.arange(co)
    count = -(-(int(slots[-1]) + 1) // FILTERS) * FILTERS

    weights: Int64 = np.zeros((count, depth), np.int64)
    weights[slots, :taps] = filters
    ending: Int64 = np.zeros((3, count), np.int64)  # bias, multiplier, right shift
    ending[2] = least
    factor = np.where(live & (rounds is Rounds.ONCE), 2, 1)
    multipliers = factor * channels.multiplier.astype(np.int64)
    ending[:, slots] = channels.bias, multipliers, np.maximum(channels.right, least)

    lower, upper = weights[0::2], weights[1::2]
    lanes = (upper << 8) + lower  # (pairs, depth)
    groups = lanes.reshape(count // FILTERS, 2, -1, VALUES)[..., LANES]
    ordered = groups.reshape(count // FILTERS, 2, -1, 2).transpose(0, 2, 1, 3)
    words = (ordered[..., 0] & 0xFFFF) | (ordered[..., 1] << 16)

    bias, multiplier, right = ending.reshape(3, count // FILTERS, FILTERS)
    begin = np.stack([(bias[:, 1::2] << 8) + bias[:, 0::2], bias[:, 0::2]], axis=2)
    shifts = ((right - least) << np.array([0, 8, 16, 24])).sum(axis=1)
    blocks = (begin, words, shifts, multiplier)
    rows = np.concatenate([part.reshape(count // FILTERS, -1) for part in blocks], axis=1)
    held = FILTERS if together else FILTERS // 2
    stream = np.concatenate([[held + (rounds << FIRST_WORD_BITS)], rows.reshape(-1)])
    packed: Int32 = stream.astype(np.uint32).view(np.int32)
    return packed


def _pairs_hold(filters: Array, channels: Channels) -> Bool:
    """Tell whether filters 2i and 2i + 1 fit into shared lanes, and the sums of 2i + 1 too."""
    values: Int64 = filters.astype(np.int64)
    upper, lower = values[1::2], values[: len(values) // 2 * 2 : 2]
    held: Bool = ~((upper == -128) & (lower < 0)).any(axis=1)
    held &= channels.reach[1::2] < UPPER_REACH
    return held
