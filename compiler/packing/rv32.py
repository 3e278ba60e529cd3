# SPDX-License-Identifier: Apache-2.0
"""Layouts of rv32: filters side by side, so that one pointer walks a block of them."""

from __future__ import annotations

from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.ir import Array
from mcuforge.compiler.packing.channels import Channels, Int32
from mcuforge.compiler.packing.packing import Packed, Packing

Number = TypeVar("Number", np.int8, np.int32)
Bytes = NDArray[np.int8]
FILTERS = 4  # of a block
PIXELS = 4  # whose windows are gathered at a time
WORD = 4


class Rv32(Packing):
    """Blocks of four filters: bias x4, weights, multiplier x4 doubled as uint32, shift x4 as int8.

    The weights of a block are those of the first value of each filter, then of the second, and so
    on; missing filters and values are zeros.
    """

    pixels: ClassVar[int] = PIXELS

    def conv2d(self, filters: Array, channels: Channels) -> Packed:
        depth = -(-filters.shape[1] // WORD) * WORD
        return Packed(blocks(filters, channels, depth), depth, PIXELS * depth)


def blocks(filters: Array, channels: Channels, depth: int) -> Int32:
    """Filters (co, taps) with `depth` values each, a multiple of four, as blocks of four."""
    count = -(-len(filters) // FILTERS)
    weights = padded(filters.astype(np.int8), (count * FILTERS, depth))
    side_by_side = weights.reshape(count, FILTERS, depth).transpose(0, 2, 1)
    shifts = padded(channels.right.astype(np.int8), (count * FILTERS,))
    columns = (
        padded(channels.bias, (count * FILTERS,)).reshape(count, -1),
        words(side_by_side).reshape(count, -1),
        padded(doubled(channels), (count * FILTERS,)).reshape(count, -1),
        words(shifts).reshape(count, -1),
    )
    return np.concatenate(columns, axis=1).reshape(-1)


def doubled(channels: Channels) -> Int32:
    """Twice the multipliers: what mulhsu takes, uint32 as the int32 of the same bits."""
    return (channels.multiplier.astype(np.uint32) * np.uint32(2)).view(np.int32)


def padded(values: NDArray[Number], shape: tuple[int, ...]) -> NDArray[Number]:
    """Zeros of `shape` with `values` first along every axis."""
    result = np.zeros(shape, values.dtype)
    result[tuple(slice(size) for size in values.shape)] = values
    return result


def words(values: Bytes) -> Int32:
    """Bytes, a multiple of four, as little-endian words."""
    return np.ascontiguousarray(values).reshape(-1).view("<i4").astype(np.int32)
