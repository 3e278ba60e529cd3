# SPDX-License-Identifier: Apache-2.0
"""Two processes train together: the same result every time, and a clear end when one dies."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from mcuforge.errors import CompileError
from mcuforge.nas.architecture import Architecture, Task
from mcuforge.nas.data import Data
from mcuforge.nas.training.finetune import fresh
from mcuforge.nas.training.recipe import Recipe
from mcuforge.nas.training.run import Always
from mcuforge.nas.training.trainer import train
from tests.training.conftest import CNN

KILLED_AT = 7


@dataclass(frozen=True)
class Kills(Always):
    """Kills the second worker before a step, as a machine without memory would."""

    def __call__(self, step: int) -> Architecture:
        if step == KILLED_AT and torch.distributed.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.largest


def test_a_killed_worker_ends_the_training_which_continues_to_the_same_bits(
    digits: Data, task: Task, short: Recipe, tmp_path: Path
) -> None:
    recipe, path = replace(short, workers=2), tmp_path / "checkpoint.npz"
    expected = fresh(CNN, task, 0)
    told: list[tuple[int, int, float]] = []
    train(expected, Always(CNN), digits, recipe, progress=lambda *now: told.append(now))
    assert told[-1][:2] == (640, 640)

    weights = fresh(CNN, task, 0)
    with pytest.raises(CompileError, match="worker 2 of 2 ended with signal 9") as caught:
        train(weights, Kills(CNN), digits, recipe, checkpoint=path, save_seconds=0)
    assert caught.value.where == str(path)
    assert not multiprocessing.active_children()
    assert path.exists()

    train(weights, Always(CNN), digits, recipe, checkpoint=path)
    assert all(torch.equal(w, expected.tensors[n]) for n, w in weights.tensors.items())
