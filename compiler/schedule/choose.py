# SPDX-License-Identifier: Apache-2.0
"""The scheduler: decides stages, rows per task and places together, for a goal and a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import inf

from mcuforge.compiler.attention.forms import attention_forms
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.candidates import Candidates
from mcuforge.compiler.schedule.estimate import Known
from mcuforge.compiler.schedule.heat import confined, favour_hot
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.memory import memory_problem
from mcuforge.compiler.schedule.order import orders
from mcuforge.compiler.schedule.planned import PlanOptions
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
from mcuforge.compiler.tensors import Tensor
from mcuforge.memplan import greedy
from mcuforge.memplan.greedy import CROWD
from mcuforge.memplan.problem import Plan, Problem, Region
from mcuforge.memplan.solve import MOVES_PER_BUFFER, solve

DEFAULT_EXACT_SECONDS = 2.0
TRIES = 8  # cuts per order that are really placed: estimates know nothing of holes
LONG_TRIES = 4  # of these, placed with patience where a thousand moves leave holes
MANY = 1000  # buffers from which moves are too slow for patience
HUGE, FEW_TRIES = 800, 2  # nodes from which placing takes seconds, and the tries then

Rank = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Chosen:
    """A schedule with its memory problem and plan."""

    schedule: Schedule
    problem: Problem
    plan: Plan


@dataclass(frozen=True, eq=False)
class _Attempt:
    """A cut that may be placed; `slow` where it costs more than the balanced goal allows."""

    graph: Graph
    cut: Cut
    cost: float
    slow: bool

    @property
    def estimate(self) -> int:
        """Bytes of the arena, estimated before anything is placed."""
        return max((choice.bytes for choice in self.cut), default=0)

    @property
    def least(self) -> int:
        """Bytes that every plan of it needs."""
        return max((choice.least for choice in self.cut), default=0)

    def rank(self, goal: Goal, missing: int, peak: int) -> Rank:
        """The rank of a plan with so many bytes missing and in use; the least rank wins."""
        if goal == "speed":
            return (missing, self.cost, peak)
        return (missing, self.slow, peak, self.cost)


@dataclass(frozen=True, eq=False)
class _Placed:
    """A cut that has been placed."""

    rank: Rank
    schedule: Schedule
    problem: Problem
    plan: Plan
    free: bool  # buffers may lie in any region


def choose(
    graph: Graph,
    calls: Calls,
    regions: tuple[Region, ...],
    options: PlanOptions,
    *,
    exact_seconds: float = DEFAULT_EXACT_SECONDS,
    known: Known | None = None,
) -> Chosen:
    """Find the best schedule for the goal that fits the regions, or the one that needs least RAM.

    Of several regions a single one is used where that takes fewer bytes in all, unless speed is the
    goal; where more than one is used, hot buffers go to the fastest.

    Unless speed is the goal, the plan's `lower_bound` holds for every cut into stages of every
    order tried, however it is placed, and `optimal` says that none of them needs less in all
    regions together. With speed both are about the chosen schedule alone.

    `known`: what was found out about similar graphs, extended here. Raises CompileError for
    outputs that are constants.
    """
    goal = options.goal
    arriving = graph.inputs if options.streamed else ()
    tried = _candidates(graph, calls, arriving, Known() if known is None else known)
    attempts = _attempts(tried, goal, sum(region.bytes for region in regions))
    if len(graph.nodes) > HUGE:
        attempts = attempts[:FEW_TRIES]
    best = _best(attempts, calls, regions, goal, arriving)
    problem, start = best.problem, best.plan
    if best.free and len(regions) > 1:
        problem, start = favour_hot(problem, best.schedule, greedy.place)
    plan = solve(problem, exact_seconds=exact_seconds, start=start)
    # the bound counts distinct bytes: it holds in one region and in several
    least = plan.lower_bound if goal == "speed" else min(c.bound for c in tried)
    plan = replace(plan, lower_bound=least, optimal=plan.peak == least)
    return Chosen(best.schedule, problem, plan)


def _candidates(
    graph: Graph, calls: Calls, arriving: tuple[Tensor, ...], known: Known
) -> list[Candidates]:
    """The stages of every order of the graph, and of every form of its attention."""
    plain, *forms = attention_forms(graph)
    runs = [(plain, nodes) for nodes in orders(plain, arriving)]
    runs += [(form, orders(form, arriving)[0]) for form in forms]  # a form is an order too
    return [Candidates(form, nodes, calls, known) for form, nodes in runs]


def _best(
    attempts: Sequence[_Attempt],
    calls: Calls,
    regions: tuple[Region, ...],
    goal: Goal,
    arriving: tuple[Tensor, ...],
) -> _Placed:
    """Place the attempts in their order; skip those that cannot beat the best so far."""
    best: _Placed | None = None
    patience = LONG_TRIES
    for attempt in attempts:
        # where placing takes long, estimates are close enough to skip the rest
        least = attempt.estimate if len(attempt.graph.nodes) > CROWD else attempt.least
        if best is not None and best.rank <= attempt.rank(goal, 0, least):
            continue
        schedule = make_schedule(attempt.graph, attempt.cut, calls, arriving)
        whole = memory_problem(schedule, regions)
        for problem in (whole,) if goal == "speed" else (whole, *confined(whole)):
            plan = greedy.place(problem)
            if CROWD < len(problem.buffers) < MANY and plan.peak > attempt.estimate and patience:
                patience -= 1
                plan = greedy.place(problem, iterations=MOVES_PER_BUFFER * len(problem.buffers))
            rank = attempt.rank(goal, sum(plan.overflow(problem).values()), plan.peak)
            if best is None or rank < best.rank:
                best = _Placed(rank, schedule, problem, plan, free=problem is whole)
    assert best is not None  # every order has a cut
    return best


def _attempts(tried: Sequence[Candidates], goal: Goal, budget: int) -> list[_Attempt]:
    """The most promising cuts of every form and order, by their estimates."""
    allowed = inf
    if goal == "balanced":
        allowed = SLACK * min(fewest_instructions(candidates) for candidates in tried)
    found = []
    for candidates in tried:
        for cut in islice(cuts(candidates, goal, budget, allowed), TRIES):
            cost = cut_cost(cut)
            # slow cuts are taken only where no faster one fits
            found.append(_Attempt(candidates.graph, cut, cost, slow=cost > allowed))
    return sorted(found, key=lambda attempt: attempt.rank(goal, 0, attempt.estimate))
