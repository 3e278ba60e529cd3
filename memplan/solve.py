# SPDX-License-Identifier: Apache-2.0
"""The planner that the compiler calls: bound, greedy and, where these leave a gap, exact."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Protocol

from mcuforge.memplan import exact, greedy
from mcuforge.memplan.bound import lower_bound, proves_optimal
from mcuforge.memplan.conflicts import find_conflicts
from mcuforge.memplan.problem import Plan, Problem

MOVES_PER_BUFFER = (
    100  # times each buffer is put in again, where an exact search is worth its seconds
)
DEFAULT_EFFORT = 0.1
VISITS_PER_EFFORT = 5_000_000  # neighbours looked at when buffers are put in: a second on a laptop


class Place(Protocol):
    """The fast planner: see greedy.place."""

    def __call__(
        self, problem: Problem, *, iterations: int | None = None, bound: int | None = None
    ) -> Plan:
        """Find a good plan."""
        ...


def solve(
    problem: Problem,
    *,
    effort: float = DEFAULT_EFFORT,
    start: Plan | None = None,
    place: Place = greedy.place,
) -> Plan:
    """Find the best plan for the effort: `optimal` when that is proved, else with a lower bound.

    Takes milliseconds when the greedy plan meets the bound. Otherwise a longer greedy search and
    the exact search follow, each limited by `effort`; 0 leaves both out. Effort is counted, never
    timed: see exact.improve. The default takes 0.3 to 3 seconds on a laptop.
    `start`: a known plan; the result is never worse. `place`: the fast planner, maybe one that
    remembers plans.

    A problem larger than its regions still gets a plan, the one with the fewest bytes too many: see
    `plan.overflow(problem)`.
    """
    started = perf_counter()
    bound = lower_bound(problem)
    if start is not None and proves_optimal(problem, start.peaks, bound):
        return replace(start, optimal=True, lower_bound=bound)
    plan = _better(problem, start, place(problem, bound=bound))
    if not plan.optimal and effort > 0:
        count = len(problem.buffers)
        visits = 5 + 2 * len(find_conflicts(problem)) // count
        affordable = int(effort * VISITS_PER_EFFORT / visits)
        iterations = min(MOVES_PER_BUFFER * count, affordable)
        if iterations > greedy.ITERATIONS:
            longer = place(problem, bound=bound, iterations=iterations)
            plan = _better(problem, plan, longer)
        if not plan.optimal:
            plan = exact.improve(problem, plan, effort=effort)
    return replace(plan, stopped=not plan.optimal, seconds=perf_counter() - started)


def _better(problem: Problem, known: Plan | None, plan: Plan) -> Plan:
    """Return the plan that costs less; `plan` where both cost the same."""
    if known is None or problem.cost(plan.peaks) <= problem.cost(known.peaks):
        return plan
    return replace(known, optimal=False, lower_bound=plan.lower_bound)
