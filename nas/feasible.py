# SPDX-License-Identifier: Apache-2.0
"""What fits the board: every candidate is asked here before anybody trains or evaluates it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from random import Random

from mcuforge.compiler.estimate import Cost, Estimator, Target
from mcuforge.errors import CompileError
from mcuforge.nas.architecture import Task
from mcuforge.nas.genes import Genome
from mcuforge.nas.graph_layers import graph_of
from mcuforge.nas.least import least_flash
from mcuforge.nas.space import Space

MOST_DRAWS = 20_000  # in a row that do not fit, before a space is given up
TRIES = 50  # for each variation
STARTS = 64  # of the growth to the largest that fits
ALL_FLASH = 1 << 40  # bytes
KEPT = 0.002  # of flash: trained networks were up to 0.02 % above what they are without weights


@dataclass
class Refusals:
    """Candidates asked about, and those refused by each limit: one may pass several."""

    asked: int = 0
    refused: int = 0
    by_limit: Counter[str] = field(default_factory=Counter)
    by_tier: Counter[str] = field(default_factory=Counter)

    def note(self, cost: Cost) -> None:
        """Count one answer."""
        self.asked += 1
        self.by_tier[cost.tier] += 1
        if not cost.fits:
            self.refused += 1
            self.by_limit.update(cost.refused)


class Coster:
    """Costs architectures; copies in another process share there what they remember."""

    def __init__(self, space: Space, task: Task, target: Target, flash: int) -> None:
        """`flash`: bytes that a network may take, even where the target has more.

        The target's decides about kernels: a board with room for fast ones gets them.
        """
        self._parts = (space, task, target, flash)
        self._estimator = Estimator(target)

    def __reduce__(self) -> tuple[Callable[..., Coster], tuple[str, Space, Task, Target, int]]:
        space, task, target, flash = self._parts
        return _here, (f"{space.digest} {task} {target} {flash}", *self._parts)

    def cost(self, genome: Genome, *, exact: bool) -> Cost:
        """What an architecture costs; one whose weights exceed flash is looked at no further."""
        space, task, _, flash = self._parts
        architecture = space.architecture(genome)
        least = 0 if exact else least_flash(architecture, task)
        if least > flash:
            return Cost("sums", 0, 0, least, least, 0.0, ("flash",), ())
        cost = self._estimator.cost(graph_of(architecture, task), exact=exact)
        if cost.flash_most > flash and "flash" not in cost.refused:
            return replace(cost, refused=("flash", *cost.refused))
        return cost


_COSTERS: dict[str, Coster] = {}  # of this process; tasks that are sent here come one by one


def _here(key: str, space: Space, task: Task, target: Target, flash: int) -> Coster:
    """This process's own coster for a space, a task and limits."""
    if key not in _COSTERS:
        _COSTERS[key] = Coster(space, task, target, flash)
    return _COSTERS[key]


@dataclass(frozen=True)
class ExactCosts:
    """A function: RAM and flash in bytes and instructions of the plan of an architecture.

    None: the plan passes a limit.
    """

    coster: Coster

    def __call__(self, genome: Genome) -> tuple[int, int, float] | None:
        cost = self.coster.cost(genome, exact=True)
        return (cost.ram, cost.flash, cost.instructions) if cost.fits else None


class Feasible:
    """The architectures of a space that fit a target; remembers every answer."""

    def __init__(self, space: Space, task: Task, target: Target, flash: int | None = None) -> None:
        """`flash`: bytes that a network may take; None: all that the target has."""
        self.space = space
        self.task = task
        self.target = target
        self.flash = target.flash if flash is None else min(flash, target.flash)
        self.refusals = Refusals()
        self._coster = Coster(space, task, target, int(self.flash * (1 - KEPT)))
        self._costs: dict[Genome, Cost] = {}

    def of_kind(self, kind: str) -> Feasible:
        """The part of the space with one kind of block; both remember all answers, and count."""
        part = Feasible(self.space.of_kind(kind), self.task, self.target, self.flash)
        part.refusals, part._costs, part._coster = self.refusals, self._costs, self._coster
        return part

    def cost(self, genome: Genome) -> Cost:
        """What an architecture costs, as cheaply as its fitting can be decided."""
        if genome not in self._costs:
            self._costs[genome] = self._coster.cost(genome, exact=False)
            self.refusals.note(self._costs[genome])
        return self._costs[genome]

    @cached_property
    def exactly(self) -> ExactCosts:
        """Costs whole plans, to the byte of RAM; may be sent to other processes."""
        return ExactCosts(self._coster)

    def fits(self, genome: Genome) -> bool:
        """Whether an architecture passes no limit."""
        return self.cost(genome).fits

    def refused(self) -> Iterator[Genome]:
        """Yield what was asked and does not fit, in the order of asking."""
        return (genome for genome, cost in self._costs.items() if not cost.fits)

    def draws(self, random: Random) -> Iterator[Genome]:
        """Draw architectures that fit, until 20,000 in a row do not."""
        missed = 0
        while missed < MOST_DRAWS:
            genome = self.space.sample(random)
            if self.fits(genome):
                missed = 0
                yield genome
            else:
                missed += 1

    def varied(self, genomes: Sequence[Genome], count: int, random: Random) -> list[Genome]:
        """Architectures that fit: these, and those that small changes of them lead to.

        Evenly drawn ones that fit are mostly small in everything; changes lead on to the limits,
        where a search looks. There are fewer than `count` where they are hard to find.
        """
        found = list(dict.fromkeys(genomes))
        known = set(found)
        for _ in range(TRIES * count if found else 0):
            if len(found) >= count:
                break
            changed = self.space.genes.mutate(random.choice(found), random)
            if changed not in known and self.fits(changed):
                known.add(changed)
                found.append(changed)
        return found

    @cached_property
    def unlimited(self) -> Coster:
        """Costs by RAM alone: for what does not fit, and for comparisons."""
        target = replace(self.target, flash=ALL_FLASH, max_instructions=None)
        return Coster(self.space, self.task, target, ALL_FLASH)

    @cached_property
    def most_instructions(self) -> float:
        """What the largest architecture takes, whether it fits or not; a measure of sizes.

        Of choices without an order, such as kinds of blocks, each is tried alone.
        """
        genes, genome = self.space.genes, self.space.genes.largest
        most = self.unlimited.cost(genome, exact=False).instructions
        for index, gene in enumerate(genes.genes):
            if not isinstance(gene.options[0], str):
                continue
            for option in genes.options(index):
                other = genes.grown(genome, index, option)
                instructions = self.unlimited.cost(other, exact=False).instructions
                if instructions > most:
                    most, genome = instructions, other
        return most

    def largest(self, random: Random) -> Genome | None:
        """The architecture that fits and takes the most instructions, as far as growth finds it.

        From the largest of several drawn, the choice that adds most is moved up until no larger one
        fits any more. None where none is found to start from.
        """
        starts = list(islice(self.draws(random), STARTS))
        if not starts:
            return None
        genome = max(starts, key=lambda drawn: (self.cost(drawn).instructions, drawn))
        while True:
            now = self.cost(genome).instructions
            larger = [
                (self.cost(other).instructions, other)
                for other in self.space.genes.neighbours(genome)
                if self.fits(other)
            ]
            most, other = max(larger, default=(now, genome))
            if most <= now:
                return genome
            genome = other

    def nothing_fits(self) -> CompileError:
        """The error that says what was refused, and by which limits."""
        limits = ", ".join(f"{name} {n:,}" for name, n in sorted(self.refusals.by_limit.items()))
        most = self.target.max_instructions
        return CompileError(
            f"of {self.refusals.asked:,} architectures {self.refusals.refused:,} do not fit "
            f"(refused by {limits}); RAM {self.target.ram:,} bytes, flash {self.flash:,} "
            f"bytes{'' if most is None else f', at most {most:,.0f} instructions'}",
            f"space {self.space.name}",
            "take a larger board, a space of smaller networks, or wider limits",
        )
