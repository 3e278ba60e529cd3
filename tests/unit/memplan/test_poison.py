# SPDX-License-Identifier: Apache-2.0
"""What may be overwritten between steps: all of it, and not a byte more."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from time import process_time

import pytest

from mcuforge.memplan.poison import DeadRange, dead_bytes
from mcuforge.memplan.problem import Buffer, Placement, Problem, Region
from mcuforge.memplan.replay import Event, Read, ReplayError, Step, Trace, Write
from tests.unit.memplan.problems import RAM, ring_run

TWO = Problem((Buffer("in", 4, 0, 2), Buffer("out", 2, 1, 3)), (RAM,))


def by_looking_ahead(
    problem: Problem, places: dict[str, Placement], trace: Trace
) -> list[set[tuple[str, int]]]:
    """The dead addresses after each step: for each, walk on until something touches it."""
    used: dict[str, int] = {}
    for buffer in problem.buffers:
        place = places[buffer.name]
        used[place.region] = max(used.get(place.region, 0), place.offset + buffer.bytes)
    found = []
    for step in range(len(trace.steps)):
        later = [event for s in trace.steps[step + 1 :] for event in s.events] + list(trace.leave)
        dead = set()
        for region, count in used.items():
            for address in range(count):
                touching = (
                    event
                    for event in later
                    if places[event.buffer].region == region
                    and event.place[0] <= address - places[event.buffer].offset < event.place[1]
                )
                if not isinstance(next(touching, None), Read):
                    dead.add((region, address))
        found.append(dead)
    return found


def addresses(ranges: tuple[DeadRange, ...]) -> set[tuple[str, int]]:
    return {(r.region, address) for r in ranges for address in range(r.begin, r.end)}


def check_against_looking_ahead(
    problem: Problem, places: dict[str, Placement], trace: Trace
) -> None:
    found = dead_bytes(problem, places, trace)
    assert [addresses(ranges) for ranges in found] == by_looking_ahead(problem, places, trace)
    for ranges in found:
        assert list(ranges) == sorted(ranges)
        assert all(r.begin < r.end for r in ranges)
        neighbours = pairwise(ranges)
        assert all(a.region != b.region or a.end < b.begin for a, b in neighbours)


def test_a_step_s_last_reading_kills_and_holes_are_always_dead() -> None:
    places = {"in": Placement("ram", 0), "out": Placement("ram", 6)}
    steps = (
        Step("half", (Read("in", 0, 2), Write("out", 0, 1))),
        Step("rest", (Read("in", 2, 4), Write("out", 1, 2))),
    )
    trace = Trace((Write("in", 0, 4),), steps, (Read("out", 0, 2),))
    assert dead_bytes(TWO, places, trace) == (
        (DeadRange("ram", 0, 2), DeadRange("ram", 4, 6), DeadRange("ram", 7, 8)),
        (DeadRange("ram", 0, 6),),
    )


def test_rows_of_a_ring_die_when_the_window_has_passed() -> None:
    for ring in (2, 3, 5):
        check_against_looking_ahead(*ring_run(rows=6, row_bytes=2, kernel=2, ring=ring))


def test_on_random_traces_it_is_what_looking_ahead_finds() -> None:
    for seed in range(40):
        random = Random(seed)
        regions = (Region("a", 32), Region("b", 32))
        buffers = tuple(Buffer(f"t{i}", random.randint(1, 8), 0, 1) for i in range(4))
        places = {
            b.name: Placement(random.choice("ab"), random.randint(0, 32 - b.bytes)) for b in buffers
        }

        def event(random: Random, buffers: tuple[Buffer, ...]) -> Event:
            buffer = random.choice(buffers)
            begin = random.randrange(buffer.bytes)
            kind = random.choice((Read, Write))
            return kind(buffer.name, begin, random.randint(begin + 1, buffer.bytes))

        steps = tuple(
            Step(f"s{i}", tuple(event(random, buffers) for _ in range(random.randint(0, 4))))
            for i in range(6)
        )
        check_against_looking_ahead(
            Problem(buffers, regions), places, Trace((), steps, (Read("t0", 0, buffers[0].bytes),))
        )


def test_an_access_outside_its_buffer_is_refused() -> None:
    places = {"in": Placement("ram", 0), "out": Placement("ram", 6)}
    trace = Trace((), (Step("op", (Read("in", 0, 5),)),), ())
    with pytest.raises(ReplayError, match=r"step 'op': bytes \[0, 5\) of 'in', which has 4"):
        dead_bytes(TWO, places, trace)


def test_a_pipeline_of_four_hundred_tasks_takes_milliseconds() -> None:
    problem, places, trace = ring_run(rows=200, row_bytes=300, kernel=3, ring=3)
    seconds = []
    for _ in range(5):
        started = process_time()
        dead_bytes(problem, places, trace)
        seconds.append(process_time() - started)
    assert min(seconds) < 0.150  # 15 ms on an idle machine
