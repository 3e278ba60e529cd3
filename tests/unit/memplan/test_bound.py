# SPDX-License-Identifier: Apache-2.0
"""The lower bound: as high as the argument goes, never above what some plan reaches."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from mcuforge.memplan.bound import lower_bound, proves_optimal
from mcuforge.memplan.problem import Buffer, Overlap, Problem, Region
from tests.unit.memplan.problems import (
    RAM,
    conv_chain,
    least_chain_peak,
    least_cost,
    least_peak,
    problem_of,
)


def test_the_bound_is_the_most_bytes_alive_at_once() -> None:
    assert lower_bound(problem_of((10, 0, 2), (20, 1, 3), (5, 2, 4))) == 30


def test_lifetimes_are_half_open() -> None:
    assert lower_bound(problem_of((10, 0, 1), (20, 1, 2))) == 20


def test_no_buffers_need_no_bytes() -> None:
    assert lower_bound(problem_of()) == 0


def test_an_in_place_pair_counts_once() -> None:
    buffers = (Buffer("a", 10, 0, 2), Buffer("b", 8, 1, 3), Buffer("c", 3, 1, 2))
    in_place = Problem(buffers, (RAM,), (Overlap("a", "b", 0, 0),))
    assert lower_bound(in_place) == 13


def test_a_pair_shares_no_more_than_its_window_allows() -> None:
    buffers = (Buffer("a", 10, 0, 2), Buffer("b", 10, 1, 3))
    shifted = Problem(buffers, (RAM,), (Overlap("a", "b", 4, 6),))
    assert lower_bound(shifted) == 14
    assert lower_bound(Problem(buffers, (RAM,), (Overlap("b", "a", 4, 6),))) == 14
    assert lower_bound(Problem(buffers, (RAM,), (Overlap("a", "b", 12, 20),))) == 20


def test_rounding_to_a_common_alignment_counts_except_for_the_last_buffer() -> None:
    buffers = (Buffer("a", 10, 0, 1, 16), Buffer("b", 10, 0, 1, 16), Buffer("c", 15, 0, 1, 16))
    assert lower_bound(Problem(buffers, (RAM,))) == 42  # 16 + 16 + 10


def test_only_buffers_tied_to_the_regions_asked_for_count() -> None:
    regions = (Region("tcm", 8), Region("ram", 8), Region("psram", 8))
    buffers = (
        Buffer("a", 1, 0, 1),
        Buffer("b", 2, 0, 1, regions=("tcm",)),
        Buffer("c", 4, 0, 1, regions=("tcm", "ram")),
    )
    problem = Problem(buffers, regions)
    assert lower_bound(problem) == 7
    assert lower_bound(problem, ("tcm",)) == 2
    assert lower_bound(problem, ("tcm", "ram")) == 6


@pytest.mark.parametrize("sizes", list(product((1, 2, 3), repeat=2)))
def test_the_bound_of_every_sharing_pair_is_at_most_the_optimum(sizes: tuple[int, int]) -> None:
    for low, high in product(range(-4, 5), repeat=2):
        if low > high:
            continue
        buffers = (Buffer("a", sizes[0], 0, 2), Buffer("b", sizes[1], 1, 3))
        problem = Problem(buffers, (RAM,), (Overlap("a", "b", low, high),))
        assert lower_bound(problem) == least_peak(problem, buffers), (low, high)


def test_the_bound_of_three_that_share_in_a_circle_is_at_most_the_optimum() -> None:
    buffers = tuple(Buffer(name, 3, 0, 1) for name in "abc")
    for highs in product((-1, 0, 1, 2), repeat=3):
        overlaps = tuple(
            Overlap(*pair, min(high, 0), high)
            for pair, high in zip((("a", "b"), ("b", "c"), ("c", "a")), highs, strict=True)
        )
        problem = Problem(buffers, (RAM,), overlaps)
        assert lower_bound(problem) <= least_peak(problem, buffers), highs


def test_a_sharing_group_too_large_to_enumerate_is_still_bounded() -> None:
    buffers = tuple(Buffer(f"b{i}", 4, 0, 1) for i in range(12))
    chain = tuple(Overlap(f"b{i}", f"b{i + 1}", 0, 0) for i in range(11))
    # Neighbours may share all, others nothing: every second buffer must be apart.
    assert 4 < lower_bound(Problem(buffers, (RAM,), chain)) <= 24


def test_small_outputs_share_only_the_part_of_an_input_that_is_consumed() -> None:
    # Rows of "in" are gone from byte 6 down when the others come: 4 + 4 + 4 bytes for 6.
    small = tuple(Buffer(f"ring{i}", 4, 0, 1) for i in range(3))
    overlaps = tuple(Overlap("in", ring.name, -4, 2) for ring in small)
    problem = Problem((Buffer("in", 20, 0, 1), *small), (RAM,), overlaps)
    assert lower_bound(problem) == 20 + 12 - 6
    assert least_peak(problem, problem.buffers) == 26


def test_the_bound_of_random_sharing_groups_is_at_most_the_optimum_and_mostly_equal() -> None:
    equal = 0
    for seed in range(150):
        random = Random(seed)
        buffers = tuple(Buffer(f"b{i}", random.randint(1, 6), 0, 1) for i in range(4))
        overlaps = []
        for j in range(4):
            for i in range(j):
                if random.random() < 0.6:
                    low = random.randint(-6, 4)
                    overlaps.append(Overlap(f"b{i}", f"b{j}", low, low + random.randint(0, 4)))
        problem = Problem(buffers, (RAM,), tuple(overlaps))
        bound, optimum = lower_bound(problem), least_peak(problem, buffers)
        assert bound <= optimum, seed
        equal += bound == optimum
    assert equal > 60


def test_the_bound_of_a_chain_at_distances_is_its_optimum() -> None:
    for seed in range(20):
        problem = conv_chain(30, seed)
        assert lower_bound(problem) == least_chain_peak(problem), seed


def test_the_bound_of_tiny_chains_is_at_most_the_optimum_and_mostly_equal() -> None:
    equal = 0
    for seed in range(150):
        random = Random(seed)
        buffers = tuple(
            Buffer(f"b{i}", random.randint(1, 5), max(0, i - 1), i + 1 + (random.random() < 0.2))
            for i in range(5)
        )
        lows = [random.randint(-5, 3) for _ in range(4)]
        overlaps = tuple(
            Overlap(f"b{i}", f"b{i + 1}", low, low + random.randint(0, 4))
            for i, low in enumerate(lows)
        )
        problem = Problem(buffers, (RAM,), overlaps)
        bound, optimum = lower_bound(problem), least_peak(problem, buffers)
        assert bound <= optimum, seed
        equal += bound == optimum
    assert equal > 100


def test_the_bound_over_two_regions_is_at_most_the_best_sum() -> None:
    regions = (Region("slow", 3), Region("fast", 2, speed=1))
    for sizes in product((1, 2, 3), repeat=3):
        for alignment in (1, 2):
            buffers = tuple(
                Buffer(f"b{i}", size, i // 2, 2, alignment) for i, size in enumerate(sizes)
            )
            problem = Problem(buffers, regions)
            _, *peaks = least_cost(problem)
            assert lower_bound(problem) <= sum(peaks), (sizes, alignment)


def test_bounds_that_prove_a_plan_of_two_regions_name_its_very_cost() -> None:
    regions = (Region("slow", 9), Region("fast", 3, speed=1))
    proved = 0
    for sizes in product((1, 2, 3), repeat=3):
        buffers = tuple(Buffer(f"b{i}", size, i // 2, 2) for i, size in enumerate(sizes))
        problem = Problem(buffers, regions)
        best = least_cost(problem)
        bound = lower_bound(problem)
        for slow, fast in product(range(10), range(4)):
            peaks = {"slow": slow, "fast": fast}
            reachable = problem.cost(peaks) >= best
            if reachable and proves_optimal(problem, peaks, bound):
                assert problem.cost(peaks) == best
                proved += 1
    assert proved > 10
