# SPDX-License-Identifier: Apache-2.0
"""Layouts of helium: 16 weights of a filter are a vector, four filters or 16 channels a group."""

from __future__ import annotations

import numpy as np

from mcuforge.compiler.ir import Array
from mcuforge.compiler.packing.channels import Channels, Int32
from mcuforge.compiler.packing.packing import Packed, Packing

LANES = 16  # int8 values of a vector
FILTERS = 4  # int32 values of a vector


class Helium(Packing):
    """Layouts of mve_sums.h; the filters that fill up a group are zeros."""

    def conv2d(self, filters: Array, channels: Channels) -> Packed | None:
        """Scratch for the windows of two pixels."""
        words, depth = _groups_of_filters(filters, channels)
        return Packed(words, depth, 2 * depth)

    def fully_connected(self, filters: Array, channels: Channels) -> Packed | None:
        """The same groups; the vector is read where it lies."""
        words, depth = _groups_of_filters(filters, channels)
        return Packed(words, depth)


def _groups_of_filters(filters: Array, channels: Channels) -> tuple[Int32, int]:
    """Per four filters: biases, weights (depth / 16, filter, 16), multipliers, -right."""
    count, taps = filters.shape
    depth = _up(taps, LANES)
    padded = np.zeros((_up(count, FILTERS), depth), np.int8)
    padded[:count, :taps] = filters
    weights = padded.reshape(-1, FILTERS, depth // LANES, LANES).transpose(0, 2, 1, 3)
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
    padded = np.zeros(_up(len(values), size), np.int32)
    padded[: len(values)] = values
    return padded.reshape(-1, size)


def _up(value: int, step: int) -> int:
    return -(-value // step) * step
