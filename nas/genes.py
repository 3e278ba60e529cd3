# SPDX-License-Identifier: Apache-2.0
"""Choices, some of which exist only where others were made: sampling, mutation, crossover, counts.

A genome has one number per gene, the index of the option taken. A gene that does not exist (the
kernel of a stage that has no depth) is 0, so that one architecture has one genome. What has one
option is given, and has no number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from random import Random

Genome = tuple[int, ...]
Option = int | float | bool | str
Conditions = tuple[tuple[int, frozenset[int]], ...]  # places in a genome, and what must stand there


@dataclass(frozen=True)
class Gene:
    """A choice among `options`, in ascending order where they are numbers.

    `when`: other genes, by name, and the indices of theirs with which this gene exists; all of
    them must hold. They come before it.
    """

    name: str
    options: tuple[Option, ...]
    when: tuple[tuple[str, frozenset[int]], ...] = ()


class Genes:
    """The genes of a space, in a fixed order; one with a single option is no part of a genome."""

    def __init__(self, genes: Sequence[Gene], only: Mapping[str, int] | None = None) -> None:
        """`only`: the one option of these genes that may be taken; they keep their numbers."""
        self._given = tuple(genes)
        self.genes: tuple[Gene, ...] = ()
        self._conditions: tuple[Conditions, ...] = ()
        self._constants: tuple[tuple[str, Option, Conditions], ...] = ()
        needs: dict[str, Conditions] = {}  # all that a gene's existence hangs on, by name
        places: dict[str, int] = {}
        for gene in genes:
            conditions = _joined(gene, needs, places)
            if conditions is None:
                continue  # no genome has it
            needs[gene.name] = conditions
            if len(gene.options) == 1:
                self._constants += ((gene.name, gene.options[0], conditions),)
                continue
            places[gene.name] = len(self.genes)
            self.genes += (gene,)
            self._conditions += (conditions,)
        self._options = tuple(
            range(len(g.options)) if only is None or g.name not in only else (only[g.name],)
            for g in self.genes
        )

    def __len__(self) -> int:
        return len(self.genes)

    def exists(self, index: int, genome: Sequence[int]) -> bool:
        """Whether gene `index` exists, given those before it."""
        return _hold(self._conditions[index], genome)

    def with_only(self, name: str, option: int) -> Genes:
        """The same genes, where this one always takes the same option."""
        return Genes(self._given, {name: option})

    def options(self, index: int) -> Sequence[int]:
        """The options of gene `index` that may be taken."""
        return self._options[index]

    def canonical(self, genome: Sequence[int]) -> Genome:
        """The genome with 0 for every gene that does not exist."""
        made: list[int] = []
        for index, option in enumerate(genome):
            made.append(option if self.exists(index, made) else 0)
        return tuple(made)

    def is_genome(self, genome: Sequence[int]) -> bool:
        """Whether these numbers are the genome of an architecture."""
        return (
            len(genome) == len(self)
            and self.canonical(genome) == tuple(genome)
            and all(n in self._options[i] for i, n in enumerate(genome) if self.exists(i, genome))
        )

    def values(self, genome: Genome) -> Mapping[str, Option]:
        """The options taken, by name, of the genes that exist."""
        constants = {name: value for name, value, when in self._constants if _hold(when, genome)}
        return constants | {
            gene.name: gene.options[option]
            for index, (gene, option) in enumerate(zip(self.genes, genome, strict=True))
            if self.exists(index, genome)
        }

    def sample(self, random: Random) -> Genome:
        """Draw a genome: every choice that exists is made evenly."""
        return self._completed([None] * len(self), random)

    def mutate(self, genome: Genome, random: Random) -> Genome:
        """Change one choice, or a few: to a neighbouring option half of the time, else to any.

        Choices that come into being are drawn. The result differs if there is any choice at all.
        """
        living = [
            index
            for index in range(len(self))
            if len(self._options[index]) > 1 and self.exists(index, genome)
        ]
        if not living:
            return genome
        changed = [i for i in living if random.random() < 1 / len(living)]
        wanted = self._kept(genome)
        for index in changed or [random.choice(living)]:
            wanted[index] = self._other(index, genome[index], random)
        return self._completed(wanted, random)

    def crossover(self, first: Genome, second: Genome, random: Random) -> Genome:
        """Take every choice from one of two parents: from the one that has it, or from either."""
        wanted: list[int | None] = []
        for a, b in zip(self._kept(first), self._kept(second), strict=True):
            mine, other = (a, b) if random.random() < 0.5 else (b, a)
            wanted.append(other if mine is None else mine)
        return self._completed(wanted, random)

    def neighbours(self, genome: Genome) -> Iterator[Genome]:
        """Yield every genome with one choice moved to the next option, up or down.

        Options without an order (strings) are all next to each other. Choices that come into being
        take their first option.
        """
        for index, gene in enumerate(self.genes):
            if not self.exists(index, genome):
                continue
            now = genome[index]
            others = [option for option in self._options[index] if option != now]
            if not isinstance(gene.options[0], str):
                others = [option for option in others if abs(option - now) == 1]
            for other in others:
                yield self.canonical((*genome[:index], other, *genome[index + 1 :]))

    @cached_property
    def count(self) -> int:
        """How many genomes there are."""
        return prod(self._count(group) for group in self._groups())

    @property
    def largest(self) -> Genome:
        """The last option of every choice."""
        return self.canonical([options[-1] for options in self._options])

    def grown(self, genome: Genome, index: int, option: int) -> Genome:
        """Take another option of gene `index`; choices that come into being take their last."""
        made: list[int] = []
        for place in range(len(self)):
            if not self.exists(place, made):
                made.append(0)
            elif place == index:
                made.append(option)
            else:
                there = self.exists(place, genome)
                made.append(genome[place] if there else self._options[place][-1])
        return tuple(made)

    def corners(self) -> Iterator[Genome]:
        """Yield the largest genome with every option of every choice in turn.

        What each needs the most of, any genome needs at most, where more of one choice is never
        less of anything.
        """
        most = [options[-1] for options in self._options]
        for index, options in enumerate(self._options):
            for option in options:
                yield self.canonical((*most[:index], option, *most[index + 1 :]))

    def _kept(self, genome: Genome) -> list[int | None]:
        """The options taken, None for genes that do not exist."""
        return [n if self.exists(i, genome) else None for i, n in enumerate(genome)]

    def _completed(self, wanted: Sequence[int | None], random: Random) -> Genome:
        """The genome of these choices; those that exist and are None are drawn."""
        made: list[int] = []
        for index, option in enumerate(wanted):
            if not self.exists(index, made):
                made.append(0)
            elif option is None:
                made.append(random.choice(self._options[index]))
            else:
                made.append(option)
        return tuple(made)

    def _other(self, index: int, now: int, random: Random) -> int:
        """Another option of a gene."""
        options = len(self._options[index])
        if random.random() < 0.5:
            near = [o for o in (now - 1, now + 1) if 0 <= o < options]
            return random.choice(near)
        return random.choice([o for o in range(options) if o != now])

    def _groups(self) -> list[list[int]]:
        """Genes that depend on each other, apart from those that do not."""
        group_of = list(range(len(self)))
        for index, conditions in enumerate(self._conditions):
            for place, _ in conditions:
                old, new = group_of[index], group_of[place]
                group_of = [new if group == old else group for group in group_of]
        groups: dict[int, list[int]] = {}
        for index, group in enumerate(group_of):
            groups.setdefault(group, []).append(index)
        return list(groups.values())

    def _count(self, group: Sequence[int]) -> int:
        """How many ways there are to choose the genes of one group.

        The genes that decide about others are tried one by one, the others only multiply.
        """
        deciding = {place for index in group for place, _ in self._conditions[index]}
        deciders = [index for index in group if index in deciding]
        total = 0
        genome = [0] * len(self)
        for chosen in product(*(self._options[i] for i in deciders)):
            for index, option in zip(deciders, chosen, strict=True):
                genome[index] = option
            if all(self.exists(i, genome) or genome[i] == 0 for i in deciders):
                total += prod(
                    len(self._options[index])
                    for index in group
                    if index not in deciding and self.exists(index, genome)
                )
        return total


def _joined(
    gene: Gene, needs: Mapping[str, Conditions], places: Mapping[str, int]
) -> Conditions | None:
    """All conditions of a gene, those of the genes it depends on included; None: never true."""
    conditions: list[tuple[int, frozenset[int]]] = []
    for name, allowed in gene.when:
        if name not in needs or (name not in places and 0 not in allowed):
            return None
        conditions += needs[name]
        if name in places:
            conditions.append((places[name], allowed))
    return tuple(conditions)


def _hold(conditions: Conditions, genome: Sequence[int]) -> bool:
    return all(genome[place] in allowed for place, allowed in conditions)
