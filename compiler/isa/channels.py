# SPDX-License-Identifier: Apache-2.0
"""How a packed kernel requantizes each accumulator, checked against the kernel's limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.ops.common.fixed_point import Multiplier, requantize, wrap_int32
from mcuforge.compiler.ops.common.weighted import folded_bias, mantissas, shifts
from mcuforge.compiler.tensors import Array, Tensor, Tensors, is_unknown

MAX_RIGHT = 22  # (2 * zero point + 1) << right >> 1 is an int32
MEAN_WEIGHT = 28  # at most, of |w| over a filter: assumed where weights are unknown
ACCUMULATOR_BITS = 30  # a bit to spare: kernels double an accumulator before they multiply it
INT32_MAX = 2**31 - 1
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Channels:
    """The constants per output channel (co) that turn acc = bias + sum of products into an int8.

    bias: int32, the input's zero point folded in, so that padding holds the zero point.
    multiplier: int32 mantissa in [0, 2^31); 0 if the output is the zero point for every input.
    right: 0 to 22. reach: int64, the largest possible |acc|, below 2^30.
    constant: whether the output is the same for every input: then the filter is all zeros.
    zero_point: the output's.

    TFLite's double rounding (`requantize.h`) is then
        offset = (2 * zero point + 1) << right >> 1
        (round(2 * acc * multiplier / 2^32) + offset - (1 if acc < 0 and right > 0 else 0)) >> right
    clamped to int8: the zero point is added before the shift. `ties_away`: whether the term for
    negative accumulators matters; it does not if they are all clamped to the zero point.
    """

    bias: Int32
    multiplier: Int32
    right: Int32
    reach: Int64
    constant: NDArray[np.bool_]
    ties_away: bool
    zero_point: int

    def used(self, filters: Array, axis: int = 0) -> NDArray[np.int8]:
        """Zero the filters whose outputs are constant; int8 of the filters' shape.

        filters: one per slice of `axis`.
        """
        if not self.constant.any():
            return filters.astype(np.int8, copy=False)
        shape = [1] * filters.ndim
        shape[axis] = -1
        return np.where(self.constant.reshape(shape), 0, filters).astype(np.int8)


def packable(
    inputs: Tensors,
    filters: Array,
    multipliers: tuple[Multiplier, ...],
    output: Tensor,
    act_min: int,
) -> Channels | None:
    """Compute the channels of a layer with constant `filters` (co, taps); None: use portable code.

    None is returned if a factor has a left shift, or if an accumulator may pass 2^30. Channels that
    training has switched off often have extreme biases and factors, but only one output: they get
    other constants that give the same output. `multipliers`: one per channel, or one for all.
    Unknown weights are taken to be at most MEAN_WEIGHT in the mean, without a bias.
    """
    if is_unknown(filters):
        return _assumed(filters.shape, multipliers, output, act_min)
    count = filters.shape[0]
    bias = folded_bias(inputs, filters).data.astype(np.int32)
    sizes = np.abs(filters, dtype=np.int16)  # of int8: 128 is the largest
    reach = np.abs(bias.astype(np.int64)) + 128 * sizes.sum(axis=1, dtype=np.int64)
    mantissa = np.broadcast_to(mantissas(multipliers), count)
    shift = np.broadcast_to(shifts(multipliers), count).astype(np.int64)
    swing = reach - np.abs(bias.astype(np.int64))
    zero_point = output.zero_point
    ends = [
        np.clip(wrap_int32(requantize(bias + end, mantissa, shift) + zero_point), act_min, 127)
        for end in (-swing, swing)
    ]
    # the zero point, too, may take a value beyond 32 bits
    wraps = (swing > 0) & ((reach > INT32_MAX - 128) | (shift > 0))
    constant = (ends[0] == ends[1]) & ~wraps
    above = ends[0] - zero_point  # half of four times this, one bit of it shifted out
    bias = np.where(constant, 4 * above, bias).astype(np.int32)
    multiplier: Int32 = np.where(constant, (above != 0) << 30, mantissa).astype(np.int32)
    right: Int32 = np.where(constant, above != 0, -shift).astype(np.int32)
    reach = np.where(constant, np.abs(4 * above), reach)
    return _within_limits(bias, multiplier, right, reach, constant, zero_point, act_min)


def _assumed(
    shape: tuple[int, ...], multipliers: tuple[Multiplier, ...], output: Tensor, act_min: int
) -> Channels | None:
    """The channels of filters (co, taps) that are unknown."""
    count, taps = shape
    return _within_limits(
        np.zeros(count, np.int32),
        np.broadcast_to(mantissas(multipliers), count).astype(np.int32),
        -np.broadcast_to(shifts(multipliers), count).astype(np.int32),
        np.full(count, 128 * MEAN_WEIGHT * taps, np.int64),
        np.zeros(count, np.bool_),
        output.zero_point,
        act_min,
    )


def _within_limits(
    bias: Int32,
    multiplier: Int32,
    right: Int32,
    reach: Int64,
    constant: NDArray[np.bool_],
    zero_point: int,
    act_min: int,
) -> Channels | None:
    """The channels, or None where one of them passes the kernels' limits."""
    if reach.max(initial=0) >= 1 << ACCUMULATOR_BITS:
        return None
    if right.min(initial=0) < 0 or right.max(initial=0) > MAX_RIGHT:
        return None
    ties_away = bool(right.any()) and act_min < zero_point
    return Channels(bias, multiplier, right, reach, constant, ties_away, zero_point)
