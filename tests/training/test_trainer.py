# SPDX-License-Identifier: Apache-2.0
"""Trainings repeat bit for bit, continue from checkpoints, and refuse those of other trainings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mcuforge.errors import CompileError
from mcuforge.nas.architecture import Architecture, Stage, Stem, Task
from mcuforge.nas.data import Data
from mcuforge.nas.training import checkpoint as checkpoints
from mcuforge.nas.training.fake_quant import FakeQuant
from mcuforge.nas.training.finetune import fresh
from mcuforge.nas.training.folded import folded
from mcuforge.nas.training.recipe import Recipe, recipe_for
from mcuforge.nas.training.run import Always
from mcuforge.nas.training.supernet import recalibrated
from mcuforge.nas.training.torch_layers import shapes_of
from mcuforge.nas.training.trainer import train
from mcuforge.nas.training.weights import Weights
from tests.training.conftest import CNN, VIT


class Interrupted(Exception):
    pass


@dataclass(frozen=True)
class Breaks(Always):
    """Interrupts the training before a step."""

    step: int = 0

    def __call__(self, step: int) -> Architecture:
        if step == self.step:
            raise Interrupted
        return self.largest


def trained(network: Architecture, data: Data, task: Task, recipe: Recipe) -> Weights:
    weights = fresh(network, task, 0)
    train(weights, Always(network), data, recipe)
    return weights


def assert_equal(a: Weights, b: Weights) -> None:
    assert a.tensors.keys() == b.tensors.keys()
    assert all(torch.equal(a.tensors[name], b.tensors[name]) for name in a.tensors)


@pytest.mark.parametrize("network", [CNN, VIT], ids=["SGD", "AdamW"])
def test_an_interrupted_training_ends_with_the_same_bits(
    network: Architecture, digits: Data, task: Task, tmp_path: Path
) -> None:
    recipe = recipe_for(task, tokens=network is VIT, images=640, batch=32)
    expected = trained(network, digits, task, recipe)
    path, weights = tmp_path / "checkpoint.npz", fresh(network, task, 0)
    with pytest.raises(Interrupted):
        train(weights, Breaks(network, 7), digits, recipe, checkpoint=path, save_seconds=0)
    seen = []
    train(
        fresh(network, task, 1),  # whatever it starts with is replaced
        Always(network),
        digits,
        recipe,
        checkpoint=path,
        progress=lambda *told: seen.append(told),
        save_seconds=0,
    )
    again = fresh(network, task, 2)
    train(again, Always(network), digits, recipe, checkpoint=path)  # all images are seen
    assert_equal(again, expected)
    assert seen[-1][:2] == (640, 640)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_an_interrupted_training_in_int8_ends_with_the_same_bits(
    digits: Data, task: Task, short: Recipe, tmp_path: Path
) -> None:
    start = fresh(CNN, task, 0)
    start = folded(start, recalibrated(start, CNN, digits))
    path = tmp_path / "checkpoint.npz"
    results: list[tuple[Weights, dict[str, torch.Tensor]]] = []
    for draw in (Always(CNN), Breaks(CNN, 7), Always(CNN)):
        weights = start.to(torch.device("cpu"))
        rounding = FakeQuant.calibrated(weights, CNN, digits, 100)
        saved = None if not results and draw == Always(CNN) else path
        try:
            train(weights, draw, digits, short, rounding=rounding, checkpoint=saved, save_seconds=0)
        except Interrupted:
            continue
        results.append((weights, rounding.ranges))
    (first, ranges), (second, ranges_again) = results
    assert_equal(first, second)
    assert all(torch.equal(ranges[name], ranges_again[name]) for name in ranges)


def test_seeds_and_batches_decide_the_result(digits: Data, task: Task, short: Recipe) -> None:
    first, same = (trained(CNN, digits, task, short) for _ in range(2))
    assert_equal(first, same)
    other = trained(CNN, digits, task, replace(short, seed=1))
    assert not torch.equal(first.tensors["stem.weight"], other.tensors["stem.weight"])


def test_a_step_changes_only_what_it_uses(digits: Data, task: Task, short: Recipe) -> None:
    small = Architecture(Stem(8), (Stage("residual", 8, 1), Stage("residual", 8, 1, 2)))
    for tokens in (False, True):  # both optimizers
        recipe = replace(recipe_for(task, tokens=tokens, images=320), smoothing=0.0)
        weights = Weights.drawn(shapes_of([CNN, small], task), 0)
        train(weights, Always(CNN), digits, recipe)  # momentum everywhere
        before = weights.to(torch.device("cpu"))
        train(weights, Always(small), digits, recipe)
        name = "stage1.residual0.first.weight"
        now, old = weights.tensors[name], before.tensors[name]
        assert not torch.equal(now[:8], old[:8])
        assert torch.equal(now[8:], old[8:])


@pytest.fixture
def saved(digits: Data, task: Task, short: Recipe, tmp_path: Path) -> Path:
    path = tmp_path / "checkpoint.npz"
    train(fresh(CNN, task, 0), Always(CNN), digits, replace(short, images=64), checkpoint=path)
    return path


def test_checkpoints_of_other_trainings_are_refused(
    digits: Data, task: Task, short: Recipe, saved: Path
) -> None:
    recipe = replace(short, images=64)
    cases: list[tuple[Architecture, Data, Recipe, str]] = [
        (CNN, digits, replace(recipe, seed=3), "seed 0, here 3"),
        (CNN, digits, replace(recipe, batch=16), "batch 32, here 16"),
        (CNN, replace(digits, train_x=digits.train_x[:, ::-1]), recipe, "data "),
        (VIT, digits, recipe, "subject "),
    ]
    for network, data, other, text in cases:
        with pytest.raises(CompileError, match="of another training") as caught:
            train(fresh(network, task, 0), Always(network), data, other, checkpoint=saved)
        assert text in caught.value.what
        assert caught.value.where == str(saved)


def test_checkpoints_of_other_weights_are_refused(
    digits: Data, task: Task, short: Recipe, saved: Path
) -> None:
    wide = replace(CNN, last=8)
    weights = Weights.drawn(shapes_of([CNN, wide], task), 0)
    with pytest.raises(CompileError, match=r"expected \(8,"):
        train(weights, Always(CNN), digits, replace(short, images=64), checkpoint=saved)


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "text"])
def test_damaged_checkpoints_are_refused(
    digits: Data, task: Task, short: Recipe, saved: Path, damage: str
) -> None:
    content = bytearray(saved.read_bytes())
    if damage == "changed":
        middle = len(content) // 2
        content[middle : middle + 200] = bytes(200)
    damaged = {"cut": content[:-100], "changed": content, "empty": b"", "text": b"hello"}
    saved.write_bytes(bytes(damaged[damage]))
    with pytest.raises(CompileError, match="cannot be read"):
        train(fresh(CNN, task, 0), Always(CNN), digits, replace(short, images=64), checkpoint=saved)


def test_a_checkpoint_that_cannot_be_finished_leaves_the_old_one(
    digits: Data, short: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.npz"
    identity = checkpoints.Identity(short, digits.digest, "x")
    checkpoints.write(path, identity, 1, {"a": np.zeros(3, np.float32)})

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(CompileError, match="cannot be written: no space"):
        checkpoints.write(path, identity, 2, {"a": np.ones(3, np.float32)})
    assert checkpoints.read(path, identity)[0] == 1
    assert not list(tmp_path.glob("*.part"))


def test_a_diverging_training_is_refused(digits: Data, task: Task, short: Recipe) -> None:
    recipe = replace(short, learning_rate=1e30)
    with pytest.raises(CompileError, match="expected a finite number"):
        train(fresh(CNN, task, 0), Always(CNN), digits, recipe)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_refused(digits: Data, task: Task, short: Recipe) -> None:
    with pytest.raises(CompileError, match="no CUDA device"):
        train(fresh(CNN, task, 0), Always(CNN), digits, short, device="cuda")
