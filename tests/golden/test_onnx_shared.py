# SPDX-License-Identifier: Apache-2.0
"""The vision transformers users hand us: each node within a step of onnxruntime, no idle moves."""

from __future__ import annotations

import onnx
import pytest

from tests.models.onnx_runner import graph_of, kinds_of, largest_difference
from tests.shared import shared

# file: its blocks; each turns queries, keys and values of its heads, and their outputs back
TRANSFORMERS = {
    "vit_cifar10_int8_qdq_default": 6,
    "vit_cifar10_int8_qdq_all": 6,
    "vit_cifar10_int8_qdq_op20_asym": 6,
    "vit_lowrank0.75_cifar10_int8_qdq_op20_sym": 6,
    "vit_tiny_clstoken_random_int8_qdq_op20_sym": 2,
}


@pytest.mark.shared
@pytest.mark.parametrize(("name", "blocks"), TRANSFORMERS.items())
def test_every_node_is_within_a_step_of_onnxruntime(name: str, blocks: int) -> None:
    model = onnx.load(str(shared(f"models/vit/{name}.onnx")))
    kinds = kinds_of(graph_of(model))
    assert kinds.count("layer_norm") == 2 * blocks + 1
    assert kinds.count("softmax_qdq") == blocks
    assert kinds.count("batch_matmul") == 2 * blocks
    assert kinds.count("transpose") == 4 * blocks
    assert largest_difference(model, samples=1) <= 1
