# SPDX-License-Identifier: Apache-2.0
"""The scheduler: stages, rows a task and places together, for a goal and a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import inf

from mcuforge.compiler.attention.forms import attention_forms
from mcuforge.compiler.ir import Graph
from mcuforge.compiler.schedule.candidates import Candidates, Known
from mcuforge.compiler.schedule.heat import confined, favour_hot
from mcuforge.compiler.schedule.memory import memory_problem
from mcuforge.compiler.schedule.order import orders
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.schedule.search import (
    SLACK,
    Cut,
    Goal,
    cut_cost,
    cuts,
    fewest_instructions,
    make_schedule,
)
from mcuforge.memplan import greedy
from mcuforge.memplan.greedy import CROWD
from mcuforge.memplan.problem import Plan, Problem, Region
from mcuforge.memplan.solve import PATIENCE, solve

TRIES = 8  # cuts of an order planned in earnest: estimates know nothing of holes
LONG_TRIES = 4  # of them placed with patience, where a thousand moves leave holes
MANY = 1000  # buffers: moves are too slow for patience
HUGE, FEW_TRIES = 800, 2  # nodes with which placing takes seconds, and how often it is done then


Rank = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Chosen:
    """A schedule with its memory problem and plan."""

    schedule: Schedule
    problem: Problem
    plan: Plan


@dataclass(frozen=True, eq=False)
class _Attempt:
    """A cut that may be planned in earnest; `slow` where it is over what balanced allows."""

    graph: Graph
    cut: Cut
    cost: float
    slow: bool

    @property
    def estimate(self) -> int:
        """Bytes of the arena, as far as known before anything is placed."""
        return max((choice.bytes for choice in self.cut), default=0)

    @property
    def least(self) -> int:
        """Bytes below which it cannot be placed."""
        return max((choice.least for choice in self.cut), default=0)

    def rank(self, goal: Goal, missing: int, peak: int) -> Rank:
        """What it is judged by with so many bytes too few and in use, the least first."""
        if goal == "speed":
            return (missing, self.cost, peak)
        return (missing, self.slow, peak, self.cost)


def choose(
    graph: Graph,
    isa: str,
    regions: tuple[Region, ...],
    *,
    goal: Goal,
    streamed: bool = False,
    exact_seconds: float = 2.0,
) -> Chosen:
    """The best schedule for `goal` that fits the regions; when none does, what needs least RAM.

    Of several regions one alone is used where that takes fewer bytes in all, unless speed is the
    goal; where more than one is used, hot buffers go to the fastest.

    Unless speed is the goal, the plan's `lower_bound` is of every cut into stages of every order
    tried, however placed, and `optimal` says that none needs less in all regions together. With
    speed both speak of the chosen schedule alone.

    `streamed`: inputs are not resident, their rows are asked for. Raises CompileError for outputs
    that are constants.
    """
    arriving = graph.inputs if streamed else ()
    budget = sum(region.bytes for region in regions)
    known = Known()
    plain, *forms = attention_forms(graph)
    runs = [(plain, nodes) for nodes in orders(plain, arriving)]
    runs += [(form, orders(form, arriving)[0]) for form in forms]  # their order is what they are
    tried = [Candidates(form, nodes, isa, known) for form, nodes in runs]
    bounds = [candidates.bound for candidates in tried]
    attempts = _attempts(tried, goal, budget)
    if len(graph.nodes) > HUGE:
        attempts = attempts[:FEW_TRIES]
    best: tuple[Rank, Schedule, Problem, bool, Plan] | None = None
    patience = LONG_TRIES
    for attempt in attempts:
        # where placing takes long, estimates are close enough to leave the rest out
        least = attempt.estimate if len(attempt.graph.nodes) > CROWD else attempt.least
        if best is not None and best[0] <= attempt.rank(goal, 0, least):
            continue
        schedule = make_schedule(attempt.graph, attempt.cut, isa, arriving)
        whole = memory_problem(schedule, regions)
        for problem in (whole,) if goal == "speed" else (whole, *confined(whole)):
            plan = greedy.place(problem)
            if CROWD < len(problem.buffers) < MANY and plan.peak > attempt.estimate and patience:
                patience -= 1
                plan = greedy.place(problem, iterations=PATIENCE * len(problem.buffers))
            rank = attempt.rank(goal, sum(plan.overflow(problem).values()), plan.peak)
            if best is None or rank < best[0]:
                best = (rank, schedule, problem, problem is whole, plan)
    assert best is not None
    _, schedule, problem, free, known_plan = best
    if free and len(regions) > 1:
        problem, known_plan = favour_hot(problem, schedule, greedy.place)
    plan = solve(problem, exact_seconds=exact_seconds, start=known_plan)
    # the bound counts bytes that are distinct wherever they lie: in one region or in several
    least = plan.lower_bound if goal == "speed" else min(bounds)
    plan = replace(plan, lower_bound=least, optimal=plan.peak == least)
    return Chosen(schedule, problem, plan)


def _attempts(tried: Sequence[Candidates], goal: Goal, budget: int) -> list[_Attempt]:
    """The most promising cuts of every form and order, by what is known before placing them."""
    allowed = inf
    if goal == "balanced":
        allowed = SLACK * min(fewest_instructions(candidates) for candidates in tried)
    found = []
    for candidates in tried:
        for cut in islice(cuts(candidates, goal, budget, allowed), TRIES):
            cost = cut_cost(cut)
            # slow ones are taken only where nothing faster fits
            found.append(_Attempt(candidates.graph, cut, cost, slow=cost > allowed))
    return sorted(found, key=lambda attempt: attempt.rank(goal, 0, attempt.estimate))
