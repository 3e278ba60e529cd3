# SPDX-License-Identifier: Apache-2.0
"""Shared weights: made for every architecture, trained on strata, evaluated after recalibration."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import torch
from torch.nn import functional

from mcuforge.errors import InternalError
from mcuforge.nas.architecture import Architecture, Stage, Stem, Task
from mcuforge.nas.data import Data
from mcuforge.nas.genes import Genome
from mcuforge.nas.space import Space, load_space, shipped
from mcuforge.nas.training.batches import inputs
from mcuforge.nas.training.finetune import inherited
from mcuforge.nas.training.folded import folded
from mcuforge.nas.training.recipe import Recipe, recipe_for
from mcuforge.nas.training.run import Always
from mcuforge.nas.training.supernet import Strata, accuracy, create, evaluate, recalibrated
from mcuforge.nas.training.torch_layers import (
    BatchNorms,
    NoNorms,
    TorchLayers,
    forward,
    shapes_of,
)
from mcuforge.nas.training.trainer import train
from mcuforge.nas.training.weights import Weights
from tests.training.conftest import CNN

SPACE = """
title = "CNN for 8x8 images"
shape = [8, 8, 1]
classes = 10

[stem]
width = [4, 8]

[[stages]]
depth = [1, 2]
width = [4, 8, 12]
[stages.plain]
[stages.residual]

[[stages]]
depth = [1, 2]
width = [4, 8, 16]
stride = 2
[stages.plain]
[stages.residual]
"""


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    path = tmp_path_factory.mktemp("space") / "cnn8.toml"
    path.write_text(SPACE)
    return load_space(str(path))


def strata_of(space: Space, seed: int = 0) -> Strata:
    """Strata of 100 genomes, with their widths and depths for instructions."""
    genomes = strata_genomes(space)
    return Strata(space, genomes, [sum(genome) for genome in genomes], seed)


@pytest.mark.parametrize("name", [name for name in shipped() if "240" not in name])
def test_every_architecture_finds_its_weights(name: str) -> None:
    space = load_space(name)
    weights = create(space, space.task, 0)
    random = Random("others than those it was made of")
    for _ in range(20):
        architecture = space.architecture(space.sample(random))
        inherited(weights, architecture, space.task)


def test_strata_are_equally_likely_and_the_largest_is_every_fourth(space: Space) -> None:
    strata = strata_of(space)
    genomes = [strata.genome(step) for step in range(400)]
    assert genomes == [strata.genome(step) for step in range(400)]
    assert strata.largest == space.architecture(genomes[0])
    assert set(genomes[::4]) == {genomes[0]}
    costs = [sum(genome) for step, genome in enumerate(genomes) if step % 4]
    ordered = sorted(sum(genome) for genome in strata_genomes(space))
    middle = ordered[len(ordered) // 2]
    below = sum(cost < middle for cost in costs) / len(costs)
    assert abs(below - sum(cost < middle for cost in ordered) / len(ordered)) < 0.05
    assert Counter(map(len, genomes)) == {len(space.genes): 400}
    assert strata.identity != strata_of(space, seed=1).identity


def strata_genomes(space: Space) -> list[Genome]:
    random = Random(0)
    return sorted({space.sample(random) for _ in range(100)})


def test_no_1x1_convolution_is_strided(
    space: Space, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """oneDNN's backward pass of those overwrites what is beside its buffers; see TorchLayers."""
    asked = []
    convolve = functional.conv2d

    def watched(x: torch.Tensor, w: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        asked.append((tuple(w.shape[2:]), rest[1]))
        return convolve(x, w, *rest, **named)

    monkeypatch.setattr(functional, "conv2d", watched)
    weights = create(space, task, 1)
    for genome in space.genes.corners():
        rows, columns, channels = task.image
        x = torch.zeros(2, channels, rows, columns)
        forward(weights, space.architecture(genome), x, task.classes, BatchNorms())
    assert ((3, 3), (2, 2)) in asked
    assert {stride for kernel, stride in asked if kernel == (1, 1)} == {(1, 1)}
    x, w = torch.randn(2, 5, 7, 8), torch.randn(3, 5, 1, 1)
    ours = TorchLayers(
        Weights({"a.weight": w, "a.gain": torch.ones(3), "a.shift": torch.zeros(3)}),
        NoNorms(),
        None,
    ).conv("a", x, 3, (1, 1), (2, 2), "none")
    torch.testing.assert_close(ours, convolve(x, w, None, 2))


def test_wrong_numbers_of_instructions_are_refused(space: Space) -> None:
    with pytest.raises(InternalError, match="1 genomes have 0"):
        Strata(space, [space.genes.largest], [], 0)


def test_a_supernet_learns_and_ranks(
    space: Space, digits: Data, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    # every step, not the steps that end half seconds: one step's loss is of one architecture
    monkeypatch.setattr("mcuforge.nas.training.run.TELL_SECONDS", 0)
    strata, weights = strata_of(space), create(space, task, 0)
    losses: list[float] = []
    recipe = recipe_for(task, tokens=False, images=25_600, batch=64)
    smallest = space.architecture(space.genes.canonical([0] * len(space.genes)))
    before = evaluate(weights, strata.largest, digits)
    train(weights, strata, digits, recipe, progress=lambda *now: losses.append(now[2]))
    large, small = (evaluate(weights, one, digits) for one in (strata.largest, smallest))
    assert len(losses) == 400
    assert sum(losses[:40]) > 1.5 * sum(losses[-40:])
    assert before < 0.3
    assert large > 0.9
    assert small < large
    assert evaluate(weights, smallest, digits) == small


def test_the_largest_can_teach_the_others(space: Space, digits: Data, task: Task) -> None:
    recipe = recipe_for(task, tokens=False, images=640, batch=64)
    alone, taught = create(space, task, 0), create(space, task, 0)
    train(alone, strata_of(space), digits, recipe)
    train(taught, strata_of(space), digits, replace(recipe, from_largest=True))
    name = "head.weight"
    assert not torch.equal(alone.tensors[name], taught.tensors[name])


def test_a_folded_network_equals_the_recalibrated_one(
    digits: Data, task: Task, short: Recipe
) -> None:
    weights = Weights.drawn(shapes_of([CNN], task), 0)
    train(weights, Always(CNN), digits, short)
    norms = recalibrated(weights, CNN, digits)
    whole = folded(weights, norms)
    assert accuracy(whole, CNN, digits, norms=None) == evaluate(weights, CNN, digits)
    x = inputs(digits.held_x, digits)
    with torch.no_grad():
        expected = forward(weights, CNN, x, 10, norms)
        found = forward(whole, CNN, x, 10, None)
    assert torch.allclose(found, expected, atol=1e-4)


def test_an_inherited_part_computes_the_same(digits: Data, task: Task, short: Recipe) -> None:
    small = Architecture(Stem(4, 1), (Stage("residual", 8, 1), Stage("residual", 8, 1, 2)))
    shared = Weights.drawn(shapes_of([CNN, small], task), 0)
    train(shared, Always(CNN), digits, short)
    own = inherited(shared, small, task)
    assert len(own) < len(shared)
    assert evaluate(own, small, digits) == evaluate(shared, small, digits)
