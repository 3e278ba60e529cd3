# SPDX-License-Identifier: Apache-2.0
"""The exact planner: the optimum where it says so, whatever it starts from."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import product

import pytest

from mcuforge.memplan import exact, greedy
from mcuforge.memplan.bound import lower_bound
from mcuforge.memplan.problem import Buffer, Overlap, Plan, Problem, Region
from mcuforge.memplan.replay import replay
from tests.unit.memplan.problems import (
    RAM,
    anything,
    crowd,
    every_problem,
    faults,
    least_cost,
    least_peak,
    problem_of,
    row_chain,
    stacked,
    whole_trace,
)

# Alive at once are never more than 5 bytes, yet 5 bytes do not do.
FRAGMENTED = problem_of(
    *((1, 3, 7), (2, 5, 10), (4, 1, 2), (1, 1, 6), (1, 7, 8), (2, 6, 7)),
    *((3, 3, 4), (3, 8, 9), (2, 9, 10), (1, 9, 10), (1, 5, 6), (2, 0, 1)),
)


def solved(problem: Problem) -> Plan:
    """From the worst plan, which knows no bound, to a proved one."""
    plan = exact.improve(problem, stacked(problem), effort=1)
    assert not faults(problem, plan)
    assert plan.optimal
    return plan


def test_tiny_problems_get_exactly_the_brute_force_optimum() -> None:
    for problem in list(every_problem(4, (1, 2), 3))[::40]:
        plan = solved(problem)
        assert plan.peak == least_peak(problem, problem.buffers)
        replay(problem, plan.placements, whole_trace(problem))


def test_where_the_bound_cannot_be_met_the_proof_is_the_solver_s() -> None:
    assert lower_bound(FRAGMENTED) == 5
    plan = solved(FRAGMENTED)
    assert plan.peak == plan.lower_bound == least_peak(FRAGMENTED, FRAGMENTED.buffers) == 6


def test_pairs_with_windows_get_exactly_the_brute_force_optimum() -> None:
    for low, high in ((-3, -2), (-2, 1), (0, 0), (1, 2), (2, 5)):
        buffers = (Buffer("a", 3, 0, 2), Buffer("b", 4, 1, 3), Buffer("c", 2, 1, 2))
        overlaps = (Overlap("a", "b", low, high), Overlap("c", "b", high, high))
        problem = Problem(buffers, (RAM,), overlaps)
        assert solved(problem).peak == least_peak(problem, buffers), (low, high)


def test_mixed_alignments_get_exactly_the_brute_force_optimum() -> None:
    for alignments in product((1, 2, 4), (3, 4), (1, 8)):
        buffers = tuple(
            Buffer(f"b{i}", size, 0, 1, alignment)
            for i, (size, alignment) in enumerate(zip((3, 3, 2), alignments, strict=True))
        )
        problem = Problem(buffers, (RAM,))
        assert solved(problem).peak == least_peak(problem, buffers), alignments


@pytest.mark.parametrize("capacities", [(9, 3), (2, 3), (4, 4), (1, 1)])
def test_two_regions_get_exactly_the_brute_force_cost(capacities: tuple[int, int]) -> None:
    regions = (Region("slow", capacities[0]), Region("fast", capacities[1], speed=1))
    for sizes in product((1, 3), (2,), (1, 2), (3,)):
        buffers = tuple(
            Buffer(f"b{i}", size, i // 2, 2, regions=("slow",) if i == 2 else ())
            for i, size in enumerate(sizes)
        )
        problem = Problem(buffers, regions, (Overlap("b0", "b3", 0, 1),))
        plan = exact.improve(problem, greedy.place(problem), effort=1)
        assert not faults(problem, plan)
        assert plan.optimal
        assert problem.cost(plan.peaks) == least_cost(problem), sizes


def test_regions_alignments_and_overlaps_together_get_exactly_the_brute_force_cost() -> None:
    improved = 0
    for seed in range(150):
        problem = anything(seed)
        start = greedy.place(problem, iterations=0)
        plan = exact.improve(problem, start, effort=1)
        least = least_cost(problem)
        assert not faults(problem, start), seed
        assert not faults(problem, plan), seed
        assert plan.optimal, seed
        assert problem.cost(plan.peaks) == least, seed
        assert not start.optimal or problem.cost(start.peaks) == least, seed
        assert lower_bound(problem) <= sum(least[1:]), seed
        improved += plan.solver == "exact"
    assert improved > 10


def test_row_operators_survive_the_replay_at_the_optimum() -> None:
    problem, trace = row_chain(5, [2, 3, 3, 1, 4])
    plan = solved(problem)
    replay(problem, plan.placements, trace)
    assert plan.peak == least_peak(problem, problem.buffers)


def test_sizes_with_a_common_factor_lose_nothing() -> None:
    buffers = tuple(replace(b, bytes=b.bytes * 96, alignment=32) for b in FRAGMENTED.buffers)
    assert solved(Problem(buffers, (RAM,))).peak == 6 * 96


def test_a_plan_that_meets_the_bound_is_returned_as_it_is() -> None:
    problem = problem_of((10, 0, 2), (20, 1, 3))
    start = greedy.place(problem)
    plan = exact.improve(problem, start, effort=0.25)
    assert (plan.placements, plan.solver, plan.optimal) == (start.placements, "greedy", True)


def test_without_effort_the_start_comes_back_unproved() -> None:
    start = greedy.place(FRAGMENTED)
    plan = exact.improve(FRAGMENTED, start, effort=0)
    assert (plan.placements, plan.peaks, plan.optimal) == (start.placements, start.peaks, False)


def test_a_problem_too_hard_for_its_effort_is_not_called_optimal() -> None:
    problem = crowd(150, seed=16, steps=60)
    start = greedy.place(problem, iterations=0)
    plan = exact.improve(problem, start, effort=0.0025)
    assert start.peak > start.lower_bound
    assert not faults(problem, plan)
    assert start.lower_bound <= plan.lower_bound <= plan.peak
    assert not plan.optimal


def test_the_same_plan_is_found_again() -> None:
    problem = crowd(60, seed=94)
    start = greedy.place(problem)
    first, second = (exact.improve(problem, start, effort=0.5) for _ in range(2))
    assert first.solver == "exact"
    assert first.optimal
    assert first.placements == second.placements


INTERRUPTED = """
import os, signal, sys, threading
from ortools.sat.python.cp_model import CpSolver
from mcuforge.memplan import exact
from tests.unit.memplan.problems import crowd, stacked

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
during = sys.argv[1] == "during"
solve = CpSolver.solve

def interrupted(*args):
    if during:
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    return solve(*args)

CpSolver.solve = interrupted
problem = crowd(300 if during else 5, seed=1)
try:
    exact.improve(problem, stacked(problem), effort=1e6)
    print("planned", flush=True)
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("left")
"""


@pytest.mark.parametrize(("when", "said"), [("after", "planned left"), ("during", "left")])
def test_ctrl_c_is_an_exception_during_a_search_and_after_it(when: str, said: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED, when]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout.split() == said.split(), ended.stderr
