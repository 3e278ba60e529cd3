# SPDX-License-Identifier: Apache-2.0
"""Digits, and networks that are small enough to train in a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcuforge.nas.architecture import Architecture, Block, Stage, Stem, Task, TokenPart
from mcuforge.nas.data import Data, load
from mcuforge.nas.training.recipe import Recipe, recipe_for

CNN = Architecture(Stem(8), (Stage("residual", 8, 1), Stage("residual", 16, 1, 2)))
VIT = Architecture(tokens=TokenPart(16, 8, (Block(2, 32), Block(2, 32)), 2))


@pytest.fixture(scope="session")
def digits() -> Data:
    return load(Path("digits"))


@pytest.fixture(scope="session")
def task(digits: Data) -> Task:
    return Task(digits.shape, digits.classes)


@pytest.fixture(scope="session")
def short(task: Task) -> Recipe:
    """Twenty steps."""
    return recipe_for(task, tokens=False, images=640, batch=32)
