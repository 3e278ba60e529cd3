# SPDX-License-Identifier: Apache-2.0
"""Trains shared weights or those of one network: one architecture per batch."""

from __future__ import annotations

from pathlib import Path

from mcuforge.nas.augment import Teacher
from mcuforge.nas.data import Data
from mcuforge.nas.training.devices import Device, device_of, one_thread
from mcuforge.nas.training.fake_quant import FakeQuant
from mcuforge.nas.training.recipe import Recipe
from mcuforge.nas.training.run import Divided, Draw, Job, Progress, Run
from mcuforge.nas.training.weights import Weights
from mcuforge.nas.training.workers import train_in_processes

SAVE_SECONDS = 60.0  # between two checkpoints


def train(
    weights: Weights,
    draw: Draw,
    data: Data,
    recipe: Recipe,
    *,
    teacher: Teacher | None = None,
    rounding: FakeQuant | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    device: Device = "auto",
    save_seconds: float = SAVE_SECONDS,
    divided: Divided = train_in_processes,
) -> None:
    """Train `weights` in place, for `recipe.images` images.

    The result is decided by the arguments up to `rounding` and the kind of device; with the same
    number of workers it is the same every time. A step changes the weights that its architecture
    uses and no others (see optimizer). With a `checkpoint` that exists the training continues
    where it was written, and ends with the same bits as one that nothing interrupted; a checkpoint
    that says all images are seen gives the result at once. `divided`: what several workers are;
    processes of this machine, or those of a cluster.

    Raises CompileError for a checkpoint that is damaged or of another training, for a loss that is
    not finite, for a device that is missing, and when a worker process ends too early.
    """
    job = Job(weights, draw, data, recipe, teacher, rounding)
    if recipe.workers > 1:
        divided(job, checkpoint, progress, save_seconds)
        return
    with one_thread():
        run = Run(job, device_of(device))
        run.all_steps(checkpoint, progress, save_seconds)
        run.give_back()
