# SPDX-License-Identifier: Apache-2.0
"""Methods of search on an accuracy that costs nothing: sound, repeatable, and evolution is best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TypeVar

import numpy as np
import pytest

from mcuforge.errors import InternalError
from mcuforge.nas.feasible import ExactCosts, Feasible
from mcuforge.nas.genes import Genome
from mcuforge.nas.journal import Journal
from mcuforge.nas.judge import Judge, Judged
from mcuforge.nas.methods import METHODS, SEARCHES, objectives, together
from mcuforge.nas.statistics import hypervolume, kendall_tau, paired_p
from mcuforge.nas.workers import Here
from tests.unit.nas.searching import TINY, Accuracy, judge_of, space_of, target

pytestmark = pytest.mark.usefixtures("libraries", "costs_without_plans")
LIMITED = 3_000_000.0
A = TypeVar("A")
B = TypeVar("B")
WIDE = """
shape = [16, 16, 1]
classes = 4
[stem]
width = [4, 8, 12, 16]
stride = 2
[[stages]]
depth = [0, 1, 2]
width = { from = 8, to = 64, step = 8 }
[stages.plain]
kernel = [1, 3]
[[stages]]
depth = [0, 1, 2]
width = { from = 8, to = 64, step = 8 }
stride = 2
[stages.plain]
kernel = [1, 3]
[last]
width = [0, 16, 32, 48, 64]
"""


@pytest.fixture(scope="module")
def feasible(tmp_path_factory: pytest.TempPathFactory) -> Feasible:
    """About half of the space passes the limit of instructions; costs are remembered."""
    space = space_of(tmp_path_factory.mktemp("space"))
    return Feasible(space, space.task, target(max_instructions=LIMITED))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite") as opened:
        yield opened


class Counted(Here):
    """How many items were asked for at once."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def map(self, function: Callable[[A], B], items: Sequence[A]) -> Iterator[tuple[A, B]]:
        self.batches.append(len(items))
        return super().map(function, items)


def alone(judge: Judge, name: str, count: int, seed: int = 1) -> list[Judged]:
    (history,) = together(judge, [METHODS[name](judge, count, Random(seed))])
    return history


def search(
    name: str, feasible: Feasible, journal: Journal, count: int, seed: int = 1
) -> tuple[list[Judged], Accuracy]:
    accuracy = Accuracy(feasible.space)
    judge = judge_of(feasible, accuracy, journal)
    return alone(judge, name, count, seed), accuracy


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("count", [1, 3, 40])
def test_a_search_makes_so_many_evaluations_of_what_fits(
    name: str, count: int, feasible: Feasible, journal: Journal
) -> None:
    history, accuracy = search(name, feasible, journal, count)
    genomes = [judged.genome for judged in history]
    assert len(set(genomes)) == len(genomes) == count
    assert accuracy.asked == genomes
    assert all(map(feasible.fits, genomes))
    assert all(judged.instructions <= LIMITED for judged in history)


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_gives_the_same_and_a_journal_has_all_answers(
    name: str, feasible: Feasible, journal: Journal, tmp_path: Path
) -> None:
    history, _ = search(name, feasible, journal, 40)
    again, accuracy = search(name, feasible, journal, 40)
    assert (again, accuracy.asked) == (history, [])
    with Journal(tmp_path / "other.sqlite") as empty:
        assert search(name, feasible, empty, 40)[0] == history
    if name in SEARCHES:
        assert search(name, feasible, journal, 40, seed=2)[0] != history


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("call", [1, 33])
def test_an_interrupted_search_goes_on_to_the_same_end(
    name: str, call: int, feasible: Feasible, journal: Journal, tmp_path: Path
) -> None:
    accuracy = Accuracy(feasible.space, fails_at=call)
    with pytest.raises(KeyboardInterrupt):
        alone(judge_of(feasible, accuracy, journal), name, 40)
    assert len(accuracy.asked) == call - 1
    history, resumed = search(name, feasible, journal, 40)
    assert len(resumed.asked) == 40 - (call - 1)
    with Journal(tmp_path / "other.sqlite") as empty:
        assert search(name, feasible, empty, 40)[0] == history


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_together_find_what_each_finds_alone(
    name: str, feasible: Feasible, journal: Journal, tmp_path: Path
) -> None:
    counted = Counted()
    judge = judge_of(feasible, Accuracy(feasible.space), journal, counted)
    searches = (METHODS[name](judge, 20, Random(seed)) for seed in range(3))
    found = together(judge, searches)
    assert max(counted.batches) > 1  # local search asks for one at a time
    for seed, history in enumerate(found):
        with Journal(tmp_path / f"{seed}.sqlite") as empty:
            assert search(name, feasible, empty, 20, seed)[0] == history


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_ends_where_the_space_does(name: str, journal: Journal, tmp_path: Path) -> None:
    space = space_of(tmp_path, TINY)
    whole = Feasible(space, space.task, target())
    history, _ = search(name, whole, journal, 50)
    assert len(history) == space.genes.count == 9
    largest = max(judged.instructions for judged in history)
    some = Feasible(space, space.task, target(max_instructions=largest / 2))
    fit = [judged for judged in history if judged.instructions <= largest / 2]
    assert 0 < len(fit) < 9
    found, _ = search(name, some, journal, 50)
    assert {j.genome for j in found} == {j.genome for j in fit}


def test_evolution_beats_random_search(journal: Journal, tmp_path: Path) -> None:
    space = space_of(tmp_path, WIDE)
    wide = Feasible(space, space.task, target(max_instructions=LIMITED))
    best = {
        name: [
            max(j.accuracy for j in search(name, wide, journal, 32, seed)[0]) for seed in range(8)
        ]
        for name in ("evolution", "random")
    }
    assert np.mean(best["evolution"]) > np.mean(best["random"])
    assert paired_p(best["evolution"], best["random"]) < 0.01


def test_local_search_moves_to_neighbours_that_are_better(
    feasible: Feasible, journal: Journal
) -> None:
    history, _ = search("local", feasible, journal, 60)
    here, moves = history[0], 0
    for judged in history[1:]:
        if judged.genome not in set(feasible.space.genes.neighbours(here.genome)):
            around = feasible.space.genes.neighbours(here.genome)
            tried = {j.genome for j in history}
            assert all(g in tried for g in around if feasible.fits(g))  # it was the best of all
            here = judged
        elif judged.accuracy > here.accuracy:
            here, moves = judged, moves + 1
    assert moves > 3


def test_what_the_whole_plan_refuses_is_left_out_and_replaced(
    feasible: Feasible, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(costs: ExactCosts, genome: Genome) -> tuple[int, int, float] | None:
        return (1000, 1000, 1000.0) if sum(genome) % 2 else None

    monkeypatch.setattr(ExactCosts, "__call__", refuse)
    for name in SEARCHES:
        history, accuracy = search(name, feasible, journal, 20)
        assert len(history) == 20
        assert all(sum(judged.genome) % 2 for judged in history)
        assert all(sum(genome) % 2 for genome in accuracy.asked)


def test_a_judge_is_asked_only_about_what_fits(feasible: Feasible, journal: Journal) -> None:
    judge = judge_of(feasible, Accuracy(feasible.space), journal)
    assert not feasible.fits(feasible.space.genes.largest)
    with pytest.raises(InternalError):
        judge.judged([feasible.space.genes.largest])


def test_other_weights_and_other_targets_are_other_entries(
    feasible: Feasible, journal: Journal
) -> None:
    space, genome = feasible.space, next(feasible.draws(Random(1)))

    def asked(context: str, limit: float) -> int:
        accuracy = Accuracy(space)
        other = Feasible(space, space.task, target(max_instructions=limit))
        assert Judge(other, accuracy, context, journal, Here()).judged([genome])
        return len(accuracy.asked)

    assert [asked("a", LIMITED), asked("b", LIMITED), asked("a", LIMITED)] == [1, 1, 0]
    assert asked("a", LIMITED + 1) == 0  # the accuracy is no matter of the target
    questions = journal._file.execute("SELECT question FROM answers ORDER BY question").fetchall()
    assert [name for (name,) in questions] == ["accuracy", "accuracy", "cost", "cost"]


def test_costs_are_asked_anew_where_the_compiler_is_another(
    feasible: Feasible, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    genome = next(feasible.draws(Random(1)))

    def asked(code: str) -> int:
        monkeypatch.setattr("mcuforge.nas.judge.costing_code", lambda: code)
        accuracy = Accuracy(feasible.space)
        assert Judge(feasible, accuracy, "a", journal, Here()).judged([genome])
        return len(accuracy.asked)

    assert [asked("first"), asked("second")] == [1, 0]  # of accuracies: they do not depend on it
    questions = journal._file.execute("SELECT question FROM answers ORDER BY question").fetchall()
    assert [name for (name,) in questions] == ["accuracy", "cost", "cost"]


def test_objectives_are_shares_of_limits(
    feasible: Feasible, journal: Journal, tmp_path: Path
) -> None:
    history, accuracy = search("random", feasible, journal, 10)
    rows = objectives(judge_of(feasible, accuracy, journal), history)
    assert rows.shape == (10, 4)
    assert ((rows > 0) & (rows <= 1)).all()
    first = history[0]
    assert rows[0, 0] == 1 - first.accuracy
    assert rows[0, 1] == first.ram / (1 << 18)
    assert rows[0, 3] == first.instructions / LIMITED
    space = feasible.space
    free = Feasible(space, space.task, target())
    found = [g for g in (space.sample(Random(n)) for n in range(30)) if free.fits(g)]
    judged = judge_of(free, accuracy, journal).judged(found)
    assert (objectives(judge_of(free, accuracy, journal), judged)[:, 3] <= 1).all()
    assert objectives(judge_of(free, accuracy, journal), []).shape == (0, 4)
    residual = [j.instructions for j in judged]
    assert max(residual) <= free.most_instructions


def test_hypervolume_is_the_volume_of_boxes() -> None:
    assert hypervolume(np.array([[0.25, 0.5]])) == pytest.approx(0.375)
    assert hypervolume(np.array([[0.25, 0.5], [0.5, 0.25]])) == pytest.approx(0.5)
    assert hypervolume(np.array([[0.25, 0.5], [0.5, 0.6], [2.0, 0.0]])) == pytest.approx(0.375)
    assert hypervolume(np.array([[0.5, 0.5, 0.5, 0.5]])) == pytest.approx(0.0625)
    assert hypervolume(np.array([[2.0, 0.1]])) == hypervolume(np.zeros((0, 4))) == 0.0


def test_statistics_of_pairs() -> None:
    assert paired_p([2.0, 3, 4, 5, 6], [1.0, 2, 3, 4, 5]) == pytest.approx(1 / 32)
    assert paired_p([1.0, 2, 3, 4, 5], [2.0, 3, 4, 5, 6]) > 0.9
    assert paired_p([1.0, 2], [1.0, 2]) == 1.0
    assert kendall_tau([1.0, 2, 3], [4.0, 5, 6]) == pytest.approx(1)
    assert kendall_tau([1.0, 2, 3], [4.0, 6, 5]) == pytest.approx(1 / 3)
