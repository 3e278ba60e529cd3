# SPDX-License-Identifier: Apache-2.0
"""Every arm of the ONNX front end: what a small QDQ model becomes, and onnxruntime's answer."""

from __future__ import annotations

import pytest

from tests.models import onnx_images, onnx_tokens
from tests.models.onnx_qdq import Qdq, graph_of, kinds_of, largest_difference

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
    positive = q.requantised
    q.requantised = lambda x, scale, zero: positive(x, scale, zero + 128)  # type: ignore[method-assign]
    model = q.model(build(q))
    graph = graph_of(model)
    assert kinds_of(graph) == kinds
    assert {t.dtype.value for node in graph.nodes for t in node.activations} == {"int8"}
    assert largest_difference(model) <= 1
