# SPDX-License-Identifier: Apache-2.0
"""Squeezing a solution: what it returns keeps to the limits, and it finds what there is to find."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcuforge.memplan.ejection import Ejector
from mcuforge.memplan.place import Placer, Solution
from mcuforge.memplan.problem import Buffer, Overlap, Problem, Region
from tests.unit.memplan.problems import (
    RAM,
    anything,
    faults,
    least_cost,
    least_peak,
    problem_of,
    stacked,
)


def squeezed(problem: Problem, limits: list[int], tries: int = 3000) -> Solution | None:
    """From everything on top of each other to a solution within the limits, checked."""
    placer = Placer(problem)
    worst = stacked(problem)
    regions = [region.name for region in placer.regions]
    places = [worst.placements[b.name] for b in problem.buffers]
    start = placer.solution([p.offset for p in places], [regions.index(p.region) for p in places])
    found = Ejector(placer, seed=0).squeeze(start, limits, tries, onward=False)
    if found is not None:
        plan = replace(worst, placements=placer.placements(found), peaks=placer.peaks(found))
        assert not faults(problem, plan)
        assert all(peak <= limit for peak, limit in zip(found.peaks, limits, strict=True))
    return found


def test_the_optimum_is_found_and_nothing_below_it() -> None:
    problem = problem_of(
        *((1, 3, 7), (2, 5, 10), (4, 1, 2), (1, 1, 6), (1, 7, 8), (2, 6, 7)),
        *((3, 3, 4), (3, 8, 9), (2, 9, 10), (1, 9, 10), (1, 5, 6), (2, 0, 1)),
    )
    assert squeezed(problem, [6]) is not None
    assert squeezed(problem, [5]) is None


@pytest.mark.parametrize("distance", [-3, -2, 0, 2])
def test_an_output_gets_its_place_below_or_above_its_input(distance: int) -> None:
    buffers = (Buffer("in", 8, 0, 2), Buffer("out", 6, 1, 3), Buffer("kept", 5, 0, 3))
    problem = Problem(buffers, (RAM,), (Overlap("in", "out", -6, distance),))
    least = least_peak(problem, buffers)
    assert squeezed(problem, [least]) is not None
    assert squeezed(problem, [least - 1]) is None


def test_with_regions_alignments_and_overlaps_the_best_cost_s_limits_are_met() -> None:
    tight = 0
    for seed in range(60):
        problem = anything(seed)
        overflow, *peaks = least_cost(problem)
        limits = list(reversed(peaks))
        assert squeezed(problem, limits) is not None, seed
        if not overflow and len(limits) == 1 and limits[0]:
            assert squeezed(problem, [limits[0] - 1], tries=200) is None, seed
            tight += 1
    assert tight > 5


def test_a_buffer_larger_than_every_limit_ends_it_at_once() -> None:
    two = (Region("slow", 8), Region("fast", 8, speed=1))
    problem = Problem((Buffer("a", 8, 0, 1), Buffer("b", 8, 0, 1)), two)
    assert squeezed(problem, [7, 7], tries=10**9) is None


def test_it_goes_on_where_it_stopped_or_begins_again() -> None:
    problem = problem_of(*((size, 0, 1) for size in range(1, 13)))
    placer = Placer(problem)
    start = placer.place(range(12))
    assert start is not None
    for onward in (True, False):
        ejector = Ejector(placer, seed=0)
        assert ejector.squeeze(start, [77], 50, onward=onward) is None  # needs 78
        assert ejector.tries == 51
        found = ejector.squeeze(start, [78], 50, onward=onward)
        # Nothing sticks out of the start itself; what was left of the search has to be put in.
        assert (ejector.tries == 52) is not onward
        assert found is not None
        assert found.peaks == [78]
