# SPDX-License-Identifier: Apache-2.0
"""Scores whose scale is infinite: what is left of them, and that the report can say so."""

from __future__ import annotations

import numpy as np

from mcuforge.compiler import reference
from mcuforge.compiler.frontends.onnx.reader import read_onnx
from tests.models.onnx_runner import output_difference
from tests.models.qdq_builder import Qdq


def test_a_lost_attention_equals_that_of_onnxruntime() -> None:
    q = Qdq()
    scores = q.input((1, 2, 6, 6), 0.05, 3)
    mask = np.where(np.triu(np.ones((6, 6), np.bool_), 1), -np.inf, 0).astype(np.float32)
    masked = q.node("Add", [scores, q.constant(mask)])
    zero, scale = q.constant(np.array(0, np.int8)), q.constant(np.array(np.inf, np.float32))
    integers = q.node("QuantizeLinear", [masked, scale, zero])
    back = q.node("DequantizeLinear", [integers, scale, zero])
    shares = q.op("Softmax", [back], 1 / 256, -128, axis=-1)
    values = q.op("Relu", [scores], 0.05, -128)
    model = q.model(q.op("MatMul", [shares, values], 0.02, 4))
    graph = read_onnx(model.SerializeToString(), "lost.onnx")
    assert len(graph.notes) == 1
    assert "the scale is infinite" in graph.notes[0]
    drawn = np.random.default_rng(1).integers(-128, 128, graph.inputs[0].shape).astype(np.int8)
    assert (reference.run(graph, [drawn])[0] == 4).all()
    assert output_difference(model) == 0
