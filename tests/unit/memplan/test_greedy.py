# SPDX-License-Identifier: Apache-2.0
"""The fast planner: always a valid plan, the same one every time, in milliseconds."""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcuforge.memplan import exact, greedy
from mcuforge.memplan.problem import Buffer, Overlap, Placement, Plan, Problem, Region
from mcuforge.memplan.replay import replay
from tests.unit.memplan.problems import (
    RAM,
    anything,
    conv_chain,
    crowd,
    every_problem,
    faults,
    least_chain_peak,
    least_cost,
    least_peak,
    network,
    problem_of,
    row_chain,
    whole_trace,
)


@pytest.mark.parametrize(
    ("lifetimes", "name"),
    [
        (((0, 3), (0, 3)), "equal"),
        (((0, 3), (1, 2)), "inside"),
        (((0, 2), (0, 3)), "same begin"),
        (((1, 3), (0, 3)), "same end"),
    ],
)
def test_two_buffers_alive_together_never_share_an_address(
    lifetimes: tuple[tuple[int, int], tuple[int, int]], name: str
) -> None:
    # A first-fit allocator in the field compares lifetimes with strict < and puts equal ones at 0.
    problem = problem_of(*((100, *lifetime) for lifetime in lifetimes))
    plan = greedy.place(problem)
    assert sorted(place.offset for place in plan.placements.values()) == [0, 100], name
    assert plan.peak == plan.lower_bound == 200
    assert plan.optimal


@pytest.mark.parametrize(
    ("buffers", "sizes", "steps", "stride"),
    [(2, (1, 2, 3), 4, 1), (3, (1, 2, 3), 3, 1), (4, (1, 2), 3, 2), (5, (1, 2), 3, 29)],
)
def test_on_every_tiny_problem_bound_optimum_and_greedy_agree_in_order(
    buffers: int, sizes: tuple[int, ...], steps: int, stride: int
) -> None:
    for problem in list(every_problem(buffers, sizes, steps))[::stride]:
        plan = greedy.place(problem)
        assert not faults(problem, plan)
        replay(problem, plan.placements, whole_trace(problem))
        optimum = least_peak(problem, problem.buffers)
        assert plan.lower_bound <= optimum <= plan.peak
        assert not plan.optimal or plan.peak == optimum


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Anything a problem may hold: alignments, regions, overlaps."""
    every = (Region("slow", 40), Region("fast", 12, speed=1), Region("other", 20, speed=1))
    regions = every[: draw(st.integers(1, 3))]
    names = [region.name for region in regions]
    buffers = []
    for i in range(draw(st.integers(0, 9))):
        begin = draw(st.integers(0, 5))
        allowed = draw(st.lists(st.sampled_from(names), unique=True, max_size=2))
        buffers.append(
            Buffer(
                f"b{i}",
                draw(st.integers(1, 12)),
                begin,
                begin + draw(st.integers(1, 4)),
                draw(st.sampled_from((1, 2, 3, 4, 8))),
                tuple(allowed),
            )
        )
    overlaps = []
    for i in range(len(buffers) - 1):
        if draw(st.booleans()):
            low = draw(st.integers(-14, 14))
            overlaps.append(Overlap(f"b{i + 1}", f"b{i}", low, low + draw(st.integers(0, 9))))
    return Problem(tuple(buffers), regions, tuple(overlaps))


@settings(deadline=None, max_examples=150, derandomize=True)
@given(problems())
def test_every_plan_is_valid_and_no_lower_than_its_bound(problem: Problem) -> None:
    assert not faults(problem, greedy.place(problem))


@settings(deadline=None, max_examples=30, derandomize=True)
@given(problems(), st.integers(0, 3))
def test_the_same_seed_gives_the_same_plan(problem: Problem, seed: int) -> None:
    first, second = (greedy.place(problem, seed=seed).placements for _ in range(2))
    assert first == second


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(1, 9), st.lists(st.integers(1, 6), min_size=2, max_size=8))
def test_plans_of_row_operators_survive_the_replay(rows: int, widths: list[int]) -> None:
    problem, trace = row_chain(rows, widths)
    plan = greedy.place(problem)
    assert not faults(problem, plan)
    replay(problem, plan.placements, trace)


def test_a_chain_of_equal_rows_lies_in_one_place() -> None:
    problem, _ = row_chain(8, [5, 5, 5, 5, 5])
    plan = greedy.place(problem)
    assert plan.peak == 40
    assert plan.optimal


def test_a_growing_output_starts_below_its_input() -> None:
    problem, trace = row_chain(4, [2, 3])
    plan = greedy.place(problem)
    places = plan.placements
    assert places["t1"].offset - places["t0"].offset == -3
    assert plan.peak == 12
    replay(problem, places, trace)


def test_chains_of_thirty_convolutions_at_a_distance_reach_the_optimum() -> None:
    reached = 0
    for seed in range(20):
        problem = conv_chain(30, seed)
        plan = greedy.place(problem)
        least = least_chain_peak(problem)
        assert not faults(problem, plan)
        assert least <= plan.peak <= least * 1.02, seed
        reached += plan.peak == least
    assert reached >= 15


def test_an_input_is_raised_for_an_output_that_starts_below_it() -> None:
    buffers = (Buffer("in", 900, 0, 2), Buffer("out", 800, 1, 3))
    plan = greedy.place(Problem(buffers, (RAM,), (Overlap("in", "out", -800, -320),)))
    assert plan.placements == {"in": Placement("ram", 320), "out": Placement("ram", 0)}
    assert (plan.peak, plan.optimal) == (1220, True)


def test_with_regions_and_overlaps_it_is_nearly_always_the_brute_force_optimum() -> None:
    reached = 0
    for seed in range(150):
        problem = anything(seed)
        plan = greedy.place(problem)
        assert not faults(problem, plan), seed
        least = least_cost(problem)
        assert problem.cost(plan.peaks) >= least, seed
        reached += problem.cost(plan.peaks) == least
    assert reached >= 140


def test_a_chain_too_large_for_either_region_fits_both_and_leaves_the_slow_one_its_least() -> None:
    for seed in range(8):
        chain = conv_chain(30, seed)
        peak = least_chain_peak(chain)
        regions = (Region("slow", peak * 7 // 10), Region("fast", peak * 9 // 10, speed=1))
        problem = replace(chain, regions=regions)
        plan = greedy.place(problem, iterations=3000)
        assert not faults(problem, plan)
        assert not plan.overflow(problem), seed
        best = exact.improve(problem, plan, effort=1)
        assert best.optimal
        assert plan.peaks["slow"] <= best.peaks["slow"] * 1.1, seed


def test_too_small_regions_overflow_by_the_fewest_bytes_whole_buffers_allow() -> None:
    regions = (Region("slow", 4), Region("fast", 4, speed=1))
    buffers = (Buffer("a", 6, 0, 2), Buffer("b", 5, 0, 2), Buffer("c", 3, 0, 2))
    problem = Problem(buffers, regions)
    plan = greedy.place(problem)
    assert not faults(problem, plan)
    assert sum(plan.overflow(problem).values()) == least_cost(problem)[0] == 6


def test_offsets_are_multiples_of_the_alignment() -> None:
    buffers = tuple(Buffer(f"b{i}", 5, 0, 1, alignment=16) for i in range(3))
    plan = greedy.place(Problem(buffers, (RAM,)))
    assert sorted(place.offset for place in plan.placements.values()) == [0, 16, 32]
    assert plan.peak == 37
    assert plan.optimal


def test_the_fastest_region_is_filled_first() -> None:
    regions = (Region("ram", 100), Region("tcm", 30, speed=1))
    plan = greedy.place(Problem((Buffer("a", 30, 0, 2), Buffer("b", 20, 1, 3)), regions))
    assert plan.placements == {"a": Placement("tcm", 0), "b": Placement("ram", 0)}
    assert plan.peaks == {"ram": 20, "tcm": 30}
    assert plan.optimal


def test_a_buffer_stays_out_of_regions_it_may_not_use() -> None:
    regions = (Region("ram", 100), Region("tcm", 100, speed=1))
    buffers = (Buffer("dma", 8, 0, 2, regions=("ram",)), Buffer("a", 8, 0, 2))
    plan = greedy.place(Problem(buffers, regions))
    assert {name: place.region for name, place in plan.placements.items()} == {
        "dma": "ram",
        "a": "tcm",
    }
    assert plan.optimal


def test_what_fits_nowhere_overflows_by_the_least() -> None:
    problem = Problem((Buffer("a", 50, 0, 1),), (Region("ram", 40), Region("tcm", 10, speed=1)))
    plan = greedy.place(problem)
    assert plan.placements["a"] == Placement("ram", 0)
    assert plan.overflow(problem) == {"ram": 10}


def test_no_buffers_make_an_empty_plan() -> None:
    plan = greedy.place(problem_of())
    assert (plan.placements, plan.peaks, plan.optimal) == ({}, {"ram": 0}, True)


def test_more_iterations_never_make_it_worse_and_often_better() -> None:
    def peaks(iterations: int) -> list[int]:
        return [
            greedy.place(crowd(60, seed), iterations=iterations).peak for seed in (16, 27, 33, 94)
        ]

    quick, patient = peaks(0), peaks(2000)
    assert all(late <= early for early, late in zip(quick, patient, strict=True))
    assert sum(patient) < sum(quick)


def test_a_network_of_sixty_buffers_takes_milliseconds() -> None:
    problem = network(60, seed=3)

    def place() -> tuple[float, Plan]:
        started = process_time()
        plan = greedy.place(problem)
        return process_time() - started, plan

    runs = [place() for _ in range(5)]
    assert not faults(problem, runs[0][1])
    assert min(seconds for seconds, _ in runs) < 0.020  # 1 ms on an idle machine
