# SPDX-License-Identifier: Apache-2.0
"""Which moment decides how much memory a plan needs: what to look at when it is too much."""

from __future__ import annotations

from mcuforge.memplan.problem import Buffer, Plan, Problem


def deciding_region(problem: Problem, plan: Plan) -> str:
    """The region that is short of most bytes or, when the plan fits, the one filled furthest."""
    missing = plan.overflow(problem)
    if missing:
        return max(missing, key=lambda name: missing[name])
    return max(problem.regions, key=lambda region: plan.peaks[region.name] / region.bytes).name


def peak_moment(problem: Problem, plan: Plan) -> tuple[int, tuple[str, ...]]:
    """The step that decides the peak of the deciding region, and the buffers then alive in it.

    Among the steps at which memory is used up to the peak it is the one with the most bytes in use,
    the earliest of these; the buffers come largest first. (0, ()) for a problem without buffers.
    """
    region = deciding_region(problem, plan)
    inside = [b for b in problem.buffers if plan.placements[b.name].region == region]
    peak = plan.peaks[region]
    best: tuple[int, int] | None = None  # bytes in use, -step
    live: list[Buffer] = []
    for step in sorted({b.begin for b in inside}):
        now = [b for b in inside if b.begin <= step < b.end]
        if all(plan.placements[b.name].offset + b.bytes < peak for b in now):
            continue
        key = (_bytes_in_use(now, plan), -step)
        if best is None or key > best:
            best, live = key, now
    if best is None:
        return 0, ()
    return -best[1], tuple(b.name for b in sorted(live, key=lambda b: (-b.bytes, b.name)))


def _bytes_in_use(live: list[Buffer], plan: Plan) -> int:
    """Distinct bytes the live buffers cover; those that share count once."""
    total = covered = 0
    for begin, end in sorted(
        (plan.placements[b.name].offset, plan.placements[b.name].offset + b.bytes) for b in live
    ):
        total += max(0, end - max(begin, covered))
        covered = max(covered, end)
    return total
