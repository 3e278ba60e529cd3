# SPDX-License-Identifier: Apache-2.0
"""The weight layouts of helium: vectors of 16 weights, groups of four filters or 16 channels."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

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

WORD = 4
LANES = 16  # int8 values of a vector
FILTERS = 4  # int32 values of a vector

PAIR_REACH = 255  # largest |w| + |v| of two taps whose products' sum always fits an int16
# the order of 16 channels after even and odd lanes are widened twice
ORDER = (0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15)


class Helium(InstructionSet):
    """The layouts of mve_sums.h; the filters that fill up a group are zeros."""

    name: ClassVar[str] = "helium"
    pixels: ClassVar[int] = 2
    values: ClassVar[int] = LANES
    in_vectors: ClassVar[bool] = True
    lanes: ClassVar[int] = LANES
    taps: ClassVar[int] = 2

    def conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack groups of four filters; scratch holds the windows of two pixels."""
        depth = rounded_up(filters.shape[1], LANES)
        pack = partial(_groups_of_filters, filters, channels, depth)
        return Packed(pack, depth, _group_words(filters, depth), 2 * depth)

    def fully_connected(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack the same groups, without scratch: the vector is read where it lies."""
        depth = rounded_up(filters.shape[1], LANES)
        pack = partial(_groups_of_filters, filters, channels, depth)
        return Packed(pack, depth, _group_words(filters, depth))

    def depthwise_conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """Pack groups of 16 channels; None for over 50 taps or two weights of -128 in one sum."""
        count = filters.shape[2]
        taps = channels.used(filters, 2).reshape(-1, count)
        if len(taps) > MAX_TAPS:
            return None
        size = np.abs(taps.astype(np.int32))
        even = len(taps) // 2 * 2
        if (size[0:even:2] + size[1:even:2]).max(initial=0) > PAIR_REACH:
            return None
        lanes = count * (2 if count == LANES // 2 else 1)
        words = rounded_up(lanes, LANES) // LANES * (3 * LANES + len(taps) * LANES // WORD)
        return Packed(partial(_groups_of_channels, taps, channels), len(taps), words)


def _group_words(filters: Array, depth: int) -> int:
    """Words of groups of four filters: biases, weights, multipliers, shifts."""
    return rounded_up(len(filters), FILTERS) // FILTERS * (3 * FILTERS + FILTERS * depth // WORD)


def _groups_of_channels(taps: NDArray[np.int8], channels: Channels) -> Int32:
    """Pack per 16 channels: biases, weights (taps, 16), multipliers, -right. taps: (taps, c)."""
    count = taps.shape[1]
    pixels = 2 if count == LANES // 2 else 1  # eight channels of two pixels are a group too
    lanes = padded(np.tile(taps, pixels), (len(taps), rounded_up(count, LANES)))
    weights = lanes.reshape(len(taps), -1, LANES).transpose(1, 0, 2)
    return stream(
        in_groups(np.tile(channels.bias, pixels), LANES)[:, ORDER],
        words(weights),
        in_groups(np.tile(channels.multiplier, pixels), LANES)[:, ORDER],
        in_groups(np.tile(-channels.right, pixels), LANES)[:, ORDER],
    )


def _groups_of_filters(filters: Array, channels: Channels, depth: int) -> Int32:
    """Pack per four filters: biases, weights (depth / 16, filter, 16), multipliers, -right."""
    count = len(filters)
    filled = padded(channels.used(filters), (rounded_up(count, FILTERS), depth))
    weights = filled.reshape(-1, FILTERS, depth // LANES, LANES).transpose(0, 2, 1, 3)
    return stream(
        in_groups(channels.bias, FILTERS),
        words(weights),
        in_groups(channels.multiplier, FILTERS),
        in_groups(-channels.right, FILTERS),
    )
