# SPDX-License-Identifier: Apache-2.0
"""Every arm of the ONNX front end: what a small QDQ model becomes, and onnxruntime's answer."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from tests.models import onnx_images, onnx_tokens
from tests.models.onnx_runner import graph_of, kinds_of, largest_difference
from tests.models.qdq_builder import Qdq

CASES = {**onnx_images.CASES, **onnx_tokens.CASES}


@pytest.mark.parametrize("name", CASES)
def test_an_arm_builds_these_nodes_within_a_step_of_onnxruntime(name: str) -> None:
    build, kinds = CASES[name]
    q = Qdq()
    model = q.model(build(q))
    assert kinds_of(graph_of(model)) == kinds
    assert largest_difference(model) <= 1


@pytest.mark.parametrize("name", ["conv", "matmul", "add", "class token", "pad", "attention"])
def test_uint8_activations_are_int8_in_the_graph(name: str) -> None:
    build, kinds = CASES[name]
    q = Qdq(dtype="uint8")
    positive = q.requantized
    q.requantized = lambda x, scale, zero: positive(x, scale, zero + 128)  # type: ignore[method-assign]
    model = q.model(build(q))
    graph = graph_of(model)
    assert kinds_of(graph) == kinds
    assert {t.dtype.value for node in graph.nodes for t in node.activations} == {"int8"}
    assert largest_difference(model) <= 1


def means_since_18(q: Qdq) -> str:
    """Axes are an input of ReduceMean since opset 18."""
    mean = q.node("ReduceMean", [q.input((1, 10, 12)), q.integers(1)], keepdims=0)
    return q.requantized(mean, 0.02, 1)


def parts_since_18(q: Qdq) -> str:
    """Since opset 18 Split states the number of parts (the last may be smaller), Pad its axes."""
    x = q.node("Split", [q.input((1, 10, 11))], 2, axis=2, num_outputs=2)
    padded = q.node("Pad", [f"{x}.1", q.integers(0, 1), "", q.integers(2)])
    return q.op("Add", [q.requantized(x, 0.05, 3), q.requantized(padded, 0.05, 3)], 0.1, 1)


def types_since_21(q: Qdq) -> str:
    """QuantizeLinear without a zero point, its type an attribute."""
    x = q.node("Relu", [q.input((1, 10, 12))])
    scale = q.constant(np.array(0.04, np.float32))
    integers = q.node("QuantizeLinear", [x, scale], output_dtype=onnx.TensorProto.INT8)
    return q.node("DequantizeLinear", [integers, scale])


def resized_axes_since_18(q: Qdq) -> str:
    """Resize names its axes and their order since opset 18."""
    sizes = q.integers(13, 20)
    inputs = [q.input((1, 6, 9, 7)), "", "", sizes]
    return q.op("Resize", inputs, 0.05, 3, mode="linear", axes=[3, 2])


def symmetric_resize_since_19(q: Qdq) -> str:
    scales = q.constant(np.array([1, 1, 1.7, 2.3], np.float32))
    options = {"coordinate_transformation_mode": "half_pixel_symmetric", "mode": "linear"}
    return q.op("Resize", [q.input((1, 6, 9, 7)), "", scales], 0.05, 3, **options)


def wrapped_since_19(q: Qdq) -> str:
    pads = q.integers(0, 0, 1, 2, 0, 0, 3, 0)
    return q.op("Pad", [q.input((1, 6, 9, 7)), pads], 0.05, 3, mode="wrap")


@pytest.mark.parametrize(
    ("opset", "build", "kinds"),
    [
        (13, CASES["conv"][0], ["conv2d"]),
        (13, CASES["attention"][0], CASES["attention"][1]),
        (18, means_since_18, ["mean"]),
        (18, parts_since_18, ["slice", "slice", "pad", "add"]),
        (20, lambda q: q.op("Gelu", [q.input((1, 10, 12))], 0.05, -120), ["lookup"]),
        (18, resized_axes_since_18, ["resize_bilinear"]),
        (19, symmetric_resize_since_19, ["resize_bilinear"]),
        (19, wrapped_since_19, ["pick_pixels", "pick_pixels"]),
        (21, types_since_21, ["lookup"]),
        (21, CASES["attention"][0], CASES["attention"][1]),
        (21, CASES["conv"][0], ["conv2d"]),
    ],
)
def test_opsets_13_to_21_are_read(opset: int, build: onnx_images.Build, kinds: list[str]) -> None:
    q = Qdq(opset)
    model = q.model(build(q))
    assert kinds_of(graph_of(model)) == kinds
    assert largest_difference(model) <= 1
