# SPDX-License-Identifier: Apache-2.0
"""Training batches: which samples, augmented how, as tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from mcuforge.compiler.tensors import Array, Index
from mcuforge.nas.augment import Float32, Teacher, crop_flip, jitter
from mcuforge.nas.data import Data
from mcuforge.nas.training.recipe import Recipe, resized

MIDDLE, STEPS = 128, 64  # an input of 0, and steps of the pixels per 1.0
ORDER, AUGMENT = 0, 1  # streams of random numbers


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step trains on: inputs (n, channels, rows, columns), labels, the teacher's logits."""

    x: torch.Tensor
    labels: torch.Tensor
    logits: torch.Tensor | None


def inputs(x: Array, data: Data) -> torch.Tensor:
    """What networks read: float32 (n, channels, rows, columns), channels last in memory.

    A pixel p of images, uint8 (n, rows, columns, channels), becomes (p - 128) / 64. Two things
    follow. Zero padding is a pixel of 128, a middle grey. And the input of the int8 network, whose
    scale is 1/64 and whose zero point is 0, is exactly p - 128: firmware makes it from the byte of
    a camera by flipping the highest bit, without arithmetic.

    Series, float32 (n, samples, channels), become (x - mean) / std per channel, and have one
    column; NaN, which pads short series, becomes 0.
    """
    if data.kind == "images":
        pixels = torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2)
        return pixels.float().sub_(MIDDLE).div_(STEPS)
    return _as_columns(data.normalized(x))


def _as_columns(x: Float32) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(x)).permute(0, 2, 1).unsqueeze(3)


class Batches:
    """Makes the batch of any step from the seed and the step's number alone.

    A resumed training asks for step k without the steps before it. Every sample is seen once
    before any is seen again. `rank` of `workers` gets its part of every batch.
    """

    def __init__(self, data: Data, recipe: Recipe, teacher: Teacher | None, rank: int = 0) -> None:
        self._data = data
        self._recipe = recipe
        self._teacher = teacher
        self._rank = rank
        self._epoch = -1
        self._order = np.zeros(0, np.int64)

    def batch(self, step: int) -> Batch:
        """The batch of a step, on the CPU."""
        recipe, data = self._recipe, self._data
        indices = self._indices(step)[self._rank :: recipe.workers]
        rng = np.random.default_rng((recipe.seed, AUGMENT, step, self._rank))
        logits = None
        if self._teacher is not None:
            which = rng.integers(0, len(self._teacher.views), len(indices))
            x = inputs(self._teacher.view(data.train_x, indices, which), data)
            logits = torch.from_numpy(self._teacher.logits(indices, which))
        elif data.kind == "images":
            x = inputs(crop_flip(data.train_x[indices], rng, recipe.crop, recipe.flip), data)
        else:
            series = data.normalized(data.train_x[indices])
            x = _as_columns(jitter(series, rng) if recipe.jitter else series)
        scale = recipe.scale(step)
        if scale != 1:
            sides = [resized(side, scale) for side in x.shape[2:]]
            x = F.interpolate(x, sides, mode="bilinear", antialias=True)
        return Batch(x, torch.from_numpy(data.train_y[indices]), logits)

    def _indices(self, step: int) -> Index:
        """The samples of a step, all workers' together."""
        samples, batch = len(self._data.train_y), self._recipe.batch
        places = np.arange(step * batch, (step + 1) * batch)
        found = []
        for epoch in range(places[0] // samples, places[-1] // samples + 1):
            if epoch != self._epoch:
                rng = np.random.default_rng((self._recipe.seed, ORDER, epoch))
                self._epoch, self._order = epoch, rng.permutation(samples)
            found.append(self._order[places[places // samples == epoch] % samples])
        return np.concatenate(found)
