# SPDX-License-Identifier: Apache-2.0
"""What is known of packed weights before they are packed, or before there are any."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.isa.channels import MEAN_WEIGHT, Channels, packable
from mcuforge.compiler.isa.code_size import code_size
from mcuforge.compiler.isa.instruction_set import Packed
from mcuforge.compiler.ops.common.fixed_point import quantize_multiplier
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor, is_unknown, picked, unknown
from mcuforge.runtime_c.sources import isas, kernel_names

FACTOR = quantize_multiplier(0.01)
OUTPUT = Tensor("y", (1, 4, 4, 8), DType.INT8, Quant((0.1,)))
SIZES = [(1, 9), (3, 8), (4, 27), (8, 64), (10, 33), (16, 1728)]  # filters, taps


def channels(filters: Array, factor: float = 0.01) -> Channels:
    x = Tensor("x", (1, 4, 4, 8), DType.INT8, Quant((0.1,)))
    found = packable((x,), filters, (quantize_multiplier(factor),), OUTPUT, -128)
    assert found is not None
    return found


def drawn(count: int, taps: int) -> NDArray[np.int8]:
    values = np.random.default_rng(taps).normal(0, 30, (count, taps))
    return np.clip(values, -127, 127).astype(np.int8)


@pytest.mark.parametrize("isa", ["armv7em", "rv32", "helium"])
@pytest.mark.parametrize("size", SIZES)
def test_the_words_of_packed_filters_are_known_before_they_are_packed(
    isa: str, size: tuple[int, int]
) -> None:
    filters = drawn(*size)
    layouts = find_instruction_set(isa)
    for pack in (layouts.conv2d, layouts.fully_connected):
        packed = pack(filters, channels(filters))
        assert isinstance(packed, Packed)
        assert packed.most_words == len(packed.pack())


@pytest.mark.parametrize("isa", ["armv7em", "rv32", "helium"])
@pytest.mark.parametrize(("taps", "count"), [((3, 3), 8), ((5, 5), 10), ((3, 3), 48), ((1, 7), 4)])
def test_so_are_those_of_depthwise_filters(isa: str, taps: tuple[int, int], count: int) -> None:
    filters = drawn(count, taps[0] * taps[1]).T.reshape(*taps, count)
    by_channel = filters.reshape(-1, count).T
    packed = find_instruction_set(isa).depthwise_conv2d(filters, channels(by_channel))
    assert isinstance(packed, Packed)
    spared = -(-count // 4) if isa == "armv7em" else 0  # a word per block if channels share a shift
    assert packed.most_words - spared <= len(packed.pack()) <= packed.most_words


@pytest.mark.parametrize("size", SIZES)
def test_large_weights_take_twice_as_much_on_armv7em_alone(size: tuple[int, int]) -> None:
    filters = np.full(size, 127, np.int8)
    for isa in isas():
        layouts = find_instruction_set(isa)
        packed = layouts.conv2d(filters, channels(filters))
        small = layouts.conv2d(drawn(*size), channels(drawn(*size)))
        if packed is None or small is None:
            continue
        grows = len(packed.pack()) > len(small.pack())
        assert not grows or size[1] >= 516
        assert packed.most_words == len(packed.pack())


def test_unknown_weights_are_taken_to_be_small_and_no_channel_dead() -> None:
    weights = unknown((8, 3, 3, 4), DType.INT8)
    filters = weights.reshape(8, -1)
    assert is_unknown(filters)
    assert is_unknown(weights[0].reshape(-1, 4).T)
    found = channels(filters)
    assert not found.constant.any()
    assert found.reach.tolist() == [128 * MEAN_WEIGHT * 36] * 8
    assert found.used(filters) is not None
    known = channels(drawn(8, 36))
    assert (found.right == known.right).all()
    assert (found.multiplier == known.multiplier).all()
    x = Tensor("x", (1, 4, 4, 8), DType.INT8, Quant((0.1,)))
    left = (quantize_multiplier(3.0),)  # a left shift: no packed kernel takes it
    assert packable((x,), filters, left, OUTPUT, -128) is None


def test_rows_of_unknown_weights_are_unknown() -> None:
    rows = np.array([3, 1, 2])
    weights = unknown((8, 5), DType.INT8)
    assert is_unknown(picked(weights, rows))
    assert picked(weights, rows).shape == (3, 5)
    known = np.arange(40, dtype=np.int8).reshape(8, 5)
    assert not is_unknown(known)
    assert picked(known, rows).tolist() == known[[3, 1, 2]].tolist()
    assert not is_unknown(np.zeros((8, 5), np.int8))


@pytest.mark.parametrize("isa", ["portable", "armv7em", "rv32", "helium"])
def test_every_kernel_has_a_size(isa: str) -> None:
    sizes = code_size(isa, "a CPU that nobody measured")
    assert set(sizes.kernels) == set(kernel_names(isa))
    assert all(size > 0 for size in sizes.kernels.values())
    assert sizes.of_kernels(["add_s8", "add_s8"]) == sizes.kernels["add_s8"]
    assert sizes.of_calls(10, 4, 2) > sizes.of_calls(10, 4, 1) > sizes.of_calls(9, 4, 1)
