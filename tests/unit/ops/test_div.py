# SPDX-License-Identifier: Apache-2.0
"""Div on int8 is what tflite-runtime divides uint8 by, wherever that is defined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mcuforge.compiler.ops.common.fixed_point import Int64, quantize_multiplier
from mcuforge.compiler.ops.div import Div, quotients, scale_factor
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import Refusal
from tests.golden.case import Case, Operand
from tests.models.case_model import case_model
from tests.models.oracle import run_reference

OFFSET = 128  # from int8 to uint8
EVERY = np.arange(-128, 128)
PAIRS = np.meshgrid(EVERY, EVERY)
SHAPE = (1, 256 * 256)

Place = tuple[float, int]


def tensor(name: str, place: Place) -> Tensor:
    scale, zero_point = place
    return Tensor(name, SHAPE, DType.INT8, Quant((float(np.float32(scale)),), zero_point))


def bits(x: Int64) -> Int64:
    """The bits of a value without its sign."""
    return np.frexp(np.where(x < 0, ~x, x).astype(np.float64))[1].astype(np.int64)


def by_reference(a: Tensor, b: Tensor, output: Tensor, values: Sequence[Array]) -> Array:
    """The interpreter's answers on uint8 whose zero points lie as much higher as the values."""
    operands = [
        Operand(SHAPE, t.scale, t.zero_point + OFFSET, dtype="uint8") for t in (a, b, output)
    ]
    case = Case("div", "DIV", tuple(operands[:2]), (operands[2],), ("DivOptions", {}))
    unsigned = [(v.astype(np.int64) + OFFSET).astype(np.uint8) for v in values]
    (answer,) = run_reference(case_model(case), unsigned)
    return (answer.astype(np.int64) - OFFSET).astype(np.int8)


@pytest.mark.parametrize(
    ("a", "b", "output"),
    [
        ((0.05, -4), (0.03, 11), (0.1, 2)),
        ((0.05, -128), (0.03, -128), (0.4, -128)),
        ((0.05, 127), (0.03, 127), (0.004, 127)),
        ((0.01, -128), (0.2, -128), (1 / 256, -128)),
        ((3.0, 127), (0.003, -128), (1.0, 50)),
        ((0.0471337, 3), (0.0033371, -5), (0.13371337, -7)),
        ((1.0, 0), (1.0, 0), (2.0**-21.5, 0)),
    ],
)
def test_every_pair_of_values_gives_what_the_reference_gives_where_it_is_defined(
    a: Place, b: Place, output: Place
) -> None:
    inputs, out = (tensor("a", a), tensor("b", b)), tensor("y", output)
    Div().check(inputs, out)
    divisors = PAIRS[1].reshape(SHAPE)
    never_zero = np.where(divisors == b[1], divisors ^ 1, divisors)
    values = [PAIRS[0].reshape(SHAPE).astype(np.int8), never_zero.astype(np.int8)]
    got = Div().evaluate(inputs, out, values)
    want = by_reference(*inputs, out, values)
    shift = quantize_multiplier(scale_factor(inputs, out)).shift
    above, below = (v.astype(np.int64) - t.zero_point for v, t in zip(values, inputs, strict=True))
    defined = (
        bits(above * np.sign(below)) + shift - bits(np.abs(below)) >= -1
    )  # shifted by 31 at most
    assert defined.sum() > 20_000
    np.testing.assert_array_equal(got[defined], want[defined])
    exact = above / below * a[0] / b[0] / output[0] + output[1]
    assert np.abs(got - np.clip(exact, -128, 127)).max() < 0.501


def test_by_zero_all_but_zero_is_beyond_any_output() -> None:
    a = np.array([5, -5, 0, 7])
    b = np.array([0, 0, 0, 7])
    assert quotients(a, b, quantize_multiplier(1.0)).tolist() == [2**31, -(2**31), 0, 1]


def test_a_divisor_much_finer_than_dividend_and_output_is_refused() -> None:
    inputs = (tensor("a", (1.0, 0)), tensor("b", (1e-6, 0)))
    with pytest.raises(Refusal, match=r"1e\+07 times the output scale 0.1, expected below 4.1943e"):
        Div().check(inputs, tensor("y", (0.1, 0)))
    Div().check(inputs, tensor("y", (1.0, 0)))
