# SPDX-License-Identifier: Apache-2.0
"""SoftmaxQdq against real numbers: within the bound it states, for whatever it is fed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mcuforge.compiler.ops.softmax_qdq import SoftmaxQdq
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import Refusal

Floats = NDArray[np.float64]
WORST = 0.51  # steps of the output: what the operator promises wherever it does not refuse
LENGTHS = (1, 2, 3, 5, 10, 64, 197, 256, 1000, 4096)


def operands(
    shape: tuple[int, ...], scale: float, out: tuple[float, int] = (1 / 255, -128)
) -> tuple[Tensor, Tensor]:
    x = Tensor("x", shape, DType.INT8, Quant((scale,), 4))
    return x, Tensor("out", shape, DType.INT8, Quant(out[:1], out[1]))


def exact(op: SoftmaxQdq, x: Tensor, output: Tensor, values: Array) -> Floats:
    """Where the answer lies between steps, before it is rounded, clamped like it."""
    stored = values.astype(np.int64)
    exps = np.exp(op.beta * x.scale * (stored - stored.max(axis=-1, keepdims=True)))
    place = exps / exps.sum(axis=-1, keepdims=True) / output.scale + output.zero_point
    clamped: Floats = np.clip(place, -128, 127)
    return clamped


def assert_within_bound(op: SoftmaxQdq, x: Tensor, output: Tensor, values: Array) -> None:
    op.check((x,), output)
    got = op.evaluate((x,), output, [values]).astype(np.int64)
    error = np.abs(got - exact(op, x, output, values)).max()
    stated = 0.5 + 2.0**-23 * x.shape[-1] + 2.0**-26 / output.scale + 2.0**-17
    assert error <= min(stated, WORST)


def rows_of_every_kind(rng: np.random.Generator, n: int) -> Array:
    """Rows of one length: constant, one far above, ends only, falling, noise of any width."""
    peak = np.full((3, n), -128)
    peak[0, 0], peak[1, -1], peak[2, n // 2] = 127, 0, -127
    constant = np.repeat([[-128], [0], [127]], n, axis=1)
    falling = np.clip(127 - np.arange(n) // max(n // 256, 1), -128, 127)[None]
    ends = rng.choice([-128, 127], (3, n))
    noise = rng.normal(rng.uniform(-90, 90, (16, 1)), rng.uniform(0.2, 90, (16, 1)), (16, n))
    found: Array = np.clip(np.concatenate([peak, constant, falling, ends, noise]), -128, 127)
    return found.astype(np.int8)


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 0.01, 0.0831, 0.3, 1.0, 20.0])
def test_the_error_is_bounded_for_rows_of_every_kind(n: int, scale: float) -> None:
    values = rows_of_every_kind(np.random.default_rng(n), n)
    for out in ((1 / 255, -128), (1 / 127, 0), (1 / n, 3), (2.0**-16, -128)):
        assert_within_bound(SoftmaxQdq(), *operands(values.shape, scale, out), values)


def test_one_value_far_below_the_others_is_within_the_bound_at_every_distance() -> None:
    values = np.full((256, 40), 127)
    values[:, 7] = np.arange(-128, 128)
    for scale in (0.001, 0.02, 0.1):
        x, output = operands(values.shape, scale, (1 / 3000, -128))
        assert_within_bound(SoftmaxQdq(), x, output, values.astype(np.int8))


def test_entries_that_all_round_the_same_way_do_not_add_up() -> None:
    worst = 0.0
    for scale in np.geomspace(0.05, 0.3, 20).tolist():
        values = np.full((255, 4096), -128) + np.arange(255)[:, None]
        values[:, 0] = 127
        x, output = operands(values.shape, scale)
        got = SoftmaxQdq().evaluate((x,), output, [values.astype(np.int8)])
        want = exact(SoftmaxQdq(), x, output, values)
        worst = max(worst, float(np.abs(got.astype(np.int64) - want).max()))
    assert 0.49 < worst < 0.5006


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    n=st.integers(1, 600),
    scale=st.floats(-7, 2),
    beta=st.floats(-3, 1),
    out=st.tuples(st.floats(-4.8, 1), st.integers(-128, 127)),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_error_is_bounded_for_every_scale(
    n: int, scale: float, beta: float, out: tuple[float, int], seed: int
) -> None:
    values = rows_of_every_kind(np.random.default_rng(seed), n)
    x, output = operands(values.shape, 10.0**scale, (10.0 ** out[0], out[1]))
    assert_within_bound(SoftmaxQdq(10.0**beta), x, output, values)


@pytest.mark.parametrize(
    ("op", "depth", "out", "said"),
    [
        (SoftmaxQdq(), 2**15 + 1, 0.01, "softmax over 32769 values, supported: 1 to 32768"),
        (SoftmaxQdq(-1.0), 4, 0.01, "softmax of values times -1, expected a finite factor"),
        (SoftmaxQdq(math.inf), 4, 0.01, "softmax of values times inf"),
        (SoftmaxQdq(), 4, 1e-6, "'out' has scale 1e-06, expected at least 1.52588e-05"),
    ],
)
def test_what_integers_cannot_hold_is_refused(
    op: SoftmaxQdq, depth: int, out: float, said: str
) -> None:
    x, output = operands((1, depth), 0.1, (out, 0))
    with pytest.raises(Refusal, match=said):
        op.check((x,), output)
