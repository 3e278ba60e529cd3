# SPDX-License-Identifier: Apache-2.0
"""LayerNorm against real numbers: within the bound it states, for whatever it is fed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mcuforge.compiler.ops.layer_norm import LayerNorm
from mcuforge.compiler.ops.tables.inverse_sqrt import RELATIVE_ERROR, inverse_sqrt
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import Refusal

Floats = NDArray[np.float64]
WORST = 0.51  # steps of the output: what the operator promises wherever it does not refuse


def operands(
    shape: tuple[int, ...],
    gamma: Array,
    beta: Array,
    scale: float = 0.05,
    out: tuple[float, int] = (0.03, -7),
) -> tuple[tuple[Tensor, ...], Tensor]:
    x = Tensor("x", shape, DType.INT8, Quant((scale,), 3))
    constants = (
        Tensor("gamma", gamma.shape, DType.FLOAT32, None, gamma.astype(np.float32)),
        Tensor("beta", beta.shape, DType.FLOAT32, None, beta.astype(np.float32)),
    )
    return (x, *constants), Tensor("out", shape, DType.INT8, Quant(out[:1], out[1]))


def exact(op: LayerNorm, inputs: tuple[Tensor, ...], output: Tensor, x: Array) -> Floats:
    """Where the answer lies between steps, before it is rounded, clamped like it."""
    values = x.astype(np.int64)
    n = values.shape[-1]
    if op.about_zero:
        values = values - inputs[0].zero_point
        total = np.zeros_like(values[..., :1])
    else:
        total = values.sum(axis=-1, keepdims=True)
    variance = n * (values * values).sum(axis=-1, keepdims=True) - total * total
    epsilon = op.epsilon * (n / inputs[0].scale) ** 2
    root = np.sqrt(variance + epsilon)
    normal = (n * values - total) / np.where(root == 0, 1, root)
    gamma, beta = (t.values().astype(np.float64) for t in inputs[1:])
    if op.block:
        gamma, beta = (np.repeat(c, op.block).reshape(x.shape) for c in (gamma, beta))
    place = (normal * gamma + beta) / output.scale + output.zero_point
    clamped: Floats = np.clip(place, -128, 127)
    return clamped


def bound(inputs: tuple[Tensor, ...], output: Tensor) -> float:
    """As the operator's docstring has it."""
    gamma, beta = (float(np.abs(t.values()).max()) for t in inputs[1:])
    reach = (math.sqrt(inputs[0].shape[-1]) * gamma + beta) / output.scale + 128
    return 0.5 + 2.0**-25 * reach


def assert_within_bound(
    op: LayerNorm, inputs: tuple[Tensor, ...], output: Tensor, x: Array
) -> None:
    op.check(inputs, output)
    got = op.evaluate(inputs, output, [x, *(t.values() for t in inputs[1:])])
    error = np.abs(got.astype(np.int64) - exact(op, inputs, output, x)).max()
    assert error <= min(bound(inputs, output), WORST)


def rows_of_every_kind(rng: np.random.Generator, n: int) -> Array:
    """Rows of one length: constant, nearly so, ends only, a single outlier, noise of any width."""
    outlier = np.full((4, n), -128)
    outlier[0, 0], outlier[1, -1] = 127, -127
    outlier[2] = 127
    outlier[2, n // 2] = -128
    near = np.full((4, n), rng.integers(-100, 100)) + rng.integers(0, 2, (4, n))
    ends = rng.choice([-128, 127], (4, n))
    noise = rng.normal(rng.uniform(-90, 90, (16, 1)), rng.uniform(0.2, 90, (16, 1)), (16, n))
    constant = np.repeat([[-128], [0], [127]], n, axis=1)
    found: Array = np.clip(np.concatenate([outlier, near, ends, noise, constant]), -128, 127)
    return found.astype(np.int8)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 16, 17, 96, 192, 384, 1000, 4096])
@pytest.mark.parametrize(
    ("scale", "epsilon"), [(0.05, 1e-5), (1e-4, 1e-5), (0.02, 0.0), (0.01, 1e3), (3.0, 1e-12)]
)
def test_the_error_is_bounded_for_rows_of_every_kind(n: int, scale: float, epsilon: float) -> None:
    rng = np.random.default_rng(n)
    x = rows_of_every_kind(rng, n)
    gamma, beta = rng.standard_normal((2, n))
    inputs, output = operands(x.shape, gamma, beta, scale)
    for about_zero in (False, True):
        assert_within_bound(LayerNorm(epsilon, about_zero), inputs, output, x)
    gamma, beta = rng.standard_normal((2, len(x)))
    inputs, output = operands(x.shape, gamma, beta, scale)
    assert_within_bound(LayerNorm(epsilon, block=n), inputs, output, x)


def test_two_values_are_within_the_bound_for_every_pair() -> None:
    every = np.arange(-128, 128)
    x = np.stack(np.meshgrid(every, every), axis=-1).reshape(-1, 2).astype(np.int8)
    for epsilon in (0.0, 1e-5, 0.01, 10.0):
        inputs, output = operands(x.shape, np.array([1.0, -3.0]), np.array([0.3, -0.1]))
        for about_zero in (False, True):
            assert_within_bound(LayerNorm(epsilon, about_zero), inputs, output, x)


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    n=st.integers(1, 300),
    scale=st.floats(-6, 3),
    epsilon=st.floats(-12, 3),
    gamma=st.floats(-4, 4),
    beta=st.floats(-4, 4),
    out=st.tuples(st.floats(-2, 1), st.integers(-128, 127)),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_error_is_bounded_for_every_scale(
    n: int,
    scale: float,
    epsilon: float,
    gamma: float,
    beta: float,
    out: tuple[float, int],
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    x = rows_of_every_kind(rng, n)
    factors, offsets = rng.standard_normal((2, n)) * [[10.0**gamma], [10.0**beta]]
    quant = (10.0 ** out[0], out[1])
    inputs, output = operands(x.shape, factors, offsets, 10.0**scale, quant)
    op = LayerNorm(10.0**epsilon)
    try:
        op.check(inputs, output)
    except Refusal:
        return
    assert_within_bound(op, inputs, output, x)


def test_a_network_s_own_scales_are_within_a_thousandth_of_half_a_step() -> None:
    rng = np.random.default_rng(5)
    x = rows_of_every_kind(rng, 192)
    inputs, output = operands(x.shape, rng.uniform(0.2, 2, 192), rng.uniform(-1, 1, 192))
    assert bound(inputs, output) < 0.501
    assert_within_bound(LayerNorm(1e-6), inputs, output, x)


def test_equal_values_give_beta_even_without_epsilon() -> None:
    inputs, output = operands((3, 4), np.ones(4), np.array([0.0, 0.03, 0.3, -0.6]))
    x = np.repeat(np.array([[-128], [5], [127]], np.int8), 4, axis=1)
    got = LayerNorm(0.0).evaluate(inputs, output, [x, *(t.values() for t in inputs[1:])])
    np.testing.assert_array_equal(got, [[-7, -6, 3, -27]] * 3)


def test_the_inverse_square_root_keeps_its_relative_error() -> None:
    rng = np.random.default_rng(3)
    edges = [np.arange(2**30, 2**30 + 5000), np.arange(2**32 - 5000, 2**32)]
    x = np.concatenate([*edges, rng.integers(2**30, 2**32, 400_000)])
    want = 2.0**30 / np.sqrt(x / 2.0**32)
    assert (np.abs(inverse_sqrt(x) / want - 1) < RELATIVE_ERROR).all()
    assert inverse_sqrt(x).max() < 2**31


@pytest.mark.parametrize(
    ("op", "gamma", "scale", "said"),
    [
        (LayerNorm(-1.0), 1.0, 0.05, "epsilon -1 over rows of 4"),
        (LayerNorm(1e3), 1.0, 1e-12, "epsilon 1000 over rows of 4 of scale 1e-12"),
        (LayerNorm(), 1e6, 0.05, "steps of its scale 0.03, expected below 262144: int8 has 256"),
        (LayerNorm(), math.inf, 0.05, "'gamma' holds values that are not finite"),
    ],
)
def test_what_integers_cannot_hold_is_refused(
    op: LayerNorm, gamma: float, scale: float, said: str
) -> None:
    inputs, output = operands((2, 4), np.full(4, gamma), np.zeros(4), scale)
    with pytest.raises(Refusal, match=said):
        op.check(inputs, output)
