# SPDX-License-Identifier: Apache-2.0
"""The weight layouts of rv32: filters side by side, so that one pointer walks through a block."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np

from mcuforge.compiler.isa.channels import Channels, Int32
from mcuforge.compiler.isa.instruction_set import (
    MAX_TAPS,
    InstructionSet,
    Packed,
    in_groups,
    padded,
    rounded_up,
    stream,
    words,
)
from mcuforge.compiler.tensors import Array

FILTERS = 4  # of a block of conv2d
VECTOR_FILTERS = 8  # of a block of fully_connected
PIXELS = 4  # pixels whose windows are gathered at a time
WORD = 4


class Rv32(InstructionSet):
    """The layouts of rv32: blocks of biases, weights, doubled multipliers (uint32), int8 shifts.

    The weights of a block are those of the first value of each filter, then of the second, and so
    on; missing filters and values are zeros.
    """

    name: ClassVar[str] = "rv32"
    pixels: ClassVar[int] = PIXELS
    fills_up: ClassVar[bool] = True
    vector_filters: ClassVar[int] = VECTOR_FILTERS
    slides: ClassVar[bool] = True
    lists_all: ClassVar[bool] = True

    def conv2d(self, filters: Array, channels: Channels) -> Packed:
        depth = rounded_up(filters.shape[1], WORD)
        pack = partial(blocks, filters, channels, FILTERS, depth)
        return Packed(pack, depth, _block_words(len(filters), FILTERS, depth), PIXELS * depth)

    def fully_connected(self, filters: Array, channels: Channels) -> Packed:
        """Pack blocks of eight, then the remaining filters one by one."""
        count = len(filters) // VECTOR_FILTERS * VECTOR_FILTERS
        depth = rounded_up(filters.shape[1], WORD)

        def pack() -> Int32:
            of_blocks = blocks(filters[:count], channels, VECTOR_FILTERS, depth)
            return np.concatenate(
                [of_blocks, blocks(filters[count:], channels, 1, depth, first=count)]
            )

        words = _block_words(count, VECTOR_FILTERS, depth)
        return Packed(pack, depth, words + _block_words(len(filters) - count, 1, depth))

    def depthwise_conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack blocks of four channels, for any filter whose taps have room on the stack."""
        taps = filters.shape[0] * filters.shape[1]
        if taps > MAX_TAPS:
            return None
        by_channel = filters.reshape(taps, -1).T
        words = _block_words(len(by_channel), FILTERS, taps)
        return Packed(partial(blocks, by_channel, channels, FILTERS, taps), taps, words)


def _block_words(filters: int, size: int, depth: int) -> int:
    """Words of blocks of `size` filters: biases, weights, multipliers, shifts."""
    of_block = 2 * size + size * depth // WORD + rounded_up(size, WORD) // WORD
    return -(-filters // size) * of_block


def blocks(filters: Array, channels: Channels, size: int, depth: int, first: int = 0) -> Int32:
    """Pack filters (co, taps) into blocks of `size`, each filter in whole words of `depth` values.

    first: the channel of the first filter. Returns the blocks one after the other: int32 (words,).
    """
    if not len(filters):
        return np.zeros(0, np.int32)
    count = -(-len(filters) // size)
    mine = slice(first, first + len(filters))
    weights = padded(filters.astype(np.int8), (count * size, depth))
    side_by_side = weights.reshape(count, size, depth).transpose(0, 2, 1).reshape(count, -1)
    shifts = in_groups(channels.right[mine].astype(np.int8), size)
    return stream(
        in_groups(channels.bias[mine], size),
        words(side_by_side),
        in_groups(doubled(channels)[mine], size),
        words(padded(shifts, (count, rounded_up(size, WORD)))),
    )


def doubled(channels: Channels) -> Int32:
    """Double the multipliers, as mulhsu takes them: int32 (co,), the bits of a uint32."""
    return (channels.multiplier.astype(np.uint32) * np.uint32(2)).view(np.int32)
