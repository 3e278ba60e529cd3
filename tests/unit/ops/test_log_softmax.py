# SPDX-License-Identifier: Apache-2.0
"""The integer logarithm of softmax beside the exact one."""

from __future__ import annotations

import numpy as np
import pytest

from mcuforge.compiler.ops.log_softmax import LogSoftmax, fixed_log
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.errors import Refusal

DEPTHS = (1, 2, 10, 100, 1000, 4095)


def nodes(depth: int, scale: float, out_scale: float, zero_point: int) -> tuple[Tensor, Tensor]:
    x = Tensor("x", (8, depth), DType.INT8, Quant((scale,), 4))
    quant = Quant((out_scale,), zero_point, nearest=True)
    return x, Tensor("y", x.shape, DType.INT8, quant)


def test_the_logarithm_is_right_to_a_millionth() -> None:
    x = np.unique(np.geomspace(2**19, 4095 * 2**19, 200_000).astype(np.int64))
    exact = np.log(x / 2.0**19)
    assert np.abs(fixed_log(x) / 2.0**26 - exact).max() < 1e-6


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("scale", [0.005, 0.1, 1.0, 20.0])
@pytest.mark.parametrize(("out_scale", "zero_point"), [(1 / 16, 127), (0.02, 100), (0.5, 127)])
def test_its_answers_lie_within_the_stated_bound(
    depth: int, scale: float, out_scale: float, zero_point: int
) -> None:
    x, y = nodes(depth, scale, out_scale, zero_point)
    op = LogSoftmax()
    op.check((x,), y)
    rng = np.random.default_rng(depth)
    values = rng.integers(-128, 128, x.shape).astype(np.int8)
    values[0] = 127  # all equal
    values[1] = -128
    values[1, 0] = 127  # one far above the others
    met = op.evaluate((x,), y, [values]).astype(np.int64)
    real = scale * (values.astype(np.float64) - 4)
    real -= real.max(axis=-1, keepdims=True)
    exact = (real - np.log(np.exp(real).sum(axis=-1, keepdims=True))) / out_scale + zero_point
    inside = (exact > -127.5) & (exact < 126.5)
    bound = 0.5 + (depth * 2.0**-20 + 2.0**-16) / out_scale + 0.01
    assert np.abs(met - exact)[inside].max(initial=0.0) <= bound
    assert (met[exact <= -129] == -128).all()


def test_a_scale_that_holds_no_result_is_refused() -> None:
    x, y = nodes(10, 0.1, 2.0**-22, 0)
    with pytest.raises(Refusal, match="nearly every result"):
        LogSoftmax().check((x,), y)
