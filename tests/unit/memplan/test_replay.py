# SPDX-License-Identifier: Apache-2.0
"""The independent checker: every lost byte is found, and both tensors are named."""

from __future__ import annotations

from itertools import product
from time import process_time

import pytest

from mcuforge.memplan import greedy
from mcuforge.memplan.problem import Buffer, Placement, Problem, Region
from mcuforge.memplan.replay import Event, Read, ReplayError, Step, Trace, Write, replay
from tests.unit.memplan.problems import (
    RAM,
    may_lie,
    moved,
    network,
    problem_of,
    ring_run,
    row_chain,
    whole_trace,
)

PAIR = Problem((Buffer("in", 8, 0, 2), Buffer("out", 8, 1, 3)), (RAM,))
APART = {"in": Placement("ram", 0), "out": Placement("ram", 8)}
SAME_PLACE = {"in": Placement("ram", 0), "out": Placement("ram", 0)}


def pair_trace(*events: Event) -> Trace:
    """`in` arrives, one step runs, `out` leaves."""
    return Trace((Write("in", 0, 8),), (Step("op", events),), (Read("out", 0, 8),))


WHOLE = pair_trace(Write("out", 0, 8), Read("in", 0, 8))
BY_ELEMENT = pair_trace(
    *(event for i in range(8) for event in (Read("in", i, i + 1), Write("out", i, i + 1)))
)


def test_tensors_apart_pass_in_any_order() -> None:
    replay(PAIR, APART, WHOLE)
    replay(PAIR, APART, BY_ELEMENT)


def test_an_elementwise_step_may_write_over_its_input() -> None:
    replay(PAIR, SAME_PLACE, BY_ELEMENT)


def test_a_whole_step_may_not_and_both_tensors_are_named() -> None:
    with pytest.raises(ReplayError) as caught:
        replay(PAIR, SAME_PLACE, WHOLE)
    assert str(caught.value) == (
        "step 'op' reads byte 0 of 'in' at ram+0, which now holds byte 0 of 'out'"
    )
    error = caught.value
    assert (error.tensor, error.owner, error.step) == ("in", "out", "step 'op'")
    assert (error.region, error.byte, error.address) == ("ram", 0, 0)


def test_the_very_byte_that_was_lost_is_named() -> None:
    placements = {"in": Placement("ram", 0), "out": Placement("ram", 5)}
    with pytest.raises(ReplayError, match=r"byte 5 of 'in' at ram\+5, .* byte 0 of 'out'"):
        replay(PAIR, placements, WHOLE)
    # One byte ahead: element 0 of the output lands on element 1 of the input.
    placements = {"in": Placement("ram", 0), "out": Placement("ram", 1)}
    with pytest.raises(ReplayError, match=r"byte 1 of 'in' at ram\+1, .* byte 0 of 'out'"):
        replay(PAIR, placements, BY_ELEMENT)


def test_a_byte_never_written_may_not_be_read() -> None:
    trace = pair_trace(Write("out", 0, 7), Read("in", 0, 8))
    with pytest.raises(ReplayError) as caught:
        replay(PAIR, APART, trace)
    assert str(caught.value) == (
        "after the last step reads byte 7 of 'out' at ram+15, which was never written"
    )
    assert caught.value.owner == ""


def test_an_input_written_after_arriving_is_seen() -> None:
    trace = Trace((Write("in", 0, 8), Write("out", 0, 8)), (), (Read("in", 0, 8),))
    with pytest.raises(ReplayError, match="after the last step reads byte 0 of 'in'"):
        replay(PAIR, SAME_PLACE, trace)


def test_the_same_offset_in_another_region_is_another_place() -> None:
    problem = Problem(PAIR.buffers, (RAM, Region("tcm", 64)))
    replay(problem, {"in": Placement("ram", 0), "out": Placement("tcm", 0)}, WHOLE)


@pytest.mark.parametrize(
    ("buffer", "place", "message"),
    [
        (Buffer("in", 8, 0, 1), Placement("ram", -8), r"'in' lies in \[-8, 0\) of 'ram'"),
        (Buffer("in", 8, 0, 1), Placement("ram", 60), r"\[60, 68\) of 'ram', which has 64 bytes"),
        (
            Buffer("in", 8, 0, 1, 16),
            Placement("ram", 8),
            "'in' lies at 8, which is not a multiple of 16",
        ),
        (Buffer("in", 8, 0, 1), Placement("flash", 0), "'in' lies in 'flash', where it may not"),
        (Buffer("in", 8, 0, 1, 1, ("tcm",)), Placement("ram", 0), "'in' lies in 'ram', where"),
    ],
)
def test_a_place_no_tensor_may_have_is_refused(
    buffer: Buffer, place: Placement, message: str
) -> None:
    problem = Problem((buffer,), (Region("ram", 64), Region("tcm", 64)))
    with pytest.raises(ReplayError, match=message):
        replay(problem, {"in": place}, Trace((), (), ()))


def test_a_tensor_without_a_place_is_refused() -> None:
    with pytest.raises(ReplayError, match="'out' has no place"):
        replay(PAIR, {"in": Placement("ram", 0)}, WHOLE)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (Read("in", 4, 9), r"step 'op': bytes \[4, 9\) of 'in', which has 8"),
        (Write("out", -1, 4), r"step 'op': bytes \[-1, 4\) of 'out', which has 8"),
        (Write("out", 4, 4), r"step 'op': bytes \[4, 4\) of 'out'"),
        (Read("other", 0, 1), "step 'op': 'other' is not in the plan"),
    ],
)
def test_an_access_outside_a_tensor_is_refused(event: Event, message: str) -> None:
    with pytest.raises(ReplayError, match=message):
        replay(PAIR, APART, pair_trace(event))


def test_every_wrong_shift_of_one_buffer_is_caught_and_no_right_one() -> None:
    problem = problem_of((6, 0, 2), (4, 1, 3), (5, 2, 4), (3, 1, 4))
    plan = greedy.place(problem)
    trace = whole_trace(problem)
    caught = passed = 0
    for buffer, offset in product(problem.buffers, range(20)):
        placements = moved(plan.placements, buffer.name, offset)
        victims = {
            other.name
            for other in problem.buffers
            if other is not buffer
            and not may_lie(problem, buffer, other, offset, placements[other.name].offset)
        }
        if not victims:
            replay(problem, placements, trace)
            passed += 1
            continue
        with pytest.raises(ReplayError) as error:
            replay(problem, placements, trace)
        assert buffer.name in (error.value.tensor, error.value.owner)
        assert victims & {error.value.tensor, error.value.owner}
        assert f"'{error.value.tensor}'" in str(error.value)
        assert f"'{error.value.owner}'" in str(error.value)
        caught += 1
    assert caught > 20
    assert passed > 20


def test_a_shifted_tensor_of_a_network_is_caught() -> None:
    problem = network(40, seed=2)
    plan = greedy.place(problem)
    trace = whole_trace(problem)
    replay(problem, plan.placements, trace)
    first, second = problem.buffers[:2]
    placements = moved(plan.placements, second.name, plan.placements[first.name].offset)
    with pytest.raises(ReplayError) as caught:
        replay(problem, placements, trace)
    assert {caught.value.tensor, caught.value.owner} == {first.name, second.name}


def test_row_windows_are_exactly_as_wide_as_the_replay_allows() -> None:
    for rows, p, q in product((1, 2, 3, 4), (1, 2, 3), (1, 2, 3)):
        problem, trace = row_chain(rows, [p, q])
        first, second = problem.buffers
        base = 16
        for difference in range(-16, 17):
            placements = {"t0": Placement("ram", base), "t1": Placement("ram", base + difference)}
            allowed = may_lie(problem, first, second, base, base + difference)
            try:
                replay(problem, placements, trace)
            except ReplayError:
                assert not allowed, (rows, p, q, difference)
            else:
                assert allowed, (rows, p, q, difference)


def test_a_person_detector_sized_run_takes_milliseconds() -> None:
    layers, size, chunks = 60, 48_000, 64
    buffers = tuple(Buffer(f"t{i}", size, max(0, i - 1), i + 1) for i in range(layers + 1))
    places = {b.name: Placement("ram", (i // 2 % 2) * size) for i, b in enumerate(buffers)}
    steps = []
    for i in range(layers):
        source, target = f"t{i}", f"t{i + 1}"
        events: list[Event] = [Write(target, 0, size), Read(source, 0, size)]
        if places[source] == places[target]:
            bounds = [(c * size // chunks, (c + 1) * size // chunks) for c in range(chunks)]
            events = [e for b in bounds for e in (Read(source, *b), Write(target, *b))]
        steps.append(Step(f"layer {i}", tuple(events)))
    trace = Trace((Write("t0", 0, size),), tuple(steps), (Read(f"t{layers}", 0, size),))
    problem = Problem(buffers, (RAM,))
    seconds = []
    for _ in range(5):
        started = process_time()
        replay(problem, places, trace)
        seconds.append(process_time() - started)
    assert min(seconds) < 0.150  # 20 ms on an idle machine


def test_a_ring_as_tall_as_its_reader_s_window_is_enough_and_one_row_less_is_not() -> None:
    for rows, row_bytes, kernel in product((3, 5, 8), (1, 3), (1, 2, 3)):
        for ring in range(kernel, rows + 1):
            replay(*ring_run(rows, row_bytes, kernel, ring))
        if kernel > 1:
            with pytest.raises(ReplayError, match=r"of 'mid'.* now holds byte .* of 'mid'"):
                replay(*ring_run(rows, row_bytes, kernel, kernel - 1))


def test_a_ring_row_overwritten_by_a_newer_one_is_told_apart() -> None:
    with pytest.raises(ReplayError) as caught:
        replay(*ring_run(rows=5, row_bytes=4, kernel=3, ring=2))
    assert str(caught.value) == (
        "step 'second row 2' reads byte 0 of 'mid' at ram+20, which now holds byte 8 of 'mid'"
    )
    error = caught.value
    assert (error.tensor, error.owner, error.byte, error.address) == ("mid", "mid", 0, 20)


def test_values_that_take_turns_in_a_buffer_are_told_apart() -> None:
    first, second = Write("in", 0, 8, value="x"), Write("in", 0, 8, value="x + y")
    done = Trace((first,), (Step("add", (Read("in", 0, 8, value="x"), second)),), ())
    replay(PAIR, APART, done)
    again = Step("again", (Read("in", 3, 8, value="x"),))
    with pytest.raises(ReplayError, match=r"byte 3 of 'x' at ram\+3, .* byte 3 of 'x \+ y'"):
        replay(PAIR, APART, Trace(done.arrive, (*done.steps, again), ()))


def test_the_same_bytes_at_another_place_of_the_buffer_are_not_the_value() -> None:
    written = (Write("in", 0, 4, at=4),)
    replay(PAIR, APART, Trace(written, (), (Read("in", 1, 4, at=5),)))
    with pytest.raises(ReplayError, match=r"byte 1 of 'in' at ram\+4, .* byte 0 of 'in'"):
        replay(PAIR, APART, Trace(written, (), (Read("in", 1, 4, at=4),)))
    with pytest.raises(ReplayError, match="was never written"):
        replay(PAIR, APART, Trace(written, (), (Read("in", 1, 4),)))


def test_an_access_past_the_end_of_a_ring_is_refused() -> None:
    trace = pair_trace(Write("out", 20, 24, at=6, value="rows"))
    with pytest.raises(ReplayError) as caught:
        replay(PAIR, APART, trace)
    assert str(caught.value) == (
        "step 'op': bytes [20, 24) of 'rows' at bytes [6, 10) of 'out', which has 8"
    )


def test_a_pipeline_of_four_hundred_tasks_is_replayed_in_milliseconds() -> None:
    # The ring is 27 KB, read whole for each row that comes out.
    problem, places, trace = ring_run(rows=200, row_bytes=9_000, kernel=3, ring=3)
    problem = Problem(problem.buffers, (Region("ram", 1 << 22),))
    assert len(trace.steps) == 398
    seconds = []
    for _ in range(5):
        started = process_time()
        replay(problem, places, trace)
        seconds.append(process_time() - started)
    assert min(seconds) < 0.100  # 10 ms on an idle machine
