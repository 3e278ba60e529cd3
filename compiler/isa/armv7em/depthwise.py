# SPDX-License-Identifier: Apache-2.0
"""Depthwise filters as lanes of two taps, four channels at a time.

A word of pixels holds four channels of one tap. SXTB16 spreads two such words into one word per
channel, with two int16 lanes, one per tap. Weights are stored as such lanes too, so that only the
multiplications remain. This doubles their size; on Cortex-M4 and M7 it saves half an instruction
per product.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from mcuforge.compiler.isa.armv7em.shared_shift import Factor, shared_shift
from mcuforge.compiler.isa.channels import Channels, Int32, Int64
from mcuforge.compiler.isa.instruction_set import MAX_TAPS, Packed, rounded_up
from mcuforge.compiler.tensors import Array

MAX_COPIED_TAPS = 25  # for fewer channels than a block has: kernels keep copies of them, too
CHANNELS = 4  # of a block
TAPS = 4  # that are read at a time
BLOCK_WORDS = 13  # beside the weights: biases, multipliers and offsets, own shifts
OWN_SHIFTS, SHARED_SHIFT = 0, 1  # the first word of the stream


def pack_depthwise(filters: Array, channels: Channels) -> Packed | None:
    """Pack depthwise filters: a first word, OWN_SHIFTS or SHARED_SHIFT, then the blocks.

    filters: int8 (kh, kw, c). The last block holds the last four channels; the block before may
    hold some of them, too. Fewer than four channels are filled up with zeros. A block is
        four biases
        one word per channel for every two taps. Taps are filled up with zeros to a multiple of
        four, except a single tap at the end: two words, channels (0, 2) and (1, 3)
        multiplier and offset of each channel
        with OWN_SHIFTS one word of four bytes, the right shifts
    Biases and weights are scaled: see shared_shift.py; with OWN_SHIFTS they are doubled. Returns
    None if there are too many taps, or if there is no shared shift and some channel has no shift:
    that channel would most probably saturate.
    """
    taps = filters.shape[0] * filters.shape[1]
    if taps > (MAX_TAPS if filters.shape[2] >= CHANNELS else MAX_COPIED_TAPS):
        return None
    weights: Int64 = filters.reshape(taps, -1).astype(np.int64)
    single = taps > 1 and taps % TAPS == 1
    of_block = BLOCK_WORDS + 2 * rounded_up(taps - single, TAPS) + 2 * single
    words = 1 + -(-weights.shape[1] // CHANNELS) * of_block
    if np.any((channels.right == 0) & (channels.multiplier != 0)):
        scaled = _shared_shift(weights, channels)
        if scaled is None:
            return None
        return Packed(partial(_words, weights, channels, scaled), taps, words)
    return Packed(partial(_words, weights, channels), taps, words)


def _words(weights: Int64, channels: Channels, shared: Int64 | None = None) -> Int32:
    """The first word and the blocks: int32 (words,). weights: (taps, c)."""
    shared = _shared_shift(weights, channels) if shared is None else shared
    if shared is None:
        return _blocks_of(OWN_SHIFTS, weights, _own_shifts(channels))
    return _blocks_of(SHARED_SHIFT, weights, shared)


def _blocks_of(first: int, weights: Int64, scaled: Int64) -> Int32:
    """Pack blocks; scaled (c, 5): per channel left shift, bias, multiplier, offset, right shift."""
    count = weights.shape[1]
    starts = [min(i, max(count - CHANNELS, 0)) for i in range(0, count, CHANNELS)]
    left, bias, multiplier, offset, right = _blocks(scaled.T, starts)
    ending = np.stack([multiplier, offset], axis=2).reshape(len(starts), -1)
    blocks = [bias, _lanes(_blocks(weights, starts) << left), ending]
    if first == OWN_SHIFTS:
        blocks.append((right << np.array([0, 8, 16, 24])).sum(axis=1, keepdims=True))
    words = np.concatenate([[first], np.concatenate(blocks, axis=1).reshape(-1)])
    packed: Int32 = (words & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return packed


def _blocks(values: Int64, starts: list[int]) -> Int64:
    """Cut (n, c) into (n, blocks, 4): four columns from each start, zeros for missing columns."""
    filled = np.pad(values, ((0, 0), (0, max(CHANNELS - values.shape[1], 0))))
    return filled[:, np.add.outer(starts, np.arange(CHANNELS))]


def _lanes(weights: Int64) -> Int64:
    """Pack weights (taps, blocks, 4) into the words of each block (blocks, words)."""
    taps, blocks, _ = weights.shape
    single = taps > 1 and taps % TAPS == 1
    paired = weights[: taps - single]
    paired = np.pad(paired, ((0, -len(paired) % TAPS), (0, 0), (0, 0)))
    pairs = (paired[0::2] & 0xFFFF) | (paired[1::2] << 16)  # (pairs, blocks, 4)
    words: Int64 = pairs.transpose(1, 0, 2).reshape(blocks, -1)
    if not single:
        return words
    last = weights[-1]
    return np.concatenate([words, (last[:, :2] & 0xFFFF) | (last[:, 2:] << 16)], axis=1)


def _own_shifts(channels: Channels) -> Int64:
    """Scale channels as `Channels` states them; the doubling is in the weights."""
    # the output of a dead channel is its zero point: the term for ties is then shifted out
    right = np.where(channels.multiplier == 0, 1, channels.right).astype(np.int64)
    offset = (2 * channels.zero_point + 1) << right >> 1
    bias = channels.bias.astype(np.int64) << 1
    return np.stack([np.ones_like(right), bias, channels.multiplier, offset, right], axis=1)


def _shared_shift(weights: Int64, channels: Channels) -> Int64 | None:
    """Find scalings with one shift for all channels; None if a channel has no exact scaling."""
    if channels.ties_away:
        return None
    low = channels.bias + np.minimum(127 * weights, -128 * weights).sum(axis=0)
    high = channels.bias + np.maximum(127 * weights, -128 * weights).sum(axis=0)
    most = np.abs(weights).max(axis=0)
    constants = np.stack([channels.multiplier, channels.right, low, high, most], axis=1)
    found = []
    for bias, (*factor, weight) in zip(channels.bias.tolist(), constants.tolist(), strict=True):
        scaling = shared_shift(Factor(*factor), weight, channels.zero_point)
        if scaling is None:
            return None
        raised = (bias << scaling.left) + scaling.raised
        found.append((scaling.left, raised, scaling.multiplier, scaling.offset, 0))
    return np.array(found, np.int64)
