# SPDX-License-Identifier: Apache-2.0
"""CNNs as the script makes them: sizes, the quantizer's styles, live values, the same bytes."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import onnx
import pytest

from mcuforge.compiler.builders.onnx_builder import parameters
from scripts.make_onnx_cnn import NETWORKS, Style, images, make_int8, mobilenet, resnet
from tests.models.onnx_runner import quantized_values, run

STYLES = (
    Style(),
    Style(per_channel=False),
    Style(symmetric=False),
    Style(activations="uint8", symmetric=False),
)
BOTH = pytest.mark.parametrize("network", NETWORKS)
EVERY_STYLE = pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)


@cache
def quantized(network: str, style: Style) -> onnx.ModelProto:
    """The int8 network, made once for all that look at it."""
    return make_int8(NETWORKS[network](), style)


def weight_scales(model: onnx.ModelProto) -> list[int]:
    """How many scales each 4-D int8 constant has."""
    constants = {constant.name: constant for constant in model.graph.initializer}
    return [
        int(np.prod(constants[node.input[1]].dims))
        for node in model.graph.node
        if node.op_type == "DequantizeLinear"
        and node.input[0] in constants
        and len(constants[node.input[0]].dims) == 4
    ]


@pytest.mark.parametrize(
    ("model", "count"), [(mobilenet(), 19_090), (resnet(), 174_698)], ids=tuple(NETWORKS)
)
def test_networks_have_their_sizes(model: onnx.ModelProto, count: int) -> None:
    assert parameters(model) == count


def test_the_same_arguments_give_the_same_bytes() -> None:
    style = Style()
    twice = [make_int8(mobilenet(), style).SerializeToString(deterministic=True) for _ in "ab"]
    assert twice[0] == twice[1]


@BOTH
@EVERY_STYLE
def test_a_style_is_what_it_says(network: str, style: Style) -> None:
    model = quantized(network, style)
    assert (set(weight_scales(model)) == {1}) == (not style.per_channel)
    image = images(model, 1, seed=5)[0]
    kinds = {value.dtype for _, value in quantized_values(model, image)}
    assert kinds == {np.dtype(style.activations)}
    count = Counter(node.op_type for node in model.graph.node)
    assert (count["Relu"] + count["Clip"] > 0) == style.symmetric


@BOTH
@EVERY_STYLE
def test_the_int8_network_answers_as_the_float_one(network: str, style: Style) -> None:
    single = NETWORKS[network]()
    int8 = quantized(network, style)
    for image in images(single, 3, seed=5):
        (right,), (got,) = run(single, image, "logits"), run(int8, image, "logits")
        assert np.corrcoef(right.ravel(), got.ravel())[0, 1] > 0.9


@BOTH
def test_activations_neither_saturate_nor_die(network: str) -> None:
    model = quantized(network, Style())
    for name, value in quantized_values(model, images(model, 1, seed=5)[0]):
        ends = np.mean(value == value.min()), np.mean(value == value.max())
        assert max(ends) < 0.9, name
        assert len(np.unique(value)) >= 8, name
