# SPDX-License-Identifier: Apache-2.0
"""One process of a training: its steps, their loss, its checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import torch
from torch.nn import functional as F

from mcuforge.errors import CompileError
from mcuforge.nas.architecture import Architecture
from mcuforge.nas.augment import Teacher
from mcuforge.nas.data import Data
from mcuforge.nas.training import checkpoint as checkpoints
from mcuforge.nas.training.batches import Batch, Batches
from mcuforge.nas.training.checkpoint import Float, Identity
from mcuforge.nas.training.devices import lower_precision
from mcuforge.nas.training.fake_quant import FakeQuant
from mcuforge.nas.training.optimizer import Optimizer, UsedWeights
from mcuforge.nas.training.recipe import Recipe
from mcuforge.nas.training.torch_layers import BatchNorms, forward
from mcuforge.nas.training.weights import Weights

TELL_SECONDS = 0.5  # between two calls of `progress`
Progress = Callable[[int, int, float], None]  # images seen, of how many, the last batch's loss
Divided = Callable[["Job", Path | None, Progress | None, float], None]
"""Trains a job of several workers in place; the last argument: seconds between checkpoints."""


class Diverged(CompileError):
    """The loss of a training is not a finite number any more."""


class Draw(Protocol):
    """Which architecture each step trains; must be picklable for more than one worker."""

    @property
    def identity(self) -> str:
        """Names all that is drawn: a checkpoint of another identity is refused."""
        ...

    @property
    def largest(self) -> Architecture:
        """The architecture that may teach the others."""
        ...

    def __call__(self, step: int) -> Architecture:
        """The architecture of a step; the same one whenever it is asked for."""
        ...


@dataclass(frozen=True)
class Always:
    """Draws one architecture in every step."""

    largest: Architecture

    @property
    def identity(self) -> str:
        """The architecture in few letters."""
        return sha256(repr(self.largest).encode()).hexdigest()[:16]

    def __call__(self, step: int) -> Architecture:
        """The architecture."""
        return self.largest


class Exchange(Protocol):
    """Brings the workers' numbers together, in place and in the same way every time."""

    def add(self, tensors: list[torch.Tensor]) -> None:
        """Give every worker the sums over all workers."""
        ...

    def most(self, tensor: torch.Tensor) -> None:
        """Give every worker the maxima over all workers."""
        ...


@dataclass(frozen=True, eq=False)
class Job:
    """What to train. `rounding`: for quantization-aware training of weights without norms."""

    weights: Weights
    draw: Draw
    data: Data
    recipe: Recipe
    teacher: Teacher | None = None
    rounding: FakeQuant | None = None

    @property
    def identity(self) -> Identity:
        """What a checkpoint of this job belongs to."""
        kind = "" if self.rounding is None else " int8"
        taught = "" if self.teacher is None else f" taught by {self.teacher.digest}"
        return Identity(self.recipe, self.data.digest, f"{self.draw.identity}{kind}{taught}")


class Run:
    """One process's part of a training; `rank`: which of `recipe.workers` it is."""

    def __init__(
        self, job: Job, device: torch.device, rank: int = 0, exchange: Exchange | None = None
    ) -> None:
        self._job = job
        self._recipe = job.recipe
        self._device = device
        self._exchange = exchange
        self._writes = rank == 0
        self.weights = job.weights.to(device)
        self._optimizer = Optimizer(self.weights, job.recipe)
        self._batches = Batches(job.data, job.recipe, job.teacher, rank)

    def all_steps(
        self, checkpoint: Path | None, progress: Progress | None, save_seconds: float
    ) -> None:
        """Train from the checkpoint, or from the beginning, to the end."""
        recipe, identity = self._recipe, self._job.identity
        start = 0
        if checkpoint is not None and checkpoint.exists():
            start, arrays = checkpoints.read(checkpoint, identity)
            self._restore(arrays, checkpoint)
        saved = told = time.monotonic()
        for step in range(start, recipe.steps):
            loss = self._step(step)
            done, now = step + 1, time.monotonic()
            last = done == recipe.steps
            if last or now - told >= TELL_SECONDS:
                told = now
                self._tell(done, float(loss), progress)
            if checkpoint is not None and self._writes and (last or now - saved >= save_seconds):
                checkpoints.write(checkpoint, identity, done, self.arrays())
                saved = time.monotonic()

    def arrays(self) -> Mapping[str, Float]:
        """The weights and the state of optimizer and rounding: float32 arrays in their shapes."""
        return {
            name: tensor.detach().cpu().numpy().copy(order="C")
            for name, tensor in self._tensors().items()
        }

    def give_back(self) -> None:
        """Copy the trained weights into those of the job."""
        for name, tensor in self._job.weights.tensors.items():
            tensor.data.copy_(self.weights.tensors[name].detach())

    def load(self, arrays: Mapping[str, Float]) -> None:
        """Take over what another run's `arrays` returned."""
        for name, tensor in self._tensors().items():
            tensor.data.copy_(torch.from_numpy(arrays[name]))

    def _tensors(self) -> dict[str, torch.Tensor]:
        named = {f"weights/{name}": tensor for name, tensor in self.weights.tensors.items()}
        for kind, tensors in self._optimizer.state.items():
            named |= {f"{kind}/{name}": tensor for name, tensor in tensors.items()}
        if self._job.rounding is not None:
            named |= {f"range/{n}": both for n, both in self._job.rounding.ranges.items()}
        return named

    def _restore(self, arrays: Mapping[str, Float], path: Path) -> None:
        expected = {name: tuple(tensor.shape) for name, tensor in self._tensors().items()}
        found = {name: array.shape for name, array in arrays.items()}
        wrong = sorted(n for n in expected | found if expected.get(n) != found.get(n))
        if wrong:
            name = wrong[0]
            raise CompileError(
                f"the checkpoint has {name} of shape {found.get(name)}, "
                f"expected {expected.get(name)}",
                str(path),
                "remove it to train from the beginning",
            )
        self.load(arrays)

    def _step(self, step: int) -> torch.Tensor:
        """Train on one batch; returns its loss."""
        job, recipe = self._job, self._recipe
        batch = self._batches.batch(step)
        architecture = job.draw(step)
        store = UsedWeights(self.weights)
        x = batch.x.to(self._device, non_blocking=True)
        # int8 steps need all the bits of float32
        precision = recipe.precision if job.rounding is None else "float32"
        with lower_precision(precision, self._device):
            norms = BatchNorms() if job.rounding is None else None
            logits = forward(store, architecture, x, job.data.classes, norms, job.rounding)
        loss = self._loss(logits.float(), batch, self._teaching(batch, architecture, x))
        loss.backward()
        loss = loss.detach()
        if self._exchange is not None:
            self._exchange.add([*store.gradients(), loss])
        self._optimizer.step(store.used, recipe.rate(step))
        if job.rounding is not None:
            job.rounding.follow(None if self._exchange is None else self._exchange.most)
        return loss

    def _teaching(
        self, batch: Batch, architecture: Architecture, x: torch.Tensor
    ) -> torch.Tensor | None:
        """The logits to learn from, of the stored teacher or of the largest architecture."""
        if batch.logits is not None:
            return batch.logits.to(self._device)
        largest = self._job.draw.largest
        if not self._recipe.from_largest or architecture == largest:
            return None
        with torch.no_grad(), lower_precision(self._recipe.precision, self._device):
            return forward(self.weights, largest, x, self._job.data.classes, BatchNorms()).float()

    def _loss(
        self, logits: torch.Tensor, batch: Batch, teaching: torch.Tensor | None
    ) -> torch.Tensor:
        """The mean over all workers' samples: each adds its part."""
        recipe = self._recipe
        labels = batch.labels.to(self._device)
        loss = F.cross_entropy(logits, labels, label_smoothing=recipe.smoothing, reduction="sum")
        if teaching is not None:
            heat = recipe.temperature
            taught = F.kl_div(
                F.log_softmax(logits / heat, 1),
                F.log_softmax(teaching / heat, 1),
                reduction="sum",
                log_target=True,
            )
            # its gradients are smaller by the square of the temperature
            loss = (1 - recipe.distillation) * loss + recipe.distillation * heat**2 * taught
        return loss / recipe.batch

    def _tell(self, done: int, loss: float, progress: Progress | None) -> None:
        images, total = done * self._recipe.batch, self._recipe.images
        if loss != loss or abs(loss) == float("inf"):
            raise Diverged(
                f"the loss is {loss} after {images:,} images, expected a finite number",
                f"training on {self._job.data.origin}",
                "try another seed; look for samples with extreme values",
            )
        if progress is not None:
            progress(min(images, total), total, loss)
