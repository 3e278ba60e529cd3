# SPDX-License-Identifier: Apache-2.0
"""Finds dead bytes between steps: a firmware may overwrite them to prove a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mcuforge.memplan.problem import Placement, Problem
from mcuforge.memplan.replay import Event, Read, Trace, check_places, checked_place


class DeadRange(NamedTuple):
    """Bytes [begin, end) of a region that are written again before anything reads them."""

    region: str
    begin: int
    end: int


def dead_bytes(
    problem: Problem, placements: Mapping[str, Placement], trace: Trace
) -> tuple[tuple[DeadRange, ...], ...]:
    """The bytes that are dead after each step, up to the highest buffer of each region.

    Exact, in as few ranges as possible, in rising order. Holes between buffers are always dead.
    Bytes are dead when the trace does not read them: a value kept between steps (the sums of an
    accumulating operator) must be read by the steps that go on with it. Raises ReplayError for
    placements or accesses that `replay` refuses too.
    """
    check_places(problem, placements)
    sizes = {buffer.name: buffer.bytes for buffer in problem.buffers}
    used = sorted(problem.peaks(placements).items())
    wanted = {region: np.zeros(count, np.bool_) for region, count in used if count}

    def run_backwards(step: str, events: tuple[Event, ...]) -> None:
        for event in reversed(events):
            checked_place(step, event, sizes)
            place = placements[event.buffer]
            begin, end = event.place
            cells = wanted[place.region][place.offset + begin : place.offset + end]
            cells[:] = isinstance(event, Read)

    run_backwards("after the last step", trace.leave)
    found = []
    for step in reversed(trace.steps):
        found.append(tuple(r for region, cells in wanted.items() for r in _clear(region, cells)))
        run_backwards(f"step '{step.name}'", step.events)
    return tuple(reversed(found))


def _clear(region: str, wanted: NDArray[np.bool_]) -> list[DeadRange]:
    """The maximal ranges of bytes that no later step reads."""
    edges = np.flatnonzero(wanted[1:] != wanted[:-1]) + 1
    bounds = [0, *edges.tolist(), len(wanted)]
    first = int(wanted[0])  # wanted and unwanted ranges alternate: this is the first unwanted one
    return [DeadRange(region, *bounds[i : i + 2]) for i in range(first, len(bounds) - 1, 2)]
