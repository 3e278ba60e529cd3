# SPDX-License-Identifier: Apache-2.0
"""Sum on int8 is what tflite-runtime's reference kernel adds up of uint8."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler.ops.sum import Sum
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.errors import Refusal
from tests.golden.case import Case, Operand
from tests.models.case_model import case_model
from tests.models.oracle import run_reference

OFFSET = 128  # from int8 to uint8
SHAPE = (1, 5, 29, 3)
Place = tuple[float, int]


def tensor(name: str, shape: tuple[int, ...], place: Place) -> Tensor:
    scale, zero_point = place
    return Tensor(name, shape, DType.INT8, Quant((float(np.float32(scale)),), zero_point))


@pytest.mark.parametrize("axes", [(1, 2), (2,), (3,), (1, 3), (0, 1, 2, 3)])
@pytest.mark.parametrize(
    ("place", "output"),
    [
        ((0.05, -4), (0.8, 3)),
        ((0.0471337, 127), (0.371337, -128)),
        ((0.0033371, -128), (0.0033371, -128)),
        ((0.2527848, -43), (0.702316, -48)),
    ],
)
def test_sums_are_those_of_uint8_with_zero_points_as_much_higher(
    axes: tuple[int, ...], place: Place, output: Place
) -> None:
    x = tensor("x", SHAPE, place)
    out = tensor("y", tuple(n for i, n in enumerate(SHAPE) if i not in axes), output)
    values = np.random.default_rng(len(axes)).integers(-128, 128, SHAPE)
    operands = (
        Operand(SHAPE, x.scale, x.zero_point + OFFSET, dtype="uint8"),
        Operand((len(axes),), dtype="int32", data=axes),
    )
    answer = Operand(out.shape, out.scale, out.zero_point + OFFSET, dtype="uint8")
    case = Case("sum", "SUM", operands, (answer,), ("ReducerOptions", {}))
    (want,) = run_reference(case_model(case), [(values + OFFSET).astype(np.uint8)])
    Sum(axes).check((x,), out)
    got = Sum(axes).evaluate((x,), out, [values.astype(np.int8)])
    np.testing.assert_array_equal(got.astype(np.int64) + OFFSET, want.astype(np.int64))


def test_sums_that_may_leave_int32_are_refused() -> None:
    x, out = tensor("x", (1, 1024), (1.0, 0)), tensor("y", (1,), (2.0**-14, 0))
    with pytest.raises(Refusal, match=r"1024 values of scale 1 in steps of 6.1e-05 may come to"):
        Sum((1,)).check((x,), out)
