# SPDX-License-Identifier: Apache-2.0
"""The scheduler: stages, rows a task and places together, for a goal and a budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from math import inf

from mcuforge.compiler.ir import Graph
from mcuforge.compiler.schedule.candidates import Candidates
from mcuforge.compiler.schedule.heat import confined, favour_hot
from mcuforge.compiler.schedule.memory import memory_problem
from mcuforge.compiler.schedule.order import orders
from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.compiler.schedule.search import (
    Goal,
    balanced_cost,
    cut_cost,
    cuts,
    make_schedule,
)
from mcuforge.memplan import greedy
from mcuforge.memplan.problem import Plan, Problem, Region
from mcuforge.memplan.solve import solve

TRIES = 8  # cuts planned in earnest: estimates know nothing of holes


@dataclass(frozen=True, eq=False)
class Chosen:
    """A schedule with its memory problem and plan."""

    schedule: Schedule
    problem: Problem
    plan: Plan


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
    bounds: list[int] = []
    best: tuple[tuple[float, ...], Schedule, Problem, bool] | None = None
    for nodes in orders(graph, arriving):
        candidates = Candidates(graph, nodes, isa)
        bounds.append(candidates.bound)
        allowed = balanced_cost(candidates) if goal == "balanced" else inf
        for cut in islice(cuts(candidates, goal, budget), TRIES):
            schedule = make_schedule(graph, cut, isa, arriving)
            whole = memory_problem(schedule, regions)
            cost = cut_cost(cut)
            slow = cost > allowed  # taken only where nothing faster fits
            for problem in (whole,) if goal == "speed" else (whole, *confined(whole)):
                plan = greedy.place(problem)
                missing = sum(plan.overflow(problem).values())
                rank: tuple[float, ...] = (missing, slow, plan.peak, cost)
                if goal == "speed":
                    rank = (missing, cost, plan.peak)
                if best is None or rank < best[0]:
                    best = (rank, schedule, problem, problem is whole)
            if goal == "speed" and not missing:
                break
    assert best is not None
    _, schedule, problem, free = best
    if free and len(regions) > 1:
        problem, _ = favour_hot(problem, schedule, greedy.place)
    plan = solve(problem, exact_seconds=exact_seconds)
    # the bound counts bytes that are distinct wherever they lie: in one region or in several
    least = plan.lower_bound if goal == "speed" else min(bounds)
    plan = replace(plan, lower_bound=least, optimal=plan.peak == least)
    return Chosen(schedule, problem, plan)
