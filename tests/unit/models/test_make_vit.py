# SPDX-License-Identifier: Apache-2.0
"""Transformers as the script makes them: published sizes, the same bytes each time, live values."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import onnx
import pytest

from mcuforge.compiler.builders.onnx_builder import parameters
from scripts.make_vit import PRESETS, Vit, images, make_float, make_int8
from tests.models.onnx_runner import quantized_values, run

TINY = Vit(16, 4, 24, 2, 2, 12, 2, classes=10)
SMALL_VITS = {
    "class token": TINY,
    "mean of tokens": replace(TINY, class_token=False),
    "low rank": replace(TINY, rank=0.5),
}


@pytest.mark.parametrize(
    ("preset", "tokens", "count"),
    [
        ("vit_32", 64, 460_714),
        ("deit_tiny", 197, 5_717_416),
        ("deit_small", 226, 22_061_800),
        ("mcuformer_t", 226, 7_264_648),
        ("mcuformer_t_largest", 226, 15_621_420),
    ],
)
def test_presets_have_the_published_sizes(preset: str, tokens: int, count: int) -> None:
    assert PRESETS[preset].tokens == tokens
    assert parameters(make_float(preset, PRESETS[preset])) == count


@cache
def tiny_int8(vit: Vit) -> onnx.ModelProto:
    """The int8 network, made once for all that look at it."""
    return make_int8("tiny", vit)


def test_the_same_arguments_give_the_same_bytes() -> None:
    twice = [make_int8("tiny", TINY).SerializeToString(deterministic=True) for _ in "ab"]
    assert twice[0] == twice[1]


@pytest.mark.parametrize("vit", SMALL_VITS.values(), ids=SMALL_VITS)
def test_the_int8_network_answers_as_the_float_one(vit: Vit) -> None:
    single, int8 = make_float("tiny", vit), tiny_int8(vit)
    for image in images(vit, 4, seed=5):
        (right,), (got,) = run(single, image, "logits"), run(int8, image, "logits")
        assert np.corrcoef(right.ravel(), got.ravel())[0, 1] > 0.95
        assert np.abs(right - got).max() < 0.25 * np.ptp(right)


@pytest.mark.parametrize("vit", SMALL_VITS.values(), ids=SMALL_VITS)
def test_activations_neither_saturate_nor_die(vit: Vit) -> None:
    model = tiny_int8(vit)
    for name, value in quantized_values(model, images(vit, 1, seed=5)[0]):
        assert value.dtype == np.int8
        ends = np.mean(value == value.min()), np.mean(value == value.max())
        assert max(ends) < 0.8, name
        assert len(np.unique(value)) >= 10, name


def test_a_softmax_is_neither_flat_nor_a_single_peak() -> None:
    vit = PRESETS["vit_32"]
    names = [f"b{index}.attn.weights" for index in range(vit.blocks)]
    for weights in run(make_float("vit_32", vit), images(vit, 1, seed=5)[0], *names):
        assert 4 / vit.tokens < weights.max(axis=-1).mean() < 0.5


def test_transcendental_operators_are_one_node_each_with_int8_on_both_sides() -> None:
    vit = PRESETS["vit_32"]
    model = make_int8("vit_32", vit)
    count = Counter(node.op_type for node in model.graph.node)
    assert (count["LayerNormalization"], count["Gelu"], count["Softmax"]) == (13, 6, 6)
    assert (count["MatMul"], count["Conv"], count["Gemm"]) == (48, 1, 1)
    written = {node.output[0]: node for node in model.graph.node}
    readers = Counter(
        (written[name].op_type, node.op_type)
        for node in model.graph.node
        for name in node.input
        if name in written
    )
    for kind in ("LayerNormalization", "Gelu", "Softmax", "MatMul", "Add"):
        before = {source for source, reader in readers if reader == kind}
        after = {reader for source, reader in readers if source == kind}
        assert (before, after) == ({"DequantizeLinear"}, {"QuantizeLinear"})
