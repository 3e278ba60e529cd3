# SPDX-License-Identifier: Apache-2.0
"""A training on several nodes gives the bits of one machine, whichever worker is killed."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from mcuforge.errors import CompileError
from mcuforge.nas.architecture import Architecture, Task
from mcuforge.nas.data import Data, load
from mcuforge.nas.training.cluster import OnCluster
from mcuforge.nas.training.finetune import fresh
from mcuforge.nas.training.recipe import Recipe, recipe_for
from mcuforge.nas.training.run import Always, Diverged
from mcuforge.nas.training.trainer import train
from mcuforge.nas.workers import ray_workers
from tests.training.conftest import CNN

KILLED_AT = 12
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")


@dataclass(frozen=True)
class KillsOnce(Always):
    """Kills the second worker before a step, but only where `flag` is not there yet."""

    flag: Path

    def __call__(self, step: int) -> Architecture:
        if step == KILLED_AT and torch.distributed.get_rank() == 1 and not self.flag.exists():
            self.flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.largest


@pytest.fixture(scope="module")
def digits() -> Data:
    return load(Path("digits"))


@pytest.fixture(scope="module")
def task(digits: Data) -> Task:
    return Task(digits.shape, digits.classes)


@pytest.fixture(scope="module")
def recipe(task: Task) -> Recipe:
    return recipe_for(task, tokens=False, images=640, batch=32, workers=2)


def test_a_cluster_trains_to_the_bits_of_one_machine_though_a_worker_is_killed(
    address: str, digits: Data, task: Task, recipe: Recipe, tmp_path: Path
) -> None:
    expected = fresh(CNN, task, 0)
    train(expected, Always(CNN), digits, recipe)
    weights, path = fresh(CNN, task, 0), tmp_path / "checkpoint.npz"
    told: list[tuple[int, int, float]] = []
    with ray_workers(address) as workers:
        train(
            weights,
            KillsOnce(CNN, tmp_path / "killed"),
            digits,
            recipe,
            checkpoint=path,
            progress=lambda *now: told.append(now),
            save_seconds=0,
            divided=OnCluster(workers.ray),
        )
    assert (tmp_path / "killed").exists()
    assert all(torch.equal(w, expected.tensors[n]) for n, w in weights.tensors.items())
    assert all(total == 640 for _, total, _ in told)
    again = fresh(CNN, task, 0)
    train(again, Always(CNN), digits, recipe, checkpoint=path)  # all images are seen
    assert all(torch.equal(w, expected.tensors[n]) for n, w in again.tensors.items())


def test_what_a_worker_raises_and_too_few_cpus_are_errors(
    address: str, digits: Data, task: Task, recipe: Recipe
) -> None:
    with ray_workers(address) as workers:
        on_cluster = OnCluster(workers.ray)
        wild = replace(recipe, learning_rate=1e30)
        with pytest.raises(Diverged):
            train(fresh(CNN, task, 0), Always(CNN), digits, wild, divided=on_cluster)
        many = replace(recipe, workers=4)
        with pytest.raises(CompileError, match=r"4 workers .* the cluster has 3 CPUs"):
            train(fresh(CNN, task, 0), Always(CNN), digits, many, divided=on_cluster)
