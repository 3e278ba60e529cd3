# SPDX-License-Identifier: Apache-2.0
"""Genomes of made-up spaces: drawn, changed, crossed and counted beside every genome there is."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuforge.nas.genes import Gene, Genes, Genome, Option


@st.composite
def genes_of_spaces(draw: st.DrawFn) -> tuple[Gene, ...]:
    """Up to six genes of one to three options; each may depend on two that come before it."""
    made: list[Gene] = []
    for number in range(draw(st.integers(1, 6))):
        count = draw(st.integers(1, 3))
        options: tuple[Option, ...] = tuple(range(count))
        if draw(st.booleans()):
            options = tuple("abc"[:count])
        on = draw(st.lists(st.sampled_from(made), max_size=2, unique=True)) if made else []
        when = tuple(
            (gene.name, frozenset(draw(st.sets(st.integers(0, len(gene.options) - 1)))))
            for gene in on
        )
        made.append(Gene(f"gene{number}", options, when))
    return tuple(made)


def meanings(genes: tuple[Gene, ...]) -> list[dict[str, Option]]:
    """Everything that can be chosen, found without `Genes`."""
    found = []
    for options in product(*(range(len(gene.options)) for gene in genes)):
        there: dict[str, int] = {}
        for gene, option in zip(genes, options, strict=True):
            if all(there.get(name, -1) in allowed for name, allowed in gene.when):
                there[gene.name] = option
        meaning = {g.name: g.options[there[g.name]] for g in genes if g.name in there}
        if meaning not in found:
            found.append(meaning)
    return found


def every(genes: Genes) -> list[Genome]:
    """Every genome."""
    tried = product(*(range(len(gene.options)) for gene in genes.genes))
    return [genome for genome in tried if genes.is_genome(genome)]


SPACES = genes_of_spaces()
SEEDS = st.integers(0, 1 << 20)


@settings(max_examples=20)
@given(SPACES)
def test_genomes_are_what_can_be_chosen_each_once(made: tuple[Gene, ...]) -> None:
    genes = Genes(made)
    found = [dict(genes.values(genome)) for genome in every(genes)]
    wanted = meanings(made)
    assert genes.count == len(found) == len(wanted)
    assert all(meaning in wanted for meaning in found)
    assert all(meaning in found for meaning in wanted)


@settings(max_examples=20)
@given(SPACES, SEEDS)
def test_what_is_drawn_crossed_or_changed_is_a_genome(made: tuple[Gene, ...], seed: int) -> None:
    genes, random = Genes(made), Random(seed)
    first, second = genes.sample(random), genes.sample(random)
    child = genes.crossover(first, second, random)
    changed = genes.mutate(child, random)
    assert all(map(genes.is_genome, (first, second, child, changed)))
    assert (changed != child) == (genes.count > 1)
    assert genes.is_genome(genes.largest)
    assert all(map(genes.is_genome, genes.corners()))


@settings(max_examples=20)
@given(SPACES, SEEDS)
def test_a_child_has_choices_of_its_parents(made: tuple[Gene, ...], seed: int) -> None:
    genes, random = Genes(made), Random(seed)
    first, second = genes.sample(random), genes.sample(random)
    child = genes.crossover(first, second, random)
    of_parents = [genes.values(first), genes.values(second)]
    for name, value in genes.values(child).items():
        inherited = [values[name] for values in of_parents if name in values]
        assert not inherited or value in inherited
    assert genes.crossover(first, first, random) == first


@settings(max_examples=20)
@given(SPACES)
def test_neighbours_differ_in_one_choice_and_are_mutual(made: tuple[Gene, ...]) -> None:
    genes = Genes(made)
    around = {genome: list(genes.neighbours(genome)) for genome in every(genes)}
    for genome, others in around.items():
        for other in others:
            assert genes.is_genome(other)
            mine, its = genes.values(genome), genes.values(other)
            assert sum(mine[name] != its[name] for name in mine.keys() & its.keys()) == 1
            if mine.keys() == its.keys():
                assert genome in around[other]


@settings(max_examples=20)
@given(SPACES, SEEDS)
def test_the_same_seed_gives_the_same_genomes(made: tuple[Gene, ...], seed: int) -> None:
    genes = Genes(made)

    def chain() -> list[Genome]:
        random = Random(seed)
        found = [genes.sample(random)]
        for _ in range(5):
            found.append(genes.mutate(found[-1], random))
        return found

    assert chain() == chain()


TWO_DEEP = (
    Gene("depth", (0, 1)),
    Gene("kind", ("plain", "wide"), (("depth", frozenset({1})),)),
    Gene("width", (8, 16, 24), (("kind", frozenset({1})),)),
    Gene("stride", (2,), (("kind", frozenset({0})),)),
    Gene("never", (1, 2), (("stride", frozenset()),)),
)


def test_a_gene_exists_only_where_all_it_depends_on_do() -> None:
    genes = Genes(TWO_DEEP)
    assert genes.count == 5
    assert [gene.name for gene in genes.genes] == ["depth", "kind", "width"]
    assert genes.values((0, 0, 0)) == {"depth": 0}
    assert genes.values((1, 0, 0)) == {"depth": 1, "kind": "plain", "stride": 2}
    assert genes.values((1, 1, 2)) == {"depth": 1, "kind": "wide", "width": 24}
    assert genes.canonical((0, 1, 2)) == (0, 0, 0)


@pytest.mark.parametrize("genome", [(0, 1, 0), (0, 0, 1), (1, 0, 2), (2, 0, 0), (-1, 0, 0), (1, 1)])
def test_other_numbers_are_no_genome(genome: Genome) -> None:
    assert not Genes(TWO_DEEP).is_genome(genome)


def test_every_genome_is_drawn_and_reached_by_mutation() -> None:
    genes, random = Genes(TWO_DEEP), Random(1)
    assert {genes.sample(random) for _ in range(100)} == set(every(genes))
    genome: Genome = (0, 0, 0)
    reached = set()
    for _ in range(200):
        genome = genes.mutate(genome, random)
        reached.add(genome)
    assert reached == set(every(genes))


def test_corners_have_every_option_of_every_choice() -> None:
    genes = Genes(TWO_DEEP)
    assert set(genes.corners()) == {(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 1, 2)}
    assert genes.largest == (1, 1, 2)
