# SPDX-License-Identifier: Apache-2.0
"""Runs every method with every seed, and says how sure it is that one is better than another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from mcuforge.nas.judge import Judge, Judged
from mcuforge.nas.methods import METHODS, objectives, together
from mcuforge.nas.statistics import Sample, hypervolume, paired_p
from mcuforge.report.search import MethodResult, Point

EVOLUTION = "evolution"
MOST_HAND_MADE = 2  # evaluations; a few points dominate no volume worth comparing
FEWEST_PAIRS = 5  # for a test: with four, no outcome is below 0.05


@dataclass(frozen=True)
class Comparison:
    """What each method found with each seed, in the order of evaluation."""

    seeds: Sequence[int]
    found: Mapping[str, Sequence[Sequence[Judged]]]
    hypervolumes: Mapping[str, Sequence[float]]

    def results(self) -> tuple[MethodResult, ...]:
        """One line per method."""
        return tuple(self._result(name) for name in self.found)

    def points(self, text: Callable[[Judged], str]) -> tuple[Point, ...]:
        """Every architecture once, by the first method and seed that proposed it."""
        points: dict[str, Point] = {}
        for method, seeds in self.found.items():
            for seed, history in zip(self.seeds, seeds, strict=True):
                for one in history:
                    genome = text(one)
                    cost = (one.ram, one.flash, one.instructions)
                    points.setdefault(genome, Point(genome, method, seed, one.accuracy, *cost))
        return tuple(points.values())

    def all(self) -> list[Judged]:
        """Every architecture that was judged, the most accurate first."""
        every = (one for seeds in self.found.values() for history in seeds for one in history)
        return _by_accuracy(every)

    def _result(self, name: str) -> MethodResult:
        histories = self.found[name]
        best = self._bests(name)
        volumes = Sample(tuple(self.hypervolumes[name]))
        compared = name != EVOLUTION and len(histories) >= FEWEST_PAIRS
        many = max(map(len, histories)) > MOST_HAND_MADE
        return MethodResult(
            name,
            sum(map(len, histories)) / len(histories),
            len(histories),
            Sample(best).mean,
            Sample(best).deviation,
            volumes.mean,
            volumes.deviation,
            paired_p(self._bests(EVOLUTION), best) if compared else None,
            paired_p(self.hypervolumes[EVOLUTION], volumes.values) if compared and many else None,
        )

    def _bests(self, name: str) -> tuple[float, ...]:
        return tuple(max(one.accuracy for one in history) for history in self.found[name])


def compare(
    judge: Judge,
    evaluations: int,
    seeds: Sequence[int],
    done: Callable[[], None] = lambda: None,
) -> Comparison:
    """Run every method; one that finds nothing that fits with some seed is left out.

    `done` hears of each new evaluation. Raises CompileError where evolution finds nothing.
    """
    found: dict[str, list[list[Judged]]] = {}
    for name, method in METHODS.items():
        searches = (method(judge, evaluations, Random(seed)) for seed in seeds)
        histories = together(judge, searches, done)
        if all(histories):
            found[name] = histories
        elif name == EVOLUTION:
            raise judge.feasible.nothing_fits()
    volumes = {
        name: [hypervolume(objectives(judge, history)) for history in histories]
        for name, histories in found.items()
    }
    return Comparison(seeds, found, volumes)


def _by_accuracy(judged: Iterable[Judged]) -> list[Judged]:
    """Each architecture once, the most accurate first."""
    every = {one.genome: one for one in judged}
    return sorted(every.values(), key=lambda one: (-one.accuracy, one.genome))
