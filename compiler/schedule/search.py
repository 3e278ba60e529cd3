# SPDX-License-Identifier: Apache-2.0
"""Decides where stages begin and end: RAM against instructions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from math import inf
from typing import Literal

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.candidates import Candidates
from mcuforge.compiler.schedule.estimate import Choice
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.schedule import (
    Execution,
    Layer,
    Schedule,
    Stage,
    Task,
    scratch_names,
    view_storage,
)
from mcuforge.compiler.tensors import Tensor

Goal = Literal["balanced", "ram", "speed"]
GOALS: tuple[Goal, ...] = ("balanced", "ram", "speed")
# balanced: the least RAM within 10 % of the fastest plan's instructions. Attention by heads
# normalizes each token once per head, which costs 8 to 10 % more instructions for a fifth of the
# RAM. Pipelines of convolutions cost 1 % more, 5 % where rows have few pixels, an odd number.
SLACK = 1.1

Cut = tuple[Choice, ...]


def cuts(candidates: Candidates, goal: Goal, budget: int, allowed: float = inf) -> Iterator[Cut]:
    """Yield cuts into stages, the most promising first, by estimated RAM and instructions.

    ram: the least RAM, ties to fewer instructions. balanced: the same among the cuts of at most
    `allowed` instructions. speed: the fewest instructions within `budget` bytes. When no cut within
    `budget` serves the goal, the cuts that need least RAM follow.
    """
    least = candidates.least_peak
    levels = sorted({c.bytes for c in candidates.choices if c.bytes >= least})
    seen: set[tuple[int, ...]] = set()
    order: list[int | None] = [*levels] if levels else [None]
    if goal == "speed":
        order = [None, *(level for level in levels[::-1] if level <= budget), *levels]
    for limit in order:
        for by_bytes in (False, True):  # few, small stages leave few holes
            cut = _cheapest(candidates, limit, by_bytes=by_bytes)
            if cut is None or (goal == "balanced" and cut_cost(cut) > allowed):
                continue
            if _key(cut) not in seen:
                seen.add(_key(cut))
                yield cut
            if goal == "speed":
                break
    if goal == "balanced":
        yield from (c for c in cuts(candidates, "ram", budget) if _key(c) not in seen)


def fewest_instructions(candidates: Candidates) -> float:
    """Instructions of the cut that runs each node by itself, whole where that is cheaper.

    Some pipelines need less, by 0.2 % at most in the models measured: those that leave out rows
    which nobody reads.
    """
    return sum(min(choice.instructions for choice in at) for at in candidates.estimates.singles)


def least_arena(candidates: Candidates, allowed: float = inf) -> float:
    """The least estimate of an arena that a cut of at most `allowed` instructions has.

    Infinity where no cut has so few.
    """

    def cheap(level: int) -> bool:
        cut = _cheapest(candidates, level)
        return cut is not None and cut_cost(cut) <= allowed

    if allowed == inf:
        return candidates.least_peak
    levels = sorted({c.bytes for c in candidates.choices if c.bytes >= candidates.least_peak})
    found = bisect_left(levels, True, key=cheap)
    return levels[found] if found < len(levels) else inf


def _key(cut: Cut) -> tuple[int, ...]:
    return tuple(id(choice) for choice in cut)


def cut_cost(cut: Cut) -> float:
    """Instructions of one inference, estimated."""
    return sum(choice.instructions for choice in cut)


def _cheapest(candidates: Candidates, limit: int | None, *, by_bytes: bool = False) -> Cut | None:
    """Find the cut of fewest instructions with every stage within `limit` bytes; None: no way.

    `by_bytes`: the cut whose stages have the fewest bytes in sum.
    """
    most = inf if limit is None else limit
    total = [0.0] + [inf] * len(candidates.nodes)
    last: list[Choice | None] = [None] * len(total)
    for end in range(1, len(total)):
        least = inf
        for size, begin, instructions, choice in candidates.by_end[end]:
            if size <= most:
                weight = total[begin] + (size if by_bytes else instructions)
                if weight < least:
                    least, last[end] = weight, choice
        total[end] = least
    cut: list[Choice] = []
    end = len(candidates.nodes)
    while end:
        choice_at = last[end]
        if choice_at is None:
            return None
        cut.append(choice_at)
        end = choice_at.begin
    return tuple(reversed(cut))


def make_schedule(
    graph: Graph, cut: Cut, calls: Calls, streamed: tuple[Tensor, ...] = ()
) -> Schedule:
    """Make the schedule that runs the stages of a cut."""
    values = view_storage(graph)
    scratch = scratch_names(graph)
    owner: dict[str, Tensor] = {}
    rings: dict[str, int] = {}
    stages = []
    for choice in cut:
        if choice.pipeline is not None:
            owner |= choice.pipeline.owner
            rings |= choice.pipeline.rings
        stages.append(_stage(choice, calls, scratch))
    storage = {name: owner.get(value.name, value) for name, value in values.items()}
    return Schedule(graph, tuple(stages), storage, values, rings, streamed)


def _stage(choice: Choice, calls: Calls, scratch: dict[str, str]) -> Stage:
    pipeline = choice.pipeline
    if pipeline is None:
        node = choice.node
        whole = calls.of(node, Execution.WHOLE, node.output.rows)
        layer = Layer(node, Execution.WHOLE, whole, scratch[node.output.name])
        return Stage((layer,), (Task(0, 0, node.output.rows),))
    layers = []
    alive = dict(pipeline.alive)
    for row_layer in pipeline.layers:
        node = row_layer.node
        name = scratch.get(node.output.name, f"{node.name}#scratch")
        by_rows = calls.of(node, row_layer.execution, row_layer.steps)
        if node.output.name in pipeline.sums:
            alive[name] = pipeline.sums[node.output.name]
        layers.append(Layer(node, row_layer.execution, by_rows, name))
    return Stage(tuple(layers), pipeline.tasks, alive)
