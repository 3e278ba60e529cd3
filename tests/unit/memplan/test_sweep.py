# SPDX-License-Identifier: Apache-2.0
"""A value written unit by unit over what it is computed from: checked at once, as if one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcuforge.memplan.problem import Buffer, Placement, Problem, Region
from mcuforge.memplan.replay import (
    Event,
    Read,
    ReplayError,
    Step,
    Sweep,
    SweepReads,
    Trace,
    Write,
    replay,
)

SIZE = 24
PROBLEM = Problem(
    tuple(Buffer(name, SIZE, 0, 3) for name in ("x", "y", "out")),
    (Region("ram", 4 * SIZE), Region("ccm", 4 * SIZE)),
)


def outcome(at: dict[str, Placement], *accesses: Event | Sweep) -> str:
    """What the checker says of two inputs and a step between them and an output."""
    fed = (Write("x", 0, SIZE), Write("y", 0, SIZE))
    trace = Trace(fed, (Step("op", accesses),), (Read("out", 0, SIZE),))
    try:
        replay(PROBLEM, at, trace)
    except ReplayError as error:
        return str(error)
    return "right"


def sweep_of(*reads: SweepReads, unit: int = 1) -> Sweep:
    return Sweep("out", "out", unit, SIZE // unit, reads)


def rows(buffer: str, begin: object, end: object, *, before: bool) -> SweepReads:
    return SweepReads(buffer, buffer, np.array(begin, np.int64), np.array(end, np.int64), before)


@st.composite
def sweeps(draw: st.DrawFn) -> Sweep:
    unit = draw(st.sampled_from([1, 2, 3, 8]))
    units = SIZE // unit
    reads = []
    for buffer in ("x", "y"):
        step, back, width = (
            draw(st.integers(0, 4)),
            draw(st.integers(0, 3)),
            draw(st.integers(0, 6)),
        )
        begin = np.clip(np.arange(units) * step - back, 0, SIZE)
        end = np.clip(begin + width, 0, SIZE)
        if draw(st.integers(0, 5)) == 0:  # in no order
            order = draw(st.permutations(range(units)))
            begin, end = begin[list(order)], end[list(order)]
        reads.append(rows(buffer, begin, end, before=draw(st.booleans())))
    return sweep_of(*reads, unit=unit)


@given(
    sweeps(),
    st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60)),
    st.sampled_from(["ram", "ccm"]),
)
def test_a_sweep_is_judged_as_its_events_in_turn(
    sweep: Sweep, offsets: tuple[int, int, int], region: str
) -> None:
    at = {
        "x": Placement("ram", offsets[0]),
        "y": Placement(region, offsets[1]),
        "out": Placement("ram", offsets[2]),
    }
    assert outcome(at, sweep) == outcome(at, *sweep.events())


@pytest.mark.parametrize(
    ("distance", "verdict"),
    [
        (0, "right"),
        (-5, "right"),
        (1, "step 'op' reads byte 1 of 'x' at ram+31, which now holds byte 0 of 'out'"),
        (SIZE, "right"),
    ],
)
def test_an_output_may_lie_on_its_input_and_below_it(distance: int, verdict: str) -> None:
    unit = np.arange(SIZE)
    sweep = sweep_of(rows("x", unit, unit + 1, before=True))
    at = {
        "x": Placement("ram", 30),
        "y": Placement("ccm", 0),
        "out": Placement("ram", 30 + distance),
    }
    assert outcome(at, sweep) == verdict


class NeverOneByOne(Sweep):
    """Fails where the checker takes its events one by one."""

    def events(self) -> Iterator[Event]:
        raise AssertionError("taken one by one")


def test_millions_of_right_accesses_are_judged_at_once() -> None:
    unit = np.arange(SIZE)
    reads = rows("x", np.maximum(unit - 3, 0), unit + 1, before=False)
    at = {"x": Placement("ram", 4), "y": Placement("ram", 40), "out": Placement("ram", 0)}
    assert outcome(at, NeverOneByOne("out", "out", 1, SIZE, (reads,))) == "right"
    at["out"] = Placement("ram", 2)
    with pytest.raises(AssertionError, match="one by one"):
        outcome(at, NeverOneByOne("out", "out", 1, SIZE, (reads,)))


def test_a_sweep_outside_its_buffers_is_refused_by_name() -> None:
    at = {name: Placement("ram", SIZE * i) for i, name in enumerate(("x", "y", "out"))}
    far = rows("x", [0] * SIZE, [SIZE + 1] * SIZE, before=True)
    assert outcome(at, sweep_of(far)) == (
        "step 'op': bytes [0, 25) of 'x' at bytes [0, 25) of 'x', which has 24"
    )
    wide = Sweep("out", "out", 2, SIZE, ())
    assert "bytes [24, 26) of 'out'" in outcome(at, wide)
    assert outcome(at, Sweep("lost", "lost", 1, 1, ())) == "step 'op': 'lost' is not in the plan"
