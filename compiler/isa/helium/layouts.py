# SPDX-License-Identifier: Apache-2.0
"""Layouts of helium: 16 weights of a filter are a vector, four filters or 16 channels a group."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mcuforge.compiler.isa.channels import Channels, Int32
from mcuforge.compiler.isa.instruction_set import (
    MAX_TAPS,
    InstructionSet,
    Packed,
    padded,
    rounded_up,
)
from mcuforge.compiler.tensors import Array

LANES = 16  # int8 values of a vector
FILTERS = 4  # int32 values of a vector

PAIR_REACH = 255  # |w| + |v| of two taps whose products, times -128 at most, fit an int16 together
# what widening even and odd lanes twice makes of the order of 16 channels
ORDER = (0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15)


class Helium(InstructionSet):
    """Layouts of mve_sums.h; the filters that fill up a group are zeros."""

    name: ClassVar[str] = "helium"

    def conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """Scratch for the windows of two pixels."""
        words, depth = _groups_of_filters(filters, channels)
        return Packed(words, depth, 2 * depth)

    def fully_connected(self, filters: Array, channels: Channels) -> Packed | None:
        """The same groups; the vector is read where it lies."""
        words, depth = _groups_of_filters(filters, channels)
        return Packed(words, depth)

    def depthwise_conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """None for a filter of more than 50 taps, or of two -128 where one sum takes both."""
        count = filters.shape[2]
        taps = channels.used(filters, 2).reshape(-1, count)
        if len(taps) > MAX_TAPS:
            return None
        size = np.abs(taps.astype(np.int32))
        even = len(taps) // 2 * 2
        if (size[0:even:2] + size[1:even:2]).max(initial=0) > PAIR_REACH:
            return None
        pixels = 2 if count == LANES // 2 else 1  # eight channels of two pixels are a group as well
        lanes = padded(np.tile(taps, pixels), (len(taps), rounded_up(count, LANES)))
        weights = lanes.reshape(len(taps), -1, LANES).transpose(1, 0, 2)
        groups = (
            _in_groups(np.tile(channels.bias, pixels), LANES)[:, ORDER],
            np.ascontiguousarray(weights).reshape(len(weights), -1).view("<i4"),
            _in_groups(np.tile(channels.multiplier, pixels), LANES)[:, ORDER],
            _in_groups(np.tile(-channels.right, pixels), LANES)[:, ORDER],
        )
        words: Int32 = np.concatenate(groups, axis=1).reshape(-1).astype(np.int32)
        return Packed(words, len(taps))


def _groups_of_filters(filters: Array, channels: Channels) -> tuple[Int32, int]:
    """Per four filters: biases, weights (depth / 16, filter, 16), multipliers, -right."""
    count, taps = filters.shape
    depth = rounded_up(taps, LANES)
    filled = padded(channels.used(filters), (rounded_up(count, FILTERS), depth))
    weights = filled.reshape(-1, FILTERS, depth // LANES, LANES).transpose(0, 2, 1, 3)
    rows = np.ascontiguousarray(weights).reshape(len(weights), -1).view("<i4")
    groups = (
        _in_groups(channels.bias, FILTERS),
        rows,
        _in_groups(channels.multiplier, FILTERS),
        _in_groups(-channels.right, FILTERS),
    )
    words: Int32 = np.concatenate(groups, axis=1).reshape(-1).astype(np.int32)
    return words, depth


def _in_groups(values: Int32, size: int) -> Int32:
    """(groups, size), zeros where there are no more values."""
    return padded(values, (rounded_up(len(values), size),)).reshape(-1, size)
