# SPDX-License-Identifier: Apache-2.0
"""Ways to choose which architectures to evaluate: evolution, and what it is compared with.

Every method takes a judge, a number of evaluations and a `random.Random`, proposes only what fits,
and returns what was judged, in order. The same seed gives the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from random import Random

import numpy as np
from numpy.typing import NDArray

from mcuforge.nas.genes import Genome
from mcuforge.nas.judge import Judge, Judged
from mcuforge.nas.space import METHOD_NAMES, HandMade

POPULATION = 32
OFFSPRING = 16
CROSSED = 0.5  # share of children with two parents
FACTORS = tuple(2 ** (step / 8) for step in range(-24, 25))  # of hand-made networks' widths
TRIES = 2_000  # to find a new child that fits
Method = Callable[[Judge, int, Random, Callable[[], None]], list[Judged]]


def evolution(
    judge: Judge, evaluations: int, random: Random, done: Callable[[], None]
) -> list[Judged]:
    """NSGA-II (Deb et al., 2002) over accuracy, RAM, flash and instructions.

    Half of the parents win a tournament by rank and crowding; the other half are drawn from the
    most accurate quarter, since with four objectives almost everything is in the first rank.
    """
    size = min(POPULATION, max(4, evaluations // 4))
    children = min(OFFSPRING, max(2, size // 2))
    seen: set[Genome] = set()
    draws = _new(judge.feasible.draws(random), seen)
    history = _judged(judge, draws, min(size, evaluations), done)
    population = _ranked(judge, history, size)
    while population and len(history) < evaluations:
        wanted = min(children, evaluations - len(history))
        born = list(_children(judge, population, seen, random, wanted))
        if not born:
            break
        judged = judge.judged(born, done)
        history += judged
        population = _ranked(judge, [*(p for p, _, _ in population), *judged], size)
    return history


def random_search(
    judge: Judge, evaluations: int, random: Random, done: Callable[[], None]
) -> list[Judged]:
    """Draw what fits; every choice is made evenly."""
    return _judged(judge, _new(judge.feasible.draws(random), set()), evaluations, done)


def local_search(
    judge: Judge, evaluations: int, random: Random, done: Callable[[], None]
) -> list[Judged]:
    """Move to a neighbour that is more accurate until there is none; then start anew.

    "Local search is a remarkably strong baseline" (White et al., 2020).
    """
    history: list[Judged] = []
    seen: set[Genome] = set()
    starts = _new(judge.feasible.draws(random), seen)
    while len(history) < evaluations:
        here = _judged(judge, starts, 1, done)
        if not here:
            break  # the space has no more
        history += here
        while here and len(history) < evaluations:
            around = list(dict.fromkeys(judge.feasible.space.genes.neighbours(here[0].genome)))
            random.shuffle(around)
            accuracy, here = here[0].accuracy, []
            for genome in around:
                if genome in seen or not judge.feasible.fits(genome):
                    continue
                seen.add(genome)
                judged = judge.judged([genome], done)
                history += judged
                if judged and judged[0].accuracy > accuracy:
                    here = judged
                    break
                if len(history) == evaluations:
                    break
    return history


def largest_that_fits(
    judge: Judge, evaluations: int, random: Random, done: Callable[[], None]
) -> list[Judged]:
    """The architecture with the most instructions: one evaluation, and what reviewers ask for."""
    largest = judge.feasible.largest(random)
    return judge.judged([] if largest is None else [largest], done)


def hand_made(
    judge: Judge, evaluations: int, random: Random, done: Callable[[], None]
) -> list[Judged]:
    """Networks that people know, each as wide as fits: one evaluation of each."""
    return [
        judged
        for network in judge.feasible.space.hand_made
        for judged in widest(judge, network, done)
    ]


def widest(
    judge: Judge, network: HandMade, done: Callable[[], None] = lambda: None
) -> list[Judged]:
    """A hand-made network as wide as its whole plan fits; empty if none of its widths does."""
    space, feasible = judge.feasible.space, judge.feasible
    for genome in dict.fromkeys(space.scaled(network, factor) for factor in reversed(FACTORS)):
        found = judge.judged([genome], done) if feasible.fits(genome) else []
        if found:
            return found
    return []


METHODS: Mapping[str, Method] = dict(
    zip(
        METHOD_NAMES,
        (evolution, random_search, local_search, largest_that_fits, hand_made),
        strict=True,
    )
)


def objectives(judge: Judge, judged: Sequence[Judged]) -> NDArray[np.float64]:
    """What is to be small, float64 (n, 4): error, and RAM, flash, instructions as shares of limits.

    Without a limit of instructions, they are a share of what the largest architecture takes.
    """
    target, flash = judge.feasible.target, judge.feasible.flash
    most = target.max_instructions or judge.feasible.most_instructions
    return np.array(
        [
            (1 - j.accuracy, j.ram / target.ram, j.flash / flash, j.instructions / most)
            for j in judged
        ]
    ).reshape(-1, 4)


def _judged(
    judge: Judge, genomes: Iterator[Genome], count: int, done: Callable[[], None]
) -> list[Judged]:
    """Judge as many genomes as it takes for `count` that are not left out, or all there are."""
    history: list[Judged] = []
    while len(history) < count:
        some = list(islice(genomes, count - len(history)))
        if not some:
            break
        history += judge.judged(some, done)
    return history


def _new(draws: Iterator[Genome], seen: set[Genome]) -> Iterator[Genome]:
    """Yield what is not in `seen`, and add it there; end after TRIES draws in a row were known."""
    missed = 0
    for genome in draws:
        if genome not in seen:
            seen.add(genome)
            missed = 0
            yield genome
        elif (missed := missed + 1) >= TRIES:
            return


def _ranked(judge: Judge, judged: Sequence[Judged], size: int) -> list[tuple[Judged, int, float]]:
    """The `size` survivors with rank and crowding distance."""
    from pymoo.core.population import Population
    from pymoo.core.problem import Problem
    from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

    values = objectives(judge, judged)
    population = Population.new(X=np.arange(len(judged))[:, None], F=values)
    survivors = RankAndCrowding().do(
        Problem(n_var=1, n_obj=values.shape[1]),
        population,
        n_survive=min(size, len(judged)),
        random_state=np.random.default_rng(0),
    )
    return [
        (judged[int(one.X[0])], int(one.get("rank")), float(one.get("crowding")))
        for one in survivors
    ]


def _children(
    judge: Judge,
    population: Sequence[tuple[Judged, int, float]],
    seen: set[Genome],
    random: Random,
    count: int,
) -> Iterator[Genome]:
    """Yield new architectures that fit, made of those of the population, and enter them as seen."""
    genes = judge.feasible.space.genes
    best = sorted(population, key=lambda one: (-one[0].accuracy, one[0].genome))
    best = best[: max(1, len(best) // 4)]

    def parent() -> Genome:
        if random.random() < 0.5:
            return random.choice(best)[0].genome
        pair = random.choice(population), random.choice(population)
        return min(pair, key=lambda one: (one[1], -one[2]))[0].genome

    def proposals() -> Iterator[Genome]:
        for _ in range(TRIES):
            child = parent()
            if random.random() < CROSSED:
                child = genes.crossover(child, parent(), random)
            yield genes.mutate(child, random)

    for _ in range(count):
        child = next((g for g in proposals() if g not in seen and judge.feasible.fits(g)), None)
        if child is None:  # hardly anything new is in reach: from anywhere
            child = next(_new(judge.feasible.draws(random), seen), None)
        if child is None:
            return  # the space has no more
        seen.add(child)
        yield child
