# SPDX-License-Identifier: Apache-2.0
"""What decides the peak is the moment that fills memory up to it."""

from __future__ import annotations

from mcuforge.memplan.peak import deciding_region, peak_moment
from mcuforge.memplan.problem import Buffer, Overlap, Problem, Region
from mcuforge.memplan.solve import solve
from tests.unit.memplan.problems import RAM, network, problem_of


def test_the_fullest_moment_is_named_with_its_buffers_largest_first() -> None:
    problem = problem_of((10, 0, 2), (30, 1, 3), (5, 2, 4))
    assert peak_moment(problem, solve(problem)) == (1, ("b1", "b0"))


def test_the_first_of_equal_moments_is_named() -> None:
    problem = problem_of((10, 0, 1), (10, 2, 3))
    assert peak_moment(problem, solve(problem)) == (0, ("b0",))


def test_bytes_that_are_shared_count_once() -> None:
    sharing = (Buffer("a", 10, 0, 2), Buffer("b", 10, 1, 3))
    apart = (Buffer("c", 6, 3, 4), Buffer("d", 6, 3, 4))
    problem = Problem(sharing + apart, (RAM,), (Overlap("a", "b", 0, 0),))
    assert peak_moment(problem, solve(problem)) == (3, ("c", "d"))


def test_a_region_too_small_decides_before_a_fuller_one() -> None:
    regions = (Region("ram", 100), Region("tcm", 8))
    buffers = (Buffer("a", 99, 0, 1, regions=("ram",)), Buffer("b", 9, 1, 2, regions=("tcm",)))
    problem = Problem(buffers, regions)
    plan = solve(problem, effort=0.0)
    assert deciding_region(problem, plan) == "tcm"
    assert peak_moment(problem, plan) == (1, ("b",))


def test_a_network_s_moment_holds_all_of_its_peak() -> None:
    problem = network(50, seed=6)
    plan = solve(problem)
    step, names = peak_moment(problem, plan)
    sizes = {buffer.name: buffer.bytes for buffer in problem.buffers}
    assert sum(sizes[name] for name in names) == plan.peak
    assert all(b.begin <= step < b.end for b in problem.buffers if b.name in names)


def test_without_buffers_nothing_decides() -> None:
    problem = problem_of()
    assert peak_moment(problem, solve(problem)) == (0, ())
