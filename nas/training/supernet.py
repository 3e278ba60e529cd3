# SPDX-License-Identifier: Apache-2.0
"""Shared weights of a space: made, trained on what fits, and asked how good an architecture is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from random import Random
from typing import Literal

import numpy as np
import torch

from mcuforge.errors import InternalError
from mcuforge.nas.architecture import Architecture, Task
from mcuforge.nas.data import Data
from mcuforge.nas.genes import Genome
from mcuforge.nas.space import Space
from mcuforge.nas.training.batches import inputs
from mcuforge.nas.training.devices import one_thread
from mcuforge.nas.training.torch_layers import BatchNorms, forward, shapes_of
from mcuforge.nas.training.weights import Weights

SAMPLES = 200  # random architectures whose weights must have room
STRATA = 5
LARGEST_EVERY = 4
NORMS_IMAGES = 1000
BATCH = 250


def create(space: Space, task: Task, seed: int) -> Weights:
    """Draw the weights that all architectures of a space share; takes a second or a few.

    The largest of every choice needs the most of it, with every option of every other choice in
    turn; random architectures are there for what depends on two choices at once.
    """
    random = Random(seed)
    genomes = [*space.genes.corners(), *(space.sample(random) for _ in range(SAMPLES))]
    architectures = map(space.architecture, dict.fromkeys(genomes))
    with one_thread():
        return Weights.drawn(shapes_of(architectures, task), seed)


class Strata:
    """Draws feasible architectures for a supernet's steps; see run.Draw.

    The genomes are divided by their instructions into five strata of equal number. Of any five
    successive draws each stratum has one, in an order of its own, so that no length of training
    prefers small or large networks. Every fourth step trains the genome with the most
    instructions, which uses nearly all weights.
    """

    def __init__(
        self, space: Space, genomes: Sequence[Genome], instructions: Sequence[int], seed: int
    ) -> None:
        if len(genomes) != len(instructions) or not genomes:
            raise InternalError(f"{len(genomes)} genomes have {len(instructions)} instructions")
        pairs = sorted(zip(instructions, genomes, strict=True))
        ordered = [genome for _, genome in pairs]
        self._space = space
        self._seed = seed
        self._top = ordered[-1]
        count = min(STRATA, len(ordered))
        edges = [len(ordered) * i // count for i in range(count + 1)]
        self._strata = [ordered[edges[i] : edges[i + 1]] for i in range(count)]

    @cached_property
    def identity(self) -> str:
        """A digest of the space, the genomes in their strata and the seed."""
        text = f"{self._space.digest} {self._seed} {self._strata}"
        return sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def largest(self) -> Architecture:
        """The architecture with the most instructions."""
        return self._space.architecture(self._top)

    def genome(self, step: int) -> Genome:
        """The genome of a step; the same one whenever it is asked for."""
        if step % LARGEST_EVERY == 0:
            return self._top
        place = step - step // LARGEST_EVERY - 1  # among the draws
        turn, within = divmod(place, len(self._strata))
        order = list(range(len(self._strata)))
        Random(f"{self._seed} turn {turn}").shuffle(order)
        return Random(f"{self._seed} step {step}").choice(self._strata[order[within]])

    def __call__(self, step: int) -> Architecture:
        """The architecture of a step."""
        return self._space.architecture(self.genome(step))


def recalibrated(
    weights: Weights, architecture: Architecture, data: Data, images: int = NORMS_IMAGES
) -> BatchNorms:
    """Fixed batch normalizations of one architecture.

    Means and variances are those of the first training images, in full size and not augmented.
    Shared weights need this for every architecture, and so does training with small images.
    """
    norms = BatchNorms(collect=True)
    first = data.train_x[:images]
    with one_thread(), torch.inference_mode():
        for part in np.array_split(first, max(1, len(first) // BATCH)):
            x = inputs(part, data).to(_device(weights))
            forward(weights, architecture, x, data.classes, norms)
    return norms.calibrated()


def evaluate(
    weights: Weights,
    architecture: Architecture,
    data: Data,
    part: Literal["held", "test"] = "held",
    *,
    images: int | None = None,
    norms_images: int = NORMS_IMAGES,
) -> float:
    """The accuracy, 0 to 1, of an architecture with shared weights on the first images of a part.

    images: None for all of them. Its batch normalizations are recalibrated before.
    """
    norms = recalibrated(weights, architecture, data, norms_images)
    return accuracy(weights, architecture, data, part, norms=norms, images=images)


def accuracy(
    weights: Weights,
    architecture: Architecture,
    data: Data,
    part: Literal["held", "test"] = "held",
    *,
    norms: BatchNorms | None,
    images: int | None = None,
) -> float:
    """The accuracy, 0 to 1, with fixed normalizations, or None where they are folded.

    Raises InternalError where the data has no such part.
    """
    x, y = (data.held_x, data.held_y) if part == "held" else (data.test_x, data.test_y)
    if x is None or y is None:
        raise InternalError(f"{data.origin} has no {part} part")
    x, y = x[:images], y[:images]
    right = 0
    with one_thread(), torch.inference_mode():
        for start in range(0, len(x), BATCH):
            batch = inputs(x[start : start + BATCH], data).to(_device(weights))
            found = forward(weights, architecture, batch, data.classes, norms).argmax(1).cpu()
            right += int((found.numpy() == y[start : start + BATCH]).sum())
    return right / len(x)


def _device(weights: Weights) -> torch.device:
    return next(iter(weights.tensors.values())).device
