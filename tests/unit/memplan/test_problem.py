# SPDX-License-Identifier: Apache-2.0
"""A problem refuses to exist when it contradicts itself; a plan knows what it lacks."""

from __future__ import annotations

import pytest

from mcuforge.memplan.problem import Buffer, Overlap, Placement, Plan, Problem, ProblemError, Region

A = Buffer("a", 4, 0, 2)
B = Buffer("b", 4, 1, 3)
RAM = Region("ram", 64)


@pytest.mark.parametrize(
    ("buffers", "regions", "overlaps", "message"),
    [
        ((A,), (), (), "at least one region"),
        ((A,), (Region("ram", 0),), (), "region 'ram' has 0 bytes"),
        ((A,), (RAM, RAM), (), "2 regions are called 'ram'"),
        ((A,), (Region("", 1),), (), "a region has no name"),
        ((A, A), (RAM,), (), "2 buffers are called 'a'"),
        ((Buffer("a", 0, 0, 1),), (RAM,), (), "buffer 'a' has 0 bytes"),
        ((Buffer("a", 1, 2, 2),), (RAM,), (), r"lives in steps \[2, 2\)"),
        ((Buffer("a", 1, -1, 2),), (RAM,), (), r"lives in steps \[-1, 2\)"),
        ((Buffer("a", 1, 0, 1, 0),), (RAM,), (), "alignment 0"),
        ((Buffer("a", 1, 0, 1, 1, ("tcm",)),), (RAM,), (), "may lie in region 'tcm'"),
        ((Buffer("a", 1, 0, 1, 1, ("ram", "ram")),), (RAM,), (), "buffer 'a' names a region twice"),
        ((A, B), (RAM,), (Overlap("a", "c", 0, 0),), "there is no buffer 'c'"),
        ((A, B), (RAM,), (Overlap("a", "a", 0, 0),), "a buffer cannot overlap itself"),
        ((A, B), (RAM,), (Overlap("a", "b", 1, 0),), "low 1 is above high 0"),
        ((A, B), (RAM,), (Overlap("a", "b", 0, 0), Overlap("b", "a", 0, 0)), "stated twice"),
    ],
)
def test_a_contradiction_is_refused_by_name(
    buffers: tuple[Buffer, ...],
    regions: tuple[Region, ...],
    overlaps: tuple[Overlap, ...],
    message: str,
) -> None:
    with pytest.raises(ProblemError, match=message):
        Problem(buffers, regions, overlaps)


def test_a_plan_says_which_regions_are_too_small_and_by_how_much() -> None:
    problem = Problem((A, B), (Region("tcm", 3, speed=1), RAM))
    plan = Plan(
        placements={"a": Placement("tcm", 0), "b": Placement("ram", 0)},
        peaks={"tcm": 4, "ram": 4},
        solver="greedy",
        optimal=False,
        lower_bound=8,
        seconds=0.0,
    )
    assert plan.overflow(problem) == {"tcm": 1}
    assert plan.peak == 8


def test_cost_counts_overflow_first_and_then_the_slowest_region() -> None:
    problem = Problem((A, B), (Region("slow", 8), Region("fast", 8, speed=2)))
    assert problem.cost({"slow": 3, "fast": 10}) == (2, 3, 10)
    assert [region.name for region in problem.fastest_first] == ["fast", "slow"]


def test_regions_of_equal_speed_are_filled_in_the_order_given() -> None:
    problem = Problem((A,), (Region("first", 8), Region("second", 8)))
    assert [region.name for region in problem.fastest_first] == ["first", "second"]
