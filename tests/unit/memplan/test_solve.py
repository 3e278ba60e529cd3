# SPDX-License-Identifier: Apache-2.0
"""The planner as the compiler calls it."""

from __future__ import annotations

import pytest

from mcuforge.memplan import exact
from mcuforge.memplan.problem import Buffer, Plan, Problem, Region
from mcuforge.memplan.solve import solve
from tests.unit.memplan.problems import crowd, every_problem, faults, network, problem_of
from tests.unit.memplan.test_exact import FRAGMENTED


def refuse_exact(problem: Problem, start: Plan, *, effort: float) -> Plan:
    raise AssertionError("the exact planner was called")


def test_a_plan_that_meets_the_bound_needs_no_exact_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exact, "improve", refuse_exact)
    for problem in (network(60, seed=0), problem_of((8, 0, 1)), problem_of()):
        plan = solve(problem)
        assert not faults(problem, plan)
        assert plan.optimal
        assert (plan.solver, plan.peak) == ("greedy", plan.lower_bound)


def test_without_effort_the_gap_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "improve", refuse_exact)
    plan = solve(FRAGMENTED, effort=0.0)
    assert plan.peak > plan.lower_bound
    assert not plan.optimal


def test_a_gap_is_closed_by_proof() -> None:
    plan = solve(FRAGMENTED, effort=1.0)
    assert (plan.peak, plan.lower_bound, plan.optimal) == (6, 6, True)


def test_where_greedy_stops_short_the_exact_search_goes_on() -> None:
    problem = crowd(60, seed=94)
    plan = solve(problem, effort=0.5)
    assert not faults(problem, plan)
    assert (plan.peak, plan.optimal) == (plan.lower_bound, True)


def test_every_tiny_problem_is_solved_to_the_proof() -> None:
    for problem in every_problem(3, (1, 2, 3), 3):
        plan = solve(problem)
        assert not faults(problem, plan)
        assert plan.optimal


def test_too_small_a_region_still_gets_the_least_plan() -> None:
    problem = problem_of((60, 0, 2), (50, 1, 3), region=Region("ram", 100))
    plan = solve(problem)
    assert plan.overflow(problem) == {"ram": 10}
    assert plan.peak == 110
    assert plan.optimal


def test_too_small_regions_overflow_by_the_least_bytes() -> None:
    regions = (Region("ram", 50), Region("tcm", 20, speed=1))
    buffers = (Buffer("a", 40, 0, 2), Buffer("b", 30, 0, 2), Buffer("c", 10, 0, 2))
    problem = Problem(buffers, regions)
    plan = solve(problem, effort=1.0)
    assert not faults(problem, plan)
    assert sum(plan.overflow(problem).values()) == 10  # 80 bytes in 70
    assert plan.optimal


def test_the_seconds_cover_the_whole_search() -> None:
    assert 0 < solve(network(30, seed=1)).seconds < 2


def test_a_search_that_ends_without_a_proof_says_that_it_was_stopped() -> None:
    assert solve(FRAGMENTED, effort=0).stopped
    assert not solve(FRAGMENTED).stopped
