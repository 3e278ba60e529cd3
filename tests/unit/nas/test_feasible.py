# SPDX-License-Identifier: Apache-2.0
"""What fits: counts of refusals, the largest, and the error where nothing does."""

from __future__ import annotations

import pickle
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from mcuforge.nas import feasible as module
from mcuforge.nas.feasible import Coster, Feasible
from tests.unit.nas.searching import ONE_KIND, space_of, target


def test_refusals_are_counted_by_limit_once_per_architecture(tmp_path: Path) -> None:
    space, random = space_of(tmp_path), Random(1)
    feasible = Feasible(space, space.task, target(flash=60_000, max_instructions=2e6))
    drawn = [space.sample(random) for _ in range(60)]
    costs = {genome: feasible.cost(genome) for genome in (*drawn, *drawn)}
    noted, refused = feasible.refusals, [cost for cost in costs.values() if cost.refused]
    assert noted.asked == len(costs) == sum(noted.by_tier.values())
    assert 0 < noted.refused == len(refused) < noted.asked
    assert set(noted.by_limit) == {"flash", "instructions"}
    for limit, count in noted.by_limit.items():
        assert count == sum(limit in cost.refused for cost in refused)
    for cost in refused:  # weights that exceed flash are refused before anything else is asked
        assert cost.refused == ("flash",) or cost.instructions > 0


def test_the_largest_fits_and_no_neighbour_is_larger(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    feasible = Feasible(space, space.task, target(max_instructions=2e6))
    largest = feasible.largest(Random(3))
    assert largest is not None
    assert feasible.fits(largest)
    assert not feasible.fits(space.genes.largest)
    for other in space.genes.neighbours(largest):
        smaller = feasible.cost(other).instructions <= feasible.cost(largest).instructions
        assert smaller or not feasible.fits(other)
    assert feasible.largest(Random(3)) == largest


def test_nothing_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DRAWS", 50)
    space = space_of(tmp_path)
    feasible = Feasible(space, space.task, target(ram=200, max_instructions=1e9))
    assert feasible.largest(Random(1)) is None
    assert feasible.varied([], 5, Random(1)) == []
    error = feasible.nothing_fits()
    assert "do not fit (refused by ram " in error.what
    assert "RAM 200 bytes" in error.what
    assert "at most 1,000,000,000 instructions" in error.what
    assert error.where == "space space"


def test_draws_end_where_hardly_anything_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_DRAWS", 2)
    space = space_of(tmp_path)
    feasible = Feasible(space, space.task, target(max_instructions=1.5e6))
    assert feasible.fits(space.genes.canonical((0,) * len(space.genes)))
    drawn = list(feasible.draws(Random(1)))
    assert all(map(feasible.fits, drawn))


def test_variations_fit_and_lead_to_the_limits(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    feasible = Feasible(space, space.task, target(max_instructions=1.5e6))
    drawn = list(dict.fromkeys(islice(feasible.draws(Random(1)), 4)))
    varied = feasible.varied(drawn, 60, Random(1))
    assert varied[: len(drawn)] == drawn
    assert len(set(varied)) == len(varied) == 60
    assert all(map(feasible.fits, varied))
    assert varied == feasible.varied(drawn, 60, Random(1))
    most = [max(feasible.cost(g).instructions for g in some) for some in (drawn, varied)]
    assert most[0] < most[1] <= 1.5e6


def test_kinds_of_blocks_are_asked_apart_and_counted_together(tmp_path: Path) -> None:
    space = space_of(tmp_path, ONE_KIND)
    feasible = Feasible(space, space.task, target())
    drawn = {}
    for kind in space.kinds:
        part = feasible.of_kind(kind)
        drawn[kind] = list(islice(part.draws(Random(1)), 5))
        stages = {stage.kind for g in drawn[kind] for stage in space.architecture(g).stages}
        assert stages == {kind}
        assert part.most_instructions == part.cost(part.space.genes.largest).instructions
        assert part.refusals is feasible.refusals
    asked = feasible.refusals.asked
    assert all(feasible.fits(genome) for genomes in drawn.values() for genome in genomes)
    assert feasible.refusals.asked == asked


def test_a_coster_goes_to_another_process_without_its_memory(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    feasible = Feasible(space, space.task, target())
    coster = Coster(space, space.task, target(), 1 << 20)
    genomes = [space.sample(Random(n)) for n in range(3)]
    coster.cost(genomes[0], exact=False)
    before = len(pickle.dumps(coster))
    costs = [coster.cost(genome, exact=exact) for genome in genomes for exact in (False, True)]
    content = pickle.dumps(coster)
    assert len(content) == before
    other = pickle.loads(content)
    assert costs == [other.cost(g, exact=exact) for g in genomes for exact in (False, True)]
    exactly = pickle.loads(pickle.dumps(feasible.exactly))
    assert exactly(genomes[0]) == feasible.exactly(genomes[0])
    assert exactly(genomes[0]) == (costs[1].ram, costs[1].flash, costs[1].instructions)


def test_the_largest_of_all_counts_every_kind_of_block(tmp_path: Path) -> None:
    space = space_of(tmp_path)
    feasible = Feasible(space, space.task, target())
    costs = [feasible.cost(genome).instructions for genome in space.genes.corners()]
    assert feasible.most_instructions >= max(costs)
    asked = feasible.refusals.asked
    assert feasible.refusals.asked == asked
