# SPDX-License-Identifier: Apache-2.0
"""A trained network is the same in PyTorch, as ONNX and, within a step, in int8."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from mcuforge.errors import InternalError
from mcuforge.nas.architecture import Architecture, Task
from mcuforge.nas.data import Data
from mcuforge.nas.training.batches import inputs
from mcuforge.nas.training.fake_quant import FakeQuant
from mcuforge.nas.training.finetune import CALIBRATE, finetune, fresh, qat, write_onnx
from mcuforge.nas.training.int8 import quantized
from mcuforge.nas.training.recipe import quantization_recipe, recipe_for
from mcuforge.nas.training.supernet import accuracy
from mcuforge.nas.training.torch_layers import forward
from mcuforge.nas.training.weights import Weights
from tests.training.conftest import CNN, VIT

IMAGES = 100
Float = NDArray[np.float32]


@pytest.fixture(scope="module")
def trained(digits: Data, task: Task) -> Weights:
    """The CNN, folded."""
    recipe = recipe_for(task, tokens=False, images=12_800)
    return finetune(fresh(CNN, task, 0), CNN, digits, recipe)


@pytest.fixture(scope="module")
def transformer(digits: Data, task: Task) -> Weights:
    recipe = replace(recipe_for(task, tokens=True, images=12_800), learning_rate=1e-2)
    return finetune(fresh(VIT, task, 0), VIT, digits, recipe)


def logits(
    weights: Weights, network: Architecture, data: Data, rounding: FakeQuant | None
) -> Float:
    assert data.test_x is not None
    with torch.inference_mode():
        x = inputs(data.test_x[:IMAGES], data)
        found: Float = forward(weights, network, x, data.classes, None, rounding).numpy()
    return found


@pytest.mark.parametrize(
    ("network", "fixture", "most", "usual"),
    [(CNN, "trained", 2.01, 0.2), (VIT, "transformer", 8.0, 1.5)],
    ids=["CNN", "ViT"],
)
def test_onnx_and_int8_agree_with_pytorch(
    network: Architecture,
    fixture: str,
    most: float,
    usual: float,
    digits: Data,
    task: Task,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    weights: Weights = request.getfixturevalue(fixture)
    path = tmp_path / "float.onnx"
    write_onnx(path, weights, network, task)
    int8 = quantized(path, digits, "test", images=IMAGES)
    np.testing.assert_allclose(int8.float_logits, logits(weights, network, digits, None), atol=1e-4)
    rounding = FakeQuant.calibrated(weights, network, digits, CALIBRATE)
    below, above = rounding.ranges[max(rounding.ranges, key=int)].tolist()  # of the logits
    steps = abs(int8.int8_logits - logits(weights, network, digits, rounding)) * 255
    steps /= max(below, 0) + max(above, 0)
    assert steps.max() < most
    assert steps.mean() < usual
    assert int8.int8_accuracy > int8.float_accuracy - 0.05
    assert input_quantization(int8.file) == (1 / 64, 0)
    assert [file.name for file in tmp_path.iterdir()] == ["float.onnx"]


def input_quantization(model: bytes) -> tuple[float, int]:
    """Scale and zero point of the input."""
    graph = onnx.load_from_string(model).graph
    (node,) = [n for n in graph.node if n.input[0] == graph.input[0].name]
    values = {x.name: numpy_helper.to_array(x) for x in graph.initializer}
    return float(values[node.input[1]]), int(values[node.input[2]])


def test_training_in_int8_keeps_the_accuracy(trained: Weights, digits: Data, task: Task) -> None:
    recipe = quantization_recipe(recipe_for(task, tokens=False, images=0), 3200)
    made = qat(trained, CNN, digits, recipe)
    assert made.tensors.keys() == trained.tensors.keys()
    assert not torch.equal(made.tensors["stem.weight"], trained.tensors["stem.weight"])
    rounding = FakeQuant.calibrated(made, CNN, digits, CALIBRATE)
    found = logits(made, CNN, digits, rounding).argmax(1)
    assert digits.test_y is not None
    assert (found == digits.test_y[:IMAGES]).mean() > 0.9
    assert accuracy(made, CNN, digits, norms=None) > 0.9


def test_rounding_passes_gradients_within_the_range() -> None:
    rounding = FakeQuant({"x": torch.tensor([1.0, 1.55])}, images=True)
    x = torch.tensor([-2.0, 0.003, 1.0, 3.0], requires_grad=True)
    y = rounding.activation("x", x)
    y.sum().backward()
    assert y.tolist() == pytest.approx([-1.0, 0.0, 1.0, 1.55])
    assert x.grad is not None
    assert x.grad.tolist() == [0, 1, 1, 0]
    with pytest.raises(InternalError, match="has no range"):
        rounding.activation("y", x)


def test_every_output_channel_has_its_own_scale() -> None:
    rounding = FakeQuant({"x": torch.zeros(2)}, images=True)
    w = torch.tensor([[127.0, 0.4], [1.27, 0.004]])
    assert rounding.weight("w", w).tolist() == [[127, 0], pytest.approx([1.27, 0.0])]
