# SPDX-License-Identifier: Apache-2.0
"""Finds the moment that decides how much memory a plan needs."""

from __future__ import annotations

from itertools import groupby

from mcuforge.memplan.intervals import union_length
from mcuforge.memplan.problem import Buffer, Plan, Problem


def deciding_region(problem: Problem, plan: Plan) -> str:
    """Find the region that lacks most bytes or, when the plan fits, the one filled furthest."""
    missing = plan.overflow(problem)
    if missing:
        return max(missing, key=lambda name: missing[name])
    return max(problem.regions, key=lambda region: plan.peaks[region.name] / region.bytes).name


def peak_moment(problem: Problem, plan: Plan) -> tuple[int, tuple[str, ...]]:
    """Find the step that decides the peak of the deciding region, and its live buffers.

    Among the steps that use memory up to the peak it is the one with the most bytes in use, and the
    earliest of several. The buffers come largest first. (0, ()) for a problem without buffers.
    """
    region = deciding_region(problem, plan)
    inside = [b for b in problem.buffers if plan.placements[b.name].region == region]
    inside.sort(key=lambda b: b.begin)
    peak = plan.peaks[region]
    best: tuple[int, int] | None = None  # bytes in use, -step
    live: list[Buffer] = []
    now: list[Buffer] = []
    for step, born in groupby(inside, key=lambda b: b.begin):
        now = [b for b in now if b.end > step]
        now += born
        if all(_place(b, plan)[1] < peak for b in now):
            continue
        key = (union_length(_place(b, plan) for b in now), -step)
        if best is None or key > best:
            best, live = key, now
    if best is None:
        return 0, ()
    return -best[1], tuple(b.name for b in sorted(live, key=lambda b: (-b.bytes, b.name)))


def _place(buffer: Buffer, plan: Plan) -> tuple[int, int]:
    """Return the bytes [begin, end) of its region that a buffer takes."""
    begin = plan.placements[buffer.name].offset
    return begin, begin + buffer.bytes
