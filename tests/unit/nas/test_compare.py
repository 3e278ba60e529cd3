# SPDX-License-Identifier: Apache-2.0
"""Methods over seeds: who found what, and how sure a difference is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcuforge.nas.compare import EVOLUTION, compare
from mcuforge.nas.feasible import Feasible
from mcuforge.nas.journal import Journal
from tests.unit.nas.searching import Accuracy, judge_of, space_of, target

pytestmark = pytest.mark.usefixtures("libraries", "costs_without_plans")


@pytest.fixture(autouse=True)
def few_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest is found from a few drawn: test_feasible.py asks how well."""
    monkeypatch.setattr("mcuforge.nas.feasible.STARTS", 8)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


def test_methods_are_compared_over_seeds(tmp_path: Path, journal: Journal) -> None:
    space = space_of(tmp_path)
    feasible = Feasible(space, space.task, target())
    told: list[None] = []
    with journal:
        judge = judge_of(feasible, Accuracy(space), journal)
        comparison = compare(judge, 8, range(3, 8), lambda: told.append(None))
    results = {result.name: result for result in comparison.results()}
    assert set(results) == {"evolution", "random", "local", "largest"}  # the space has no hand-made
    assert all(results[name].evaluations == 8 for name in ("evolution", "random", "local"))
    assert results["largest"].evaluations == 1
    assert results[EVOLUTION].p_best is None
    for name in ("random", "local", "largest"):
        p_best, p_volume = results[name].p_best, results[name].p_hypervolume
        assert p_best is not None
        assert 0 < p_best <= 1
        assert (p_volume is None) == (name == "largest")  # one evaluation covers no volume
        assert 0 < results[name].hypervolume_mean < 1
    every = comparison.all()
    assert len(told) == len(every) == len({one.genome for one in every})
    assert [one.accuracy for one in every] == sorted((o.accuracy for o in every), reverse=True)
    points = comparison.points(lambda one: space.text(one.genome))
    assert {point.seed for point in points} <= set(range(3, 8))
    assert {point.genome for point in points} == {space.text(one.genome) for one in every}


def test_few_seeds_have_no_test(tmp_path: Path, journal: Journal) -> None:
    space = space_of(tmp_path)
    feasible = Feasible(space, space.task, target(max_instructions=1.5e6))
    with journal:
        comparison = compare(judge_of(feasible, Accuracy(space), journal), 4, range(4))
    assert all(result.p_best is None for result in comparison.results())
