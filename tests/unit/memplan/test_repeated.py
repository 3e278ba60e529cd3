# SPDX-License-Identifier: Apache-2.0
"""Problems with equal blocks: shortened, planned, and the plan repeated."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from mcuforge.memplan import greedy
from mcuforge.memplan.bound import lower_bound
from mcuforge.memplan.problem import Buffer, Overlap, Problem, Region
from mcuforge.memplan.repeated import shorter
from tests.unit.memplan.problems import faults

RAM = Region("ram", 1 << 20)
STEPS = 4  # of a block


def blocks(count: int, seed: int, *, ends: bool = True) -> Problem:
    """A stream of tensors, each rewritten by a block of scratch buffers; the seed draws the block.

    A block writes its result over its input, or beside it. `ends`: other buffers before and behind.
    """
    random = Random(seed)
    drawn = [
        (random.randint(1, 40), begin, random.randint(begin + 1, STEPS))
        for begin in (random.randrange(STEPS) for _ in range(random.randint(1, 6)))
    ]
    width, low = random.randint(5, 30), random.randint(-30, 0)
    buffers, overlaps = [], []
    first = STEPS if ends else 0
    if ends:
        buffers.append(Buffer("head", random.randint(1, 60), 0, STEPS - 1))
    for block in range(count + 1):
        begin = first + block * STEPS
        # written in the last step of the block before it, read last in that of its own
        buffers.append(Buffer(f"x{block}", width, max(0, begin - 1), begin + STEPS, 4))
        if block:
            overlaps.append(Overlap(f"x{block - 1}", f"x{block}", low, 0))
        if block < count:
            buffers += (
                Buffer(f"s{block}.{k}", size, begin + b, begin + e, 2)
                for k, (size, b, e) in enumerate(drawn)
            )
    if ends:
        end = first + (count + 1) * STEPS
        buffers.append(Buffer("tail", random.randint(1, 60), end - 1, end + 2))
    return Problem(tuple(buffers), (RAM,), tuple(overlaps))


@pytest.mark.parametrize("ends", [False, True])
def test_the_plan_of_two_blocks_is_one_of_many(ends: bool) -> None:
    repeated = 0
    for seed in range(60):
        problem = blocks(9, seed, ends=ends)
        short = shorter(problem)
        assert short is not None, seed
        assert len(short.problem.buffers) < len(problem.buffers) / 2
        assert lower_bound(short.problem) == lower_bound(problem), seed
        plan = greedy.place(short.problem)
        assert not faults(short.problem, plan), seed
        placements = short.repeated(plan.placements)
        if placements is None:
            continue
        repeated += 1
        assert placements.keys() == {buffer.name for buffer in problem.buffers}
        assert not faults(problem, replace(plan, placements=placements)), seed
    assert repeated > 20


def test_more_blocks_make_no_larger_problem() -> None:
    sizes = set()
    for count in (4, 9, 40):
        short = shorter(blocks(count, seed=3))
        assert short is not None
        sizes.add((len(short.problem.buffers), len(short.problem.overlaps)))
    assert len(sizes) == 1


def test_two_blocks_are_planned_as_they_are() -> None:
    assert shorter(blocks(1, seed=3)) is None


def test_blocks_that_differ_in_one_byte_are_planned_as_they_are() -> None:
    problem = blocks(5, seed=3)
    buffers = tuple(
        replace(b, bytes=b.bytes + int(b.name[1])) if b.name.startswith("s") else b
        for b in problem.buffers
    )
    assert shorter(Problem(buffers, problem.regions, problem.overlaps)) is None


def test_a_plan_whose_blocks_do_not_meet_is_not_repeated() -> None:
    problem = blocks(9, seed=3)
    short = shorter(problem)
    assert short is not None
    plan = greedy.place(short.problem)
    apart = {
        name: replace(place, offset=1000 * k)
        for k, (name, place) in enumerate(sorted(plan.placements.items()))
    }
    assert short.repeated(apart) is None


def test_a_long_row_of_blocks_needs_hardly_more_than_a_short_one() -> None:
    peaks = [0, 0]
    for seed in range(20):
        for at, count in enumerate((5, 60)):
            problem = blocks(count, seed)
            plan = greedy.place(problem)
            assert not faults(problem, plan), seed
            peaks[at] += plan.peak
    assert peaks[1] < 1.02 * peaks[0]
