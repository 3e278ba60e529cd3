# SPDX-License-Identifier: Apache-2.0
"""Channels whose output nothing changes: they get constants that packed kernels can hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.isa.channels import Channels, packable
from mcuforge.compiler.ops.common.fixed_point import Multiplier, requantize, wrap_int32
from mcuforge.compiler.tensors import DType, Quant, Tensor

HALF = 1 << 30
ZERO_POINT = -3


def channels_of(
    filters: NDArray[np.int8],
    bias: list[int],
    multipliers: list[tuple[int, int]],
    act_min: int = -128,
) -> Channels | None:
    """(mantissa, shift) of every filter."""
    count = filters.shape[0]
    x = Tensor("x", (1, filters.shape[1]), DType.INT8, Quant((0.1,), 0))
    weights = Tensor("w", filters.shape, DType.INT8, Quant((0.1,), 0), filters)
    biases = Tensor("b", (count,), DType.INT32, None, np.array(bias, np.int32))
    output = Tensor("y", (1, count), DType.INT8, Quant((0.1,), ZERO_POINT))
    factors = tuple(Multiplier(mantissa, shift) for mantissa, shift in multipliers)
    return packable((x, weights, biases), filters, factors, output, act_min)


def outputs(channels: Channels, acc: NDArray[np.int64]) -> NDArray[np.int64]:
    """As `Channels` says it is to be done."""
    right = channels.right.astype(np.int64)
    offset = ((2 * channels.zero_point + 1) << right) >> 1
    product = (2 * acc * channels.multiplier + (1 << 31)) >> 32
    out: NDArray[np.int64] = (product + offset - ((acc < 0) & (right > 0))) >> right
    return np.clip(out, -128, 127)


def test_a_channel_far_out_with_one_output_gets_constants_within_reach() -> None:
    filters = np.array([[1, -2], [3, 4], [5, 6], [0, 1]], np.int8)
    bias = [HALF, -HALF, 1000, HALF]
    factors = [(HALF + 77, -25), (HALF + 77, -25), (HALF, -5), (HALF, -27)]
    channels = channels_of(filters, bias, factors)
    assert channels is not None
    assert channels.constant.tolist() == [True, True, False, True]
    assert channels.used(filters).tolist() == [[0, 0], [0, 0], [5, 6], [0, 0]]
    assert channels.used(filters.T, 1).tolist() == [[0, 0, 5, 0], [0, 0, 6, 0]]
    mantissas, shifts = zip(*factors, strict=True)
    want = requantize(np.array(bias), np.array(mantissas), np.array(shifts)) + ZERO_POINT
    assert outputs(channels, channels.bias.astype(np.int64)).tolist() == want.tolist()


def test_what_an_activation_always_cuts_off_is_constant() -> None:
    filters = np.array([[1, 1]], np.int8)
    channels = channels_of(filters, [-HALF], [(HALF, -10)], act_min=ZERO_POINT)
    assert channels is not None
    assert channels.constant.all()
    assert channels.multiplier.tolist() == [0]


def test_an_output_that_depends_on_a_sum_that_wraps_is_not_called_constant() -> None:
    filters = np.array([[127, 127]], np.int8)
    assert channels_of(filters, [2**31 - 1], [(HALF, -20)]) is None
    assert channels_of(filters, [0], [(HALF, 1)]) is None


def test_an_output_that_wraps_with_the_zero_point_is_what_an_int32_register_holds() -> None:
    bias, factor = -(2**31), (2**31 - 1, 0)
    want = np.clip(wrap_int32(requantize(bias, *factor) + ZERO_POINT), -128, 127)
    channels = channels_of(np.zeros((1, 2), np.int8), [bias], [factor])
    assert channels is not None
    assert outputs(channels, channels.bias.astype(np.int64)).tolist() == [want] == [127]
