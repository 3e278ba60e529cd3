# SPDX-License-Identifier: Apache-2.0
"""Guessed accuracies of architectures that were not judged."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random

import pytest

from mcuforge.nas.feasible import Feasible
from mcuforge.nas.judge import Judged
from mcuforge.nas.predictor import Predictor
from tests.unit.nas.searching import Accuracy, space_of, target


@pytest.fixture
def feasible(tmp_path: Path) -> Feasible:
    space = space_of(tmp_path)
    return Feasible(space, space.task, target(max_instructions=3e6))


def test_the_most_promising_is_among_the_most_accurate(feasible: Feasible) -> None:
    genomes = list(dict.fromkeys(islice(feasible.draws(Random(1)), 60)))
    accuracy = Accuracy(feasible.space)
    judged = [Judged(g, accuracy(g), 0, 0, 0.0) for g in genomes[:20]]
    unseen = genomes[20:]
    best = Predictor(feasible, judged).best(unseen)
    better = sum(accuracy(genome) > accuracy(best) for genome in unseen)
    assert better <= len(unseen) // 10


def test_of_equals_the_first(feasible: Feasible) -> None:
    genomes = list(dict.fromkeys(islice(feasible.draws(Random(2)), 6)))
    judged = [Judged(genome, 0.5, 0, 0, 0.0) for genome in genomes]
    assert Predictor(feasible, judged).best(genomes) == genomes[0]
    assert Predictor(feasible, judged[:2]).best(genomes[3:4]) == genomes[3]
