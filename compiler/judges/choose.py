# SPDX-License-Identifier: Apache-2.0
"""Chooses the judge of a model: by its format, and by what tflite-runtime 2.14 can judge."""

from collections.abc import Sequence
from pathlib import Path

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.judges.answers import Judge
from mcuforge.compiler.judges.onnx import OnnxJudge
from mcuforge.compiler.judges.own import OwnReference
from mcuforge.compiler.judges.tflite import TfliteJudge, unjudged
from mcuforge.compiler.tensors import Array


def judge(graph: Graph, model: Path, inputs: Sequence[Array]) -> Judge:
    """Choose who computes the right answers for `graph`, which the file `model` holds.

    inputs: one array per model input, samples first.
    """
    if graph.format == "onnx":
        return OnnxJudge(graph, model, inputs)
    reason = unjudged(graph)
    if reason is not None:
        return OwnReference(graph, inputs, reason)
    return TfliteJudge(graph, model, inputs)
