# SPDX-License-Identifier: Apache-2.0
"""Recipes decide batches: which samples, how large, how fast, and what networks read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mcuforge.compiler.tensors import Array
from mcuforge.nas.architecture import Architecture, Stage, Stem, Task
from mcuforge.nas.augment import Teacher
from mcuforge.nas.data import Data
from mcuforge.nas.training.batches import Batches, inputs
from mcuforge.nas.training.finetune import finetune, fresh
from mcuforge.nas.training.recipe import Recipe, quantization_recipe, recipe_for, resized
from mcuforge.nas.training.run import Always
from mcuforge.nas.training.supernet import accuracy
from mcuforge.nas.training.trainer import train

LABELS = tuple("ab")


def data_of(x: Array, kind: str) -> Data:
    y = np.arange(len(x), dtype=np.int64) % 2
    assert kind in ("images", "series")
    return Data(x, y, x, y, None, None, 2, LABELS, "made", kind, True)  # type: ignore[arg-type]


def test_the_rate_rises_and_falls_in_one_cycle() -> None:
    recipe = Recipe(images=1000, batch=10, learning_rate=0.4, warm_up=0.2)
    rates = [recipe.rate(step) for step in range(recipe.steps)]
    assert recipe.steps == 100
    assert max(rates) == pytest.approx(0.4)
    assert rates[:20] == sorted(rates[:20])
    assert rates[19:] == sorted(rates[19:], reverse=True)
    assert 0 < rates[-1] < 0.001


def test_small_images_come_first() -> None:
    recipe = recipe_for(Task((32, 32, 3), 10), tokens=False, images=800, batch=8)
    sides = [resized(32, recipe.scale(step)) for step in range(100)]
    assert [sides.count(side) for side in (16, 24, 32)] == [50, 25, 25]
    assert sides == sorted(sides)
    assert quantization_recipe(recipe, 80).scale(0) == 1
    assert [resized(28, scale) for scale in (0.5, 0.75, 1)] == [16, 20, 28]


def test_recipes_suit_their_tasks() -> None:
    digits = recipe_for(Task((8, 8, 1), 10), tokens=False, images=8)
    assert (digits.crop, digits.flip, len(digits.sizes)) == (1, False, 1)
    colour = recipe_for(Task((32, 32, 3), 10), tokens=True, images=8)
    assert (colour.crop, colour.flip, colour.optimizer) == (4, True, "adamw")
    series = recipe_for(Task((128, 6), 6), tokens=False, images=8)
    assert (series.crop, series.flip, series.jitter) == (0, False, True)


def test_every_sample_is_seen_once_before_any_is_seen_again() -> None:
    x = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    data = data_of(x, "images")
    recipe = Recipe(images=30, batch=6)
    halves = [Batches(data, replace(recipe, workers=2), None, rank) for rank in (0, 1)]
    whole = Batches(data, recipe, None)
    seen: list[int] = []
    for step in range(5):
        pixels = pixels_of(whole.batch(step).x)
        assert sorted(pixels) == sorted(p for half in halves for p in pixels_of(half.batch(step).x))
        seen += pixels
    assert all(sorted(seen[i : i + 10]) == list(range(10)) for i in (0, 10, 20))
    assert pixels_of(Batches(data, recipe, None).batch(3).x) == seen[18:24]  # without a replay


def pixels_of(x: torch.Tensor) -> list[int]:
    return [int(pixel) for pixel in (x.flatten() * 64 + 128).tolist()]


def test_networks_read_pixels_around_the_middle() -> None:
    x = np.array([0, 127, 128, 255], np.uint8).reshape(1, 2, 2, 1)
    read = inputs(x, data_of(x, "images"))
    assert read.shape == (1, 1, 2, 2)
    assert read.flatten().tolist() == [-2, -1 / 64, 0, 127 / 64]


def test_networks_read_series_as_columns() -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    x[0, 3] = np.nan
    data = data_of(x, "series")
    read = inputs(x, data)
    assert read.shape == (2, 3, 4, 1)
    assert read[0, :, 3, 0].tolist() == [0, 0, 0]
    assert read[1, 2, 1, 0] == pytest.approx(float((x[1, 1, 2] - data.mean[2]) / data.std[2]))


def test_a_teacher_gives_its_view_and_its_logits() -> None:
    x = np.arange(32, dtype=np.uint8).reshape(8, 2, 2, 1)
    data = data_of(x, "images")
    logits = np.arange(32, dtype=np.float32).reshape(2, 8, 2)
    teacher = Teacher("made", logits, np.array([[0, 0, 0], [1, 0, 0]]))
    batch = Batches(data, Recipe(images=8, batch=8), teacher).batch(0)
    assert batch.logits is not None
    for image, given in zip(batch.x, batch.logits, strict=True):
        view, sample = divmod(int(given[0]) // 2, 8)
        expected = x[sample, :, ::-1] if view else x[sample]
        assert pixels_of(image) == expected.flatten().tolist()


def test_series_train() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((80, 16, 2)).astype(np.float32)
    x[1::2] += 2
    data, task = data_of(x, "series"), Task((16, 2), 2)
    network = Architecture(Stem(8), (Stage("separable", 8, 1, 2),))
    recipe = recipe_for(task, tokens=False, images=1600, batch=32)
    whole = finetune(fresh(network, task, 0), network, data, recipe)
    assert accuracy(whole, network, data, norms=None) > 0.9


def test_bfloat16_trains(digits: Data, task: Task, short: Recipe) -> None:
    network = Architecture(Stem(8), (Stage("plain", 8, 1, 2),))
    first, second = (fresh(network, task, 0) for _ in range(2))
    train(first, Always(network), digits, short)
    train(second, Always(network), digits, replace(short, precision="bfloat16"))
    name = "stem.weight"
    difference = (first.tensors[name] - second.tensors[name]).detach().abs().max()
    assert 0 < float(difference) < 0.1
