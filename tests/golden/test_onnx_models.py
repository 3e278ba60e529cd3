# SPDX-License-Identifier: Apache-2.0
"""ONNX networks made on the fly: C equals reference.py, which is near what onnxruntime answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.compile import compile_graph
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.user_ports import to_graph
from scripts import make_onnx_cnn as cnn
from scripts import make_vit as vit
from tests.golden import host
from tests.models.onnx_runner import Float, run

SAMPLES = 3
AMPLE_BYTES = 1 << 24
STEPS_OFF = 5  # of 256: what a rounding step an operator adds up to
CNNS = (
    ("mobilenet", cnn.Style()),
    ("mobilenet", cnn.Style(per_channel=False)),
    ("mobilenet", cnn.Style(activations="uint8", symmetric=False)),
    ("resnet", cnn.Style()),
    ("resnet", cnn.Style(per_channel=False, symmetric=False)),
)
TINY = vit.Vit(16, 4, 24, 2, 2, 12, 2, classes=10)
VITS = {
    "class token": TINY,
    "mean of tokens": vit.Vit(16, 4, 24, 2, 2, 12, 2, class_token=False, classes=10),
    "low rank": vit.Vit(16, 4, 24, 2, 2, 12, 2, rank=0.5, classes=10),
}


def judged(model: onnx.ModelProto, images: list[Float], folder: Path) -> int:
    """Compare C, reference.py and onnxruntime; the number of transposes the C is left with."""
    file = folder / f"{model.graph.name}.onnx"
    file.write_bytes(model.SerializeToString())
    graph = read_model(file)
    (tensor,), (answer,) = graph.inputs, graph.outputs
    inputs = to_graph(np.stack(images), graph.ports[tensor.name], tensor)
    right = [reference.run(graph, [x])[0] for x in inputs]
    compiled = compile_graph(graph, "portable", AMPLE_BYTES, effort=0.0)
    program = host.build(compiled.model, "portable", folder)
    got = host.run(program, compiled.model, [[x] for x in inputs])
    for (found,), expected in zip(got, right, strict=True):
        np.testing.assert_array_equal(found, expected.ravel())
    near = np.stack([run(model, image, model.graph.output[0].name)[0] for image in images])
    steps = to_graph(near, graph.ports[answer.name], answer).astype(np.int32)
    off = np.abs(steps - np.stack(right).astype(np.int32))
    assert off.max() <= STEPS_OFF
    return sum(isinstance(node.op, Transpose) for node in compiled.graph.nodes)


@pytest.mark.parametrize(("network", "style"), CNNS, ids=lambda part: getattr(part, "name", part))
def test_a_cnn_is_exact_and_has_no_transposes(
    network: str, style: cnn.Style, tmp_path: Path
) -> None:
    single = cnn.NETWORKS[network]()
    images = cnn.images(single, SAMPLES, seed=5)
    assert judged(cnn.make_int8(single, style), images, tmp_path) == 0


@pytest.mark.parametrize("shape", VITS.values(), ids=VITS)
def test_a_transformer_is_exact(shape: vit.Vit, tmp_path: Path) -> None:
    judged(vit.make_int8("tiny", shape), vit.images(shape, SAMPLES, seed=5), tmp_path)
