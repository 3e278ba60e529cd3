# SPDX-License-Identifier: Apache-2.0
"""Softmax where the TFLite reference cannot say: against exact arithmetic and beyond its range."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mcuforge.compiler.ops.softmax import MAX_DEPTH, Softmax, one_over_one_plus
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import Refusal

OUTPUT = Quant((1.0 / 256.0,), -128)


def pair(shape: tuple[int, ...], scale: float, output: Quant = OUTPUT) -> tuple[Tensor, Tensor]:
    x = Tensor("x", shape, DType.INT8, Quant((scale,), 5))
    return x, Tensor("y", shape, DType.INT8, output)


def answer(values: Array, scale: float) -> Array:
    x, output = pair(values.shape, scale)
    Softmax().check((x,), output)
    return Softmax().evaluate((x,), output, [values])


@pytest.mark.parametrize("scale", [0.001, 0.02, 0.1, 0.5, 3.0])
def test_softmax_is_within_one_step_of_the_real_one(scale: float) -> None:
    values = np.random.default_rng(7).integers(-128, 127, (50, 30), endpoint=True).astype(np.int8)
    exact = np.exp((values - values.max(axis=1, keepdims=True).astype(np.float64)) * scale)
    exact = exact / exact.sum(axis=1, keepdims=True) * 256 - 128
    got = answer(values, scale).astype(np.float64)
    assert np.abs(got - np.clip(exact, -128, 127)).max() <= 1.0


@pytest.mark.parametrize("scale", [0.01, 0.1, 0.3])
def test_the_table_holds_exponentials_to_22_bits(scale: float) -> None:
    table = Softmax().exponentials(pair((1, 4), scale)[0])
    want = [math.exp(-i * scale) * 2.0**31 for i in range(table.size)]
    assert np.abs(table - np.array(want)).max() < 2**9


def test_the_table_ends_where_an_exponential_no_longer_counts() -> None:
    assert Softmax().exponentials(pair((1, 4), 0.1)[0]).size == 139  # exp(-13.9) is 2**-20
    assert Softmax().exponentials(pair((1, 4), 0.001)[0]).size == 256
    assert Softmax().exponentials(pair((1, 4), 5000.0)[0]).size == 1


def test_the_reciprocal_is_within_a_few_units() -> None:
    x = np.arange(0, 2**31, 9999991, dtype=np.int64)
    want = 2.0**62 / (2.0**31 + x)
    assert np.abs(one_over_one_plus(x) - np.minimum(want, 2**31 - 1)).max() <= 16


@pytest.mark.parametrize(("depth", "want"), [(511, -127), (512, -128), (MAX_DEPTH, -128)])
def test_many_equal_values_share_what_is_left(depth: int, want: int) -> None:
    assert set(answer(np.zeros((1, depth), np.int8), 0.1).reshape(-1).tolist()) == {want}


@pytest.mark.parametrize(
    ("shape", "scale", "output", "what"),
    [
        ((1, 4), 0.1, Quant((0.01,), -128), "expected 1/256 and -128"),
        ((1, 4), 0.1, Quant((1.0 / 256.0,), 0), "zero point 0, expected 1/256 and -128"),
        ((1, MAX_DEPTH + 1), 0.1, OUTPUT, "over 4096 values, supported: up to 4095"),
        ((1, 4), 1e-9, OUTPUT, r"is not above 2\*\*-26"),
        ((1, 1, 1, 1, 4), 0.1, OUTPUT, "supported rank: 1 or 2 or 3 or 4"),
    ],
)
def test_what_the_kernel_does_not_define_is_refused(
    shape: tuple[int, ...], scale: float, output: Quant, what: str
) -> None:
    x, y = pair(shape, scale, output)
    with pytest.raises(Refusal, match=what):
        Softmax().check((x,), y)
