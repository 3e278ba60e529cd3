# SPDX-License-Identifier: Apache-2.0
"""Ways to choose which architectures to evaluate: evolution, and what it is compared with.

Every method takes a judge, a number of evaluations and a `random.Random`, proposes only what fits,
and returns what was judged, in order. The same seed gives the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from random import Random

import numpy as np
from numpy.typing import NDArray

from mcuforge.nas.feasible import Feasible
from mcuforge.nas.genes import Genome
from mcuforge.nas.judge import Judge, Judged
from mcuforge.nas.space import HandMade

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
    history = judge.judged(islice(_new(judge.feasible.draws(random)), size), done)
    population = _ranked(judge, history, size)
    seen = {judged.genome for judged in history}
    while len(seen) < evaluations:
        wanted = min(children, evaluations - len(seen))
        born = list(_children(judge, population, seen, random, wanted))
        if not born:
            break
        seen.update(born)
        judged = judge.judged(born, done)
        history += judged
        population = _ranked(judge, [*(p for p, _, _ in population), *judged], size)
    return history


def random_search(
    judge: Judge, evaluations: int, random: Random, done: Callable[[], None]
) -> list[Judged]:
    """Draw what fits, evenly."""
    return judge.judged(islice(_new(judge.feasible.draws(random)), evaluations), done)


def local_search(
    judge: Judge, evaluations: int, random: Random, done: Callable[[], None]
) -> list[Judged]:
    """Move to a neighbour that is more accurate until there is none; then start anew.

    "Local search is a remarkably strong baseline" (White et al., 2020).
    """
    history: list[Judged] = []
    seen: set[Genome] = set()
    starts = _new(judge.feasible.draws(random))
    while len(seen) < evaluations:
        start = _first(starts, lambda genome: genome not in seen)
        if start is None:
            break  # the space has no more
        seen.add(start)
        here = judge.judged([start], done)
        history += here
        while here and len(seen) < evaluations:
            around = [
                genome
                for genome in dict.fromkeys(judge.feasible.space.genes.neighbours(here[0].genome))
                if genome not in seen and judge.feasible.fits(genome)
            ]
            random.shuffle(around)
            better = None
            for genome in around[: evaluations - len(seen)]:
                seen.add(genome)
                judged = judge.judged([genome], done)
                history += judged
                if judged and judged[0].accuracy > here[0].accuracy:
                    better = judged
                    break
            if better is None:
                break
            here = better
    return history


def largest_that_fits(
    judge: Judge, evaluations: int, random: Random, done: Callable[[], None]
) -> list[Judged]:
    """The architecture with the most instructions: one evaluation, and what reviewers ask for."""
    return judge.judged([judge.feasible.largest(random)], done)


def hand_made(
    judge: Judge, evaluations: int, random: Random, done: Callable[[], None]
) -> list[Judged]:
    """Networks that people know, each as wide as fits: one evaluation of each."""
    networks = (widest(judge.feasible, network) for network in judge.feasible.space.hand_made)
    return judge.judged([genome for genome in networks if genome is not None], done)


def widest(feasible: Feasible, network: HandMade) -> Genome | None:
    """A hand-made network as wide as fits; None if none of its widths does."""
    scaled = (feasible.space.scaled(network, factor) for factor in reversed(FACTORS))
    return _first(scaled, feasible.fits)


METHODS: Mapping[str, Method] = {
    "evolution": evolution,
    "random": random_search,
    "local": local_search,
    "largest": largest_that_fits,
    "hand-made": hand_made,
}


def objectives(judge: Judge, judged: Sequence[Judged]) -> NDArray[np.float64]:
    """Rows of what is to be small: error, and RAM, flash and instructions as shares of limits.

    Without a limit of instructions, they are a share of what the largest architecture takes.
    """
    target, space = judge.feasible.target, judge.feasible.space
    most = target.max_instructions or judge.feasible.cost(space.genes.largest).instructions
    return np.array(
        [
            (1 - j.accuracy, j.ram / target.ram, j.flash / target.flash, j.instructions / most)
            for j in judged
        ]
    ).reshape(-1, 4)


def _new(draws: Iterator[Genome]) -> Iterator[Genome]:
    """Leave out what was drawn before; ends where a space seems to have no more."""
    seen: set[Genome] = set()
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
    """Yield new architectures that fit, made of those of the population."""
    genes = judge.feasible.space.genes
    best = sorted(population, key=lambda one: (-one[0].accuracy, one[0].genome))
    best = best[: max(1, len(best) // 4)]
    born: set[Genome] = set()

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

    while len(born) < count:
        child = _first(
            proposals(), lambda g: g not in seen and g not in born and judge.feasible.fits(g)
        )
        if child is None:  # hardly anything new is in reach: from anywhere
            draws = islice(judge.feasible.draws(random), TRIES)
            child = _first(draws, lambda g: g not in seen and g not in born)
        if child is None:
            return  # the space has no more
        born.add(child)
        yield child


def _first(genomes: Iterable[Genome], wanted: Callable[[Genome], bool]) -> Genome | None:
    return next((genome for genome in genomes if wanted(genome)), None)
