# SPDX-License-Identifier: Apache-2.0
"""Single networks: weights inherited, trained alone, folded, quantization-aware, and written."""

from __future__ import annotations

from pathlib import Path

import torch

from mcuforge.nas.architecture import Architecture, Task
from mcuforge.nas.augment import Teacher
from mcuforge.nas.data import Data
from mcuforge.nas.onnx_layers import onnx_of
from mcuforge.nas.training.devices import Device
from mcuforge.nas.training.fake_quant import FakeQuant
from mcuforge.nas.training.folded import arrays, folded
from mcuforge.nas.training.recipe import Recipe
from mcuforge.nas.training.run import Always, Divided, Progress
from mcuforge.nas.training.supernet import recalibrated
from mcuforge.nas.training.torch_layers import NoNorms, forward, shapes_of
from mcuforge.nas.training.trainer import train
from mcuforge.nas.training.weights import Part, Weights
from mcuforge.nas.training.workers import train_in_processes
from mcuforge.report.files import write_whole

CALIBRATE = 500  # training samples that ranges of activations are taken from


def inherited(shared: Weights, architecture: Architecture, task: Task) -> Weights:
    """Copies of what an architecture uses of shared weights."""
    rows, columns, channels = task.image
    part = Part(shared, {})
    device = next(iter(shared.tensors.values())).device
    with torch.no_grad():
        x = torch.empty((0, channels, rows, columns), device=device)
        forward(part, architecture, x, task.classes, NoNorms())
    return Weights(part.own)


def fresh(architecture: Architecture, task: Task, seed: int) -> Weights:
    """New weights of one architecture, which training from nothing starts with."""
    return Weights.drawn(shapes_of([architecture], task), seed)


def finetune(
    weights: Weights,
    architecture: Architecture,
    data: Data,
    recipe: Recipe,
    *,
    teacher: Teacher | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    device: Device = "auto",
    divided: Divided = train_in_processes,
) -> Weights:
    """Train one network's own weights in place, and return them folded.

    Its batch normalizations are recalibrated and become biases of the convolutions, so the result
    runs with `norms` None. Raises what `train` raises.
    """
    train(
        weights,
        Always(architecture),
        data,
        recipe,
        teacher=teacher,
        checkpoint=checkpoint,
        progress=progress,
        device=device,
        divided=divided,
    )
    return folded(weights, recalibrated(weights, architecture, data))


def qat(
    weights: Weights,
    architecture: Architecture,
    data: Data,
    recipe: Recipe,
    *,
    teacher: Teacher | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    device: Device = "auto",
    divided: Divided = train_in_processes,
) -> Weights:
    """Train folded weights so that they lose little when they become int8; returns new ones.

    `recipe`: see recipe.quantization_recipe. The ranges of activations start with those of the
    first training samples and follow the batches. Raises what `train` raises.
    """
    made = weights.to(torch.device("cpu"))
    samples = min(CALIBRATE, len(data.train_x))
    train(
        made,
        Always(architecture),
        data,
        recipe,
        teacher=teacher,
        rounding=FakeQuant.calibrated(made, architecture, data, samples),
        checkpoint=checkpoint,
        progress=progress,
        device=device,
        divided=divided,
    )
    return made


def write_onnx(path: Path, weights: Weights, architecture: Architecture, task: Task) -> None:
    """Write folded weights as a float ONNX file; the file is always whole.

    A pixel of its input is (p - 128) / 64, as batches.inputs makes it.
    """
    write_whole(path, onnx_of(architecture, task, arrays(weights)).SerializeToString())
