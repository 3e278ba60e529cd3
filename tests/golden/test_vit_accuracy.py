# SPDX-License-Identifier: Apache-2.0
"""The shared transformers on all 1,000 images: C on the host beside onnxruntime and the labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.compile import compile_graph
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.judges.onnx import run_onnxruntime
from mcuforge.compiler.user_ports import port_of, to_file, to_graph
from mcuforge.flow.data import load_samples
from tests.golden import host
from tests.models.cifar import cifar_file
from tests.shared import shared

MODELS = (
    "vit_cifar10_int8_qdq_default",
    "vit_cifar10_int8_qdq_all",
    "vit_cifar10_int8_qdq_op20_asym",
    "vit_lowrank0.75_cifar10_int8_qdq_op20_sym",
)
AMPLE_BYTES = 1 << 24
CHECKED = 20  # images whose every output byte is compared with reference.py's
FAST = ("-O2",)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_all_images_are_classified_as_onnxruntime_does(model: str, tmp_path: Path) -> None:
    file = shared(f"models/vit/{model}.onnx")
    graph = read_model(file)
    samples = load_samples(graph, cifar_file(tmp_path, "NCHW"))
    assert samples.labels is not None
    compiled = compile_graph(graph, "portable", AMPLE_BYTES, effort=0.0)
    program = host.build(compiled.model, "portable", tmp_path, flags=FAST)
    inputs = [samples.sample(index) for index in range(samples.count)]
    parts = [host.run(program, compiled.model, inputs[at : at + 100]) for at in range(0, 1000, 100)]
    ours = np.stack([logits for part in parts for (logits,) in part])
    for image, logits in zip(inputs[:CHECKED], ours, strict=False):
        np.testing.assert_array_equal(logits, reference.run(graph, image)[0].ravel())
    (tensor,), (answer,) = graph.inputs, graph.outputs
    fed = to_file(samples.inputs[0], port_of(graph, tensor), tensor)
    (peer,) = run_onnxruntime(file.read_bytes(), [fed])
    theirs = to_graph(peer, port_of(graph, answer), answer).reshape(1000, -1)
    agreed = np.mean(ours.argmax(axis=1) == theirs.argmax(axis=1))
    right = [np.mean(logits.argmax(axis=1) == samples.labels) for logits in (ours, theirs)]
    print(f"{model}: {agreed:.3f} agree, {right[0]:.3f} right, onnxruntime {right[1]:.3f}")
    assert agreed >= 0.985
    assert abs(right[0] - right[1]) <= 0.005
