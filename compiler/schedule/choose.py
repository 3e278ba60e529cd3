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
from mcuforge.compiler.schedule.estimate import Estimates, Known, KnownRows
from mcuforge.compiler.schedule.heat import confined, favour_hot
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.memory import memory_problem
from mcuforge.compiler.schedule.order import file_order, orders
from mcuforge.compiler.schedule.planned import PlanOptions
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.schedule.search import (
    SLACK,
    Cut,
    Goal,
    cut_cost,
    cuts,
    fewest_instructions,
    least_arena,
    make_schedule,
)
from mcuforge.compiler.tensors import Tensor
from mcuforge.memplan.greedy import CROWD
from mcuforge.memplan.problem import Plan, Problem, Region
from mcuforge.memplan.remembered import Remembered
from mcuforge.memplan.solve import DEFAULT_EFFORT, MOVES_PER_BUFFER, solve

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
    attempt: _Attempt
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
    effort: float = DEFAULT_EFFORT,
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
    known = Known() if known is None else known
    placing = Remembered()
    best: _Placed | None = None
    budget = sum(region.bytes for region in regions)
    estimates = _estimates(graph, calls, arriving, known)
    for again in (False, True):
        every = tried = [Candidates(order) for order in estimates]
        fastest = min(map(fewest_instructions, every))
        allowed = SLACK * fastest if goal == "balanced" else inf
        if best is not None:
            for candidates in every:
                candidates.within = _useful(best, goal, len(regions), budget)
                if goal != "speed" and not any(best.rank[:2]) and _is_large(candidates.graph):
                    # `_best` places no cut whose estimate is above the arena of this plan
                    candidates.most = candidates.within
        elif goal != "speed":
            tried = _worthwhile(every, allowed)
        attempts = _attempts(tried, goal, budget, allowed)
        if len(graph.nodes) > HUGE:
            attempts = attempts[:FEW_TRIES]
        found = _best(attempts, calls, regions, goal, arriving, best, placing)
        if found is best:
            break
        best = _improved(found, goal, regions, effort, placing)
        # the bound counts distinct bytes: it holds in one region and in several
        bound = best.plan.lower_bound if goal == "speed" else min(c.bound for c in tried)
        if not again and _served(best, goal, len(regions), tried, fastest):
            break
    assert best is not None
    plan = replace(best.plan, lower_bound=bound, optimal=best.plan.peak == bound)
    return Chosen(best.schedule, best.problem, plan)


def stages_of(graph: Graph, calls: Calls, options: PlanOptions, known: Known) -> list[Candidates]:
    """The stages of every order of the graph and every form of its attention, file order first."""
    arriving = graph.inputs if options.streamed else ()
    return [Candidates(order) for order in _estimates(graph, calls, arriving, known)]


def least_bytes(graph: Graph, calls: Calls, options: PlanOptions, known: Known) -> int:
    """Bytes of RAM that every plan of the graph needs, whatever it costs in instructions."""
    return min(c.bound for c in _worthwhile(stages_of(graph, calls, options, known), inf))


def _estimates(
    graph: Graph, calls: Calls, arriving: tuple[Tensor, ...], known: Known
) -> list[Estimates]:
    """The estimates of every order of the graph, and of every form of its attention."""
    plain, *forms = attention_forms(graph)
    runs = [(plain, nodes) for nodes in orders(plain, arriving)]
    runs += [(form, file_order(form, arriving)) for form in forms]  # a form is an order too
    rows: KnownRows = {}  # forms share nodes
    return [Estimates(form, nodes, calls, known, rows) for form, nodes in runs]


def _worthwhile(tried: Sequence[Candidates], allowed: float) -> list[Candidates]:
    """Leave out the orders whose plans all need more than the best cut of another order.

    The order with the least bytes between its layers is looked at first; among equals the last,
    since forms of attention follow the graph as it is. Stages of the others that hold more than its
    best cut are not even built.
    """
    least = inf
    alive = [max(candidates.estimates.holding.alive_before) for candidates in tried]
    for i in sorted(range(len(tried)), key=lambda i: (alive[i], -i)):
        candidates = tried[i]
        candidates.most = least
        least = min(least, max(candidates.bound, least_arena(candidates, allowed)))
    return [candidates for candidates in tried if candidates.bound <= least]


def _served(
    best: _Placed, goal: Goal, regions: int, tried: Sequence[Candidates], fastest: float
) -> bool:
    """True where no stage or order that was left out can serve the goal better."""
    missing = best.rank[0] > 0
    if goal == "speed":
        return not missing and best.attempt.cost <= fastest
    if missing and regions > 1:
        return False  # another cut may need more bytes in all, but in the regions that have room
    if best.plan.peak > best.attempt.estimate:
        return False  # a hole, which another cut may not have
    return best.attempt.estimate <= min(candidates.least_peak for candidates in tried)


def _useful(best: _Placed, goal: Goal, regions: int, budget: int) -> float:
    """Bytes that a stage of a better plan than `best` may hold."""
    if best.rank[0] and regions > 1:
        return inf
    return budget if goal == "speed" else best.plan.peak


def _improved(
    placed: _Placed,
    goal: Goal,
    regions: tuple[Region, ...],
    effort: float,
    placing: Remembered,
) -> _Placed:
    """Improve the plan with the planner's whole effort."""
    problem, start = placed.problem, placed.plan
    if placed.free and len(regions) > 1:
        problem, start = favour_hot(problem, placed.schedule, placing.place)
    plan = solve(problem, effort=effort, start=start, place=placing.place)
    missing = sum(plan.overflow(problem).values())
    rank = placed.attempt.rank(goal, missing, plan.peak)
    return replace(placed, rank=rank, problem=problem, plan=plan)


def _is_large(graph: Graph) -> bool:
    """True where placing takes long."""
    return len(graph.nodes) > CROWD


def _best(
    attempts: Sequence[_Attempt],
    calls: Calls,
    regions: tuple[Region, ...],
    goal: Goal,
    arriving: tuple[Tensor, ...],
    best: _Placed | None,
    placing: Remembered,
) -> _Placed:
    """Place the attempts in their order; skip those that cannot beat the best so far, if any."""
    patience = LONG_TRIES
    for attempt in attempts:
        # where placing takes long, estimates are close enough to skip the rest
        least = attempt.estimate if _is_large(attempt.graph) else attempt.least
        if best is not None and best.rank <= attempt.rank(goal, 0, least):
            continue
        schedule = make_schedule(attempt.graph, attempt.cut, calls, arriving)
        whole = memory_problem(schedule, regions)
        bound: int | None = None  # the same wherever buffers may lie
        for problem in (whole,) if goal == "speed" else (whole, *confined(whole)):
            if best is not None and _is_settled(best, attempt, goal, problem):
                continue
            plan = placing.place(problem, bound=bound)
            bound = plan.lower_bound
            if CROWD < len(problem.buffers) < MANY and plan.peak > attempt.estimate and patience:
                patience -= 1
                moves = MOVES_PER_BUFFER * len(problem.buffers)
                plan = placing.place(problem, iterations=moves, bound=bound)
            rank = attempt.rank(goal, sum(plan.overflow(problem).values()), plan.peak)
            if best is None or rank < best.rank:
                best = _Placed(rank, attempt, schedule, problem, plan, free=problem is whole)
    assert best is not None  # every order has a cut
    return best


def _is_settled(best: _Placed, attempt: _Attempt, goal: Goal, problem: Problem) -> bool:
    """True where no plan of the problem is better than `best`: the bytes that all need tell."""
    if best.rank <= attempt.rank(goal, 0, attempt.least):
        return True
    used = (r for r in problem.regions if any(b.allows(r.name) for b in problem.buffers))
    room = sum(region.bytes for region in used)
    return best.rank[0] == 0 and attempt.least > room


def _attempts(
    tried: Sequence[Candidates], goal: Goal, budget: int, allowed: float
) -> list[_Attempt]:
    """The most promising cuts of every form and order, by their estimates."""
    found = []
    for candidates in tried:
        for cut in islice(cuts(candidates, goal, budget, allowed), TRIES):
            cost = cut_cost(cut)
            # slow cuts are taken only where no faster one fits
            found.append(_Attempt(candidates.graph, cut, cost, slow=cost > allowed))
    return sorted(found, key=lambda attempt: attempt.rank(goal, 0, attempt.estimate))
