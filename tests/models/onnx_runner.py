# SPDX-License-Identifier: Apache-2.0
"""Runs an ONNX model in this process, as it is written, and shows values inside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

Float = NDArray[np.float32]
Integers = NDArray[np.int8] | NDArray[np.uint8]


def run(model: onnx.ModelProto, image: Float, *names: str) -> list[Float]:
    """The named values of a model with one input, computed by onnxruntime, nothing fused."""
    feed = {model.graph.input[0].name: image}
    return list(_session(model, names).run(list(names), feed))


def quantised_values(model: onnx.ModelProto, image: Float) -> Iterator[tuple[str, Integers]]:
    """Name and integers of everything a QDQ model quantises at run time."""
    names = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    feed = {model.graph.input[0].name: image}
    return zip(names, _session(model, names).run(names, feed), strict=True)


def _session(model: onnx.ModelProto, names: Sequence[str]) -> onnxruntime.InferenceSession:
    """A session of a copy of `model` that gives these values out."""
    opened = onnx.ModelProto.FromString(model.SerializeToString())
    known = {output.name for output in opened.graph.output}
    opened.graph.output.extend(
        onnx.helper.make_empty_tensor_value_info(name) for name in names if name not in known
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(opened.SerializeToString(), options)
