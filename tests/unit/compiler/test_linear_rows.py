# SPDX-License-Identifier: Apache-2.0
"""The reference interpreter judges linear layers on tokens: it is given them as rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.frontends.tflite import read_tflite
from mcuforge.compiler.linear_rows import with_linear_rows
from mcuforge.compiler.oracle import Oracle, judge, unjudged
from mcuforge.compiler.own_reference import OwnReference
from tests.models.builder import PROBABILITY, ModelBuilder, Quantised, Value
from tests.models.oracle import run_reference
from tests.models.tflite_writer import write_model
from tests.shared import shared

QUANT: Quantised = (0.05, 3)
TOKENS = (1, 9, 6)


def linear(build: ModelBuilder, x: Value, features: int = 6) -> Value:
    return build.linear(x, features, QUANT, keep_dims=True, per_channel=True)


def residual(build: ModelBuilder, x: Value) -> Value:
    """Two layers with a function between, added to what came in: all dimensions are back."""
    hidden = build.function("GELU", linear(build, x, 12), QUANT)
    gated = build.arithmetic("MUL", hidden, build.function("LOGISTIC", hidden, PROBABILITY), 1, 0)
    return build.mean(build.arithmetic("ADD", x, linear(build, gated), 1, 2), (1,), False, QUANT)


def heads(build: ModelBuilder, x: Value) -> Value:
    """A layer whose columns become heads."""
    moved = build.arithmetic("SUB", linear(build, x), build.constant((6,), QUANT), 1, 0)
    return build.transpose(build.reshape(moved, (1, 9, 2, 3)), (0, 2, 1, 3))


def averaged(build: ModelBuilder, x: Value) -> Value:
    """The mean over the tokens of the layer itself: its axis 1 would be another one."""
    return build.mean(linear(build, x), (1,), False, QUANT)


def given(build: ModelBuilder, x: Value) -> Value:
    """The layer is the model's output, whose shape is to stay."""
    return linear(build, x)


def made(layers: Callable[[ModelBuilder, Value], Value]) -> bytes:
    build = ModelBuilder(3)
    return write_model(build.spec([layers(build, build.input(TOKENS, QUANT))]))


@pytest.mark.parametrize("layers", [residual, heads])
def test_the_interpreter_judges_linear_layers_given_as_rows(
    layers: Callable[[ModelBuilder, Value], Value], tmp_path: Path
) -> None:
    data = made(layers)
    graph = read_tflite(data)
    assert unjudged(graph) is not None
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    x = np.random.default_rng(1).integers(-128, 128, (5, *TOKENS)).astype(np.int8)
    with judge(graph, path, [x]) as judging:
        answers = judging.answers()
    assert isinstance(judging, Oracle)
    assert answers.reference.endswith("BUILTIN_REF, linear layers as rows")
    for sample, got in zip(x, answers.outputs[0], strict=True):
        (want,) = reference.run(graph, [sample])
        np.testing.assert_array_equal(got, want)


def test_without_the_copy_the_interpreter_answers_something_else() -> None:
    """Which is why there is one; were it to agree, `unjudged` would be out of date."""
    data = made(residual)
    x = np.random.default_rng(1).integers(-128, 128, TOKENS).astype(np.int8)
    (want,) = reference.run(read_tflite(data), [x])
    assert not np.array_equal(run_reference(data, [x])[0], want)


@pytest.mark.parametrize("layers", [averaged, given])
def test_where_the_lost_dimension_would_be_seen_our_reference_judges(
    layers: Callable[[ModelBuilder, Value], Value], tmp_path: Path
) -> None:
    data = made(layers)
    assert with_linear_rows(data) is None
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    x = np.zeros((1, *TOKENS), np.int8)
    with judge(read_tflite(data), path, [x]) as judging:
        assert isinstance(judging, OwnReference)


def test_only_flags_differ_in_the_copy() -> None:
    data = made(residual)
    copy = with_linear_rows(data)
    assert copy is not None
    changed = [(a, b) for a, b in zip(data, copy, strict=True) if a != b]
    assert changed == [(1, 0), (1, 0)]


def test_a_damaged_file_has_no_copy() -> None:
    assert with_linear_rows(made(residual)[:200]) is None


@pytest.mark.shared
@pytest.mark.parametrize("file", ["vit_cifar10_tf_int8_erf", "vit_cifar10_tf_int8_sigmoid"])
def test_vision_transformers_equal_the_interpreter_bit_for_bit(file: str) -> None:
    data = shared(f"models/vit/{file}.tflite").read_bytes()
    copy = with_linear_rows(data)
    assert copy is not None
    graph = read_tflite(data)
    x = np.random.default_rng(7).integers(-128, 128, graph.inputs[0].shape).astype(np.int8)
    (want,) = reference.run(graph, [x])
    np.testing.assert_array_equal(run_reference(copy, [x])[0], want)
