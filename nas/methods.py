# SPDX-License-Identifier: Apache-2.0
"""Ways to choose which architectures to evaluate: evolution, and what it is compared with.

Every method takes a judge, a number of evaluations and a `random.Random`, and proposes only what
fits. It is a generator: it yields architectures, is sent those of them that were judged, and
returns all that was judged, in order. So several searches can run side by side, and what they ask
for is judged together. The same seed gives the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from random import Random

import numpy as np
from numpy.typing import NDArray

from mcuforge.nas.genes import Genome
from mcuforge.nas.judge import Judge, Judged
from mcuforge.nas.predictor import Predictor
from mcuforge.nas.space import METHOD_NAMES, HandMade

POPULATION = 32
OFFSPRING = 16
CROSSED = 0.5  # share of children with two parents
FACTORS = tuple(2 ** (step / 8) for step in range(-24, 25))  # of hand-made networks' widths
SCREENED = 16  # children that the predictor chooses from
SEARCHES = METHOD_NAMES[:3]  # methods that make as many evaluations as they are given
TRIES = 2_000  # to find a new child that fits
Search = Generator[Sequence[Genome], list[Judged], list[Judged]]
Method = Callable[[Judge, int, Random], Search]


def together(
    judge: Judge, searches: Iterable[Search], done: Callable[[], None] = lambda: None
) -> list[list[Judged]]:
    """Run searches side by side, what all of them ask for at once; `done`: see Judge.judged.

    A search gets the same answers as by itself, and workers have something to do while one that
    asks for one architecture after the other decides.
    """
    running = dict(enumerate(searches))
    histories: list[list[Judged]] = [[] for _ in running]
    asked: dict[int, Sequence[Genome]] = {}
    answers: dict[int, list[Judged] | None] = dict.fromkeys(running)
    while running:
        for number, search in list(running.items()):
            try:
                answer = answers[number]
                asked[number] = next(search) if answer is None else search.send(answer)
            except StopIteration as end:
                histories[number] = end.value
                del running[number]
        judge.judged([genome for number in running for genome in asked[number]], done)
        answers = {number: judge.judged(asked[number]) for number in running}
    return histories


def evolution(judge: Judge, evaluations: int, random: Random) -> Search:
    """NSGA-II (Deb et al., 2002) over accuracy, RAM, flash and instructions.

    Every other child is what a predictor, trained on all evaluations so far, likes best of several.
    Half of the parents win a tournament by rank and crowding; the other half are drawn from the
    most accurate quarter, since with four objectives almost everything is in the first rank.
    """
    size = min(POPULATION, max(4, evaluations // 4))
    children = min(OFFSPRING, max(2, size // 2))
    seen: set[Genome] = set()
    draws = _new(judge.feasible.draws(random), seen)
    history = yield from _judged(draws, min(size, evaluations))
    population = _ranked(judge, history, size)
    while population and len(history) < evaluations:
        wanted = min(children, evaluations - len(history))
        predictor = Predictor(judge.feasible, history) if len(history) > 1 else None
        born = list(_children(judge, population, predictor, seen, random, wanted))
        if not born:
            break
        judged = yield born
        history += judged
        population = _ranked(judge, [*(p for p, _, _ in population), *judged], size)
    return history


def random_search(judge: Judge, evaluations: int, random: Random) -> Search:
    """Draw what fits; every choice is made evenly."""
    return (yield from _judged(_new(judge.feasible.draws(random), set()), evaluations))


def local_search(judge: Judge, evaluations: int, random: Random) -> Search:
    """Move to a neighbour that is more accurate until there is none; then start anew.

    "Local search is a remarkably strong baseline" (White et al., 2020).
    """
    history: list[Judged] = []
    seen: set[Genome] = set()
    starts = _new(judge.feasible.draws(random), seen)
    while len(history) < evaluations:
        here = yield from _judged(starts, 1)
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
                judged = yield [genome]
                history += judged
                if judged and judged[0].accuracy > accuracy:
                    here = judged
                    break
                if len(history) == evaluations:
                    break
    return history


def largest_that_fits(judge: Judge, evaluations: int, random: Random) -> Search:
    """The architecture with the most instructions: one evaluation, and what reviewers ask for."""
    largest = judge.feasible.largest(random)
    return (yield [] if largest is None else [largest])


def hand_made(judge: Judge, evaluations: int, random: Random) -> Search:
    """Networks that people know, each as wide as fits: one evaluation of each."""
    found = [widest(judge, network) for network in judge.feasible.space.hand_made]
    return (yield [genome for genome in found if genome is not None])


def widest(judge: Judge, network: HandMade) -> Genome | None:
    """A hand-made network as wide as its whole plan fits; None if none of its widths does."""
    feasible = judge.feasible
    widths = (feasible.space.scaled(network, factor) for factor in reversed(FACTORS))
    fitting = (genome for genome in dict.fromkeys(widths) if feasible.fits(genome))
    return next((genome for genome in fitting if judge.costs([genome])[genome]), None)


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


def _judged(genomes: Iterator[Genome], count: int) -> Search:
    """Ask for as many genomes as it takes for `count` that are not left out, or all there are."""
    history: list[Judged] = []
    while len(history) < count:
        some = list(islice(genomes, count - len(history)))
        if not some:
            break
        history += yield some
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
    """The `size` survivors with rank and crowding distance, of equal ones the first genomes.

    pymoo's own survival sorts equal distances as the processor's numpy happens to.
    """
    from pymoo.operators.survival.rank_and_crowding.metrics import get_crowding_function
    from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

    values = objectives(judge, judged)
    ranked = []
    for rank, front in enumerate(NonDominatedSorting().do(values)):
        distances = get_crowding_function("cd").do(values[front])
        for index, distance in zip(front, distances, strict=True):
            ranked.append((judged[int(index)], rank, float(distance)))
    return sorted(ranked, key=lambda one: (one[1], -one[2], one[0].genome))[:size]


def _children(
    judge: Judge,
    population: Sequence[tuple[Judged, int, float]],
    predictor: Predictor | None,
    seen: set[Genome],
    random: Random,
    count: int,
) -> Iterator[Genome]:
    """Yield new architectures that fit, made of those of the population, and enter them as seen.

    Every other one is what the predictor likes best of several.
    """
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

    for number in range(count):
        fitting = (g for g in proposals() if g not in seen and judge.feasible.fits(g))
        screened = SCREENED if predictor is not None and number % 2 == 0 else 1
        some = list(dict.fromkeys(islice(fitting, screened)))
        if not some:  # hardly anything new is in reach: from anywhere
            some = list(islice(_new(judge.feasible.draws(random), seen), 1))
        if not some:
            return  # the space has no more
        child = some[0] if predictor is None else predictor.best(some)
        seen.add(child)
        yield child
