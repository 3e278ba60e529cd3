# SPDX-License-Identifier: Apache-2.0
"""BatchNormalization and its like: the bound that the docstring states, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.compiler import reference
from mcuforge.compiler.frontends.onnx.reader import read_onnx
from mcuforge.errors import CompileError
from tests.models.qdq_builder import Qdq

SCALE, ZERO = 0.05, 3
CHANNELS = 40


def constants(random: np.random.Generator) -> list[NDArray[np.float32]]:
    """Scale, bias, mean and variance of channels from a factor of 0 to one of hundreds."""
    scale = random.normal(0, 1, CHANNELS) * 10.0 ** random.integers(-4, 2, CHANNELS)
    scale[:2] = 0.0
    parts = [scale, random.normal(0, 2, CHANNELS), random.normal(0, 2, CHANNELS)]
    return [part.astype(np.float32) for part in (*parts, random.uniform(0.1, 4, CHANNELS))]


@pytest.mark.parametrize("output_scale", [0.004, 0.05, 2.0])
def test_every_value_lies_within_the_stated_bound(output_scale: float) -> None:
    random = np.random.default_rng(7)
    scale, bias, mean, variance = constants(random)
    q = Qdq()
    names = [q.constant(part) for part in (scale, bias, mean, variance)]
    x = q.input((1, CHANNELS, 256), SCALE, ZERO)
    y = q.node("BatchNormalization", [x, *names], epsilon=1e-3)
    model = q.model(q.requantized(y, output_scale, -9))
    graph = read_onnx(model.SerializeToString())
    stored = np.broadcast_to(np.arange(-128, 128)[None, None], (1, CHANNELS, 256)).astype(np.int8)
    axes = tuple(np.argsort(graph.inputs[0].shape[1:]))  # the graph may store channels last
    fed = stored if axes == (0, 1) else stored.transpose(0, 2, 1)
    (met,) = reference.run(graph, [np.ascontiguousarray(fed.reshape(graph.inputs[0].shape))])
    met = met.reshape(256, CHANNELS).T
    gain = (scale / np.sqrt(variance + np.float32(1e-3))).astype(np.float64)
    real = (np.arange(-128, 128) - ZERO) * SCALE
    exact = (gain[:, None] * (real - mean[:, None]) + bias[:, None]) / output_scale - 9
    error = np.abs(met - np.clip(exact, -128, 127))
    steps = np.abs(gain) * SCALE / output_scale
    assert (error.max(axis=1) <= 0.501 + steps / 254).all()


def test_statistics_of_the_input_are_refused() -> None:
    q = Qdq()
    vectors = [q.constant(np.ones(6, np.float32)) for _ in range(4)]
    x = q.node("BatchNormalization", [q.input((1, 6, 5)), *vectors], training_mode=1)
    with pytest.raises(CompileError, match="it computes statistics of its input") as caught:
        read_onnx(q.model(q.requantized(x, 0.1, 0)).SerializeToString(), "m.onnx")
    assert caught.value.hint.startswith("export with model.eval()")


def test_constants_of_another_size_are_refused() -> None:
    q = Qdq()
    vectors = [q.constant(np.ones(5, np.float32)) for _ in range(4)]
    x = q.node("BatchNormalization", [q.input((1, 6, 5)), *vectors])
    with pytest.raises(CompileError, match="values, expected 6: one per channel"):
        read_onnx(q.model(q.requantized(x, 0.1, 0)).SerializeToString(), "m.onnx")
