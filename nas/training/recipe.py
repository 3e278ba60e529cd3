# SPDX-License-Identifier: Apache-2.0
"""Everything that decides what a training's result is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import ceil, cos, pi
from typing import Literal

from mcuforge.nas.architecture import Task

SMALLEST_RESIZED = 24  # pixels; half of fewer leaves hardly anything to see
SIDE_STEP = 4  # smaller images have a multiple of it: strides and patches divide it
Sizes = tuple[tuple[float, float], ...]
FULL_SIZE: Sizes = ((1.0, 1.0),)


@dataclass(frozen=True)
class Recipe:
    """How to train. The same recipe, data and start give the same weights on the same machine.

    images: how many training images are seen, each as often as it is seen: a budget in images
        gives the same result on a busy machine, a budget in seconds does not.
    warm_up: the share of steps in which the learning rate rises to `learning_rate`, before it falls
        to 0 along half a cosine ("one cycle").
    weight_decay: of matrices and kernels only; biases, gains, tokens and positions keep theirs.
    smoothing: of labels (Szegedy et al., "Rethinking the Inception Architecture", section 7).
    sizes: (scale of the image's sides, share of the images), in their order in time.
    crop: how many pixels an image is moved at most. flip: half of the images are mirrored.
    jitter: series are moved, scaled and get noise.
    distillation: the share of the teacher in the loss, where there is a teacher; `temperature`
        divides the logits of both (Hinton et al., "Distilling the Knowledge in a Neural Network").
        1: the logits of a teacher that was trained with smoothed labels are soft enough. ResNet-8
        on 5,000 images of CIFAR-10 at 16x16 reached 56.1 % with 1, 55.3 % with 2, 53.9 % without
        a teacher (one run each, 2,000 held-out images: 1 % of standard error).
    from_largest: a supernet's largest network teaches the others where no logits are stored.
        Off: every step then needs one more forward pass of the largest network, which at the
        beginning knows no more than the others.
    workers: processes with one thread each; each takes an equal part of every batch and its own
        batch statistics, so another number of workers gives another result.
    precision: "auto" is bfloat16 where a CUDA device multiplies it, else float32. bfloat16 is
        also worth asking for on processors with AMX (1.7 times as fast for ResNet-8).
    """

    images: int
    batch: int = 128
    optimizer: Literal["sgd", "adamw"] = "sgd"
    learning_rate: float = 0.2
    weight_decay: float = 5e-4
    warm_up: float = 0.2
    smoothing: float = 0.1
    sizes: Sizes = FULL_SIZE
    crop: int = 0
    flip: bool = False
    jitter: bool = False
    distillation: float = 0.5
    temperature: float = 1.0
    from_largest: bool = False
    workers: int = 1
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    seed: int = 0

    @property
    def steps(self) -> int:
        """The number of batches."""
        return max(1, ceil(self.images / self.batch))

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        rising = self.warm_up * self.steps
        if step + 1 <= rising:
            return self.learning_rate * (step + 1) / rising
        falling = (step + 1 - rising) / (self.steps - rising + 1)
        return self.learning_rate * (1 + cos(pi * falling)) / 2

    def scale(self, step: int) -> float:
        """The scale of the images' sides in a step."""
        total = 0.0
        for scale, share in self.sizes:
            total += share
            if step < total * self.steps:
                return scale
        return self.sizes[-1][0]

    def differences(self, other: dict[str, object]) -> list[str]:
        """What distinguishes this recipe from another one's `asdict`: "seed 1, here 0"."""
        mine = self.as_dict()
        names = sorted(mine.keys() | other.keys())
        return [
            f"{name} {other.get(name)}, here {mine.get(name)}"
            for name in names
            if mine.get(name) != other.get(name)
        ]

    def as_dict(self) -> dict[str, object]:
        """All settings by name, as JSON has them."""
        return {**asdict(self), "sizes": [list(pair) for pair in self.sizes]}


def recipe_for(
    task: Task, *, tokens: bool, images: int, batch: int = 128, seed: int = 0, workers: int = 1
) -> Recipe:
    """The recipe for networks of a task, with or without tokens.

    Convolutions: SGD with Nesterov's momentum and one cycle, which needs the fewest images (Smith,
    "Super-Convergence"); its rate grows with the batch (Goyal et al., "Accurate, Large Minibatch
    SGD"). Tokens: AdamW, because attention does not train with SGD at any rate that
    suits the other layers, and a weight decay of 0.05 as vision transformers have it; its rate is
    higher than theirs because the networks are narrow (at 64 channels and 30,000 images 0.003 was
    better than 0.001 by 2.5 %, and wider ones need less). Both see half
    of the images at half the size, a quarter at three quarters and the rest in full, where images
    are squares of 24 pixels or more: half the size costs about a quarter of the time. A crop by an
    eighth of a side is CIFAR-10's usual one. Grey images and those that are not squares may be
    digits or spectrograms, which mirrored are something else: they are only moved.
    """
    rate = Recipe.learning_rate * batch / Recipe.batch
    recipe = Recipe(images=images, batch=batch, learning_rate=rate, seed=seed, workers=workers)
    if tokens:
        recipe = replace(
            recipe, optimizer="adamw", learning_rate=2e-3, weight_decay=0.05, warm_up=0.1
        )
    if len(task.shape) == 2:
        return replace(recipe, jitter=True)
    rows, columns, channels = task.image
    square = rows == columns
    recipe = replace(recipe, crop=min(rows, columns) // 8, flip=square and channels == 3)
    if square and rows >= SMALLEST_RESIZED:
        recipe = replace(recipe, sizes=((0.5, 0.5), (0.75, 0.25), (1.0, 0.25)))
    return recipe


def quantization_recipe(recipe: Recipe, images: int) -> Recipe:
    """The recipe of quantization-aware training after `recipe`, for so many images.

    The network is trained: a twentieth of the rate moves its weights among the int8 steps around
    them. Images have their full size only, because ranges of activations depend on it.
    """
    return replace(recipe, images=images, learning_rate=recipe.learning_rate / 20, sizes=FULL_SIZE)


def resized(side: int, scale: float) -> int:
    """A scaled side in pixels: a multiple of 4, or the side itself at full size."""
    if scale == 1:
        return side
    return max(SIDE_STEP, SIDE_STEP * round(side * scale / SIDE_STEP))
