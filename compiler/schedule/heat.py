# SPDX-License-Identifier: Apache-2.0
"""Places hot buffers, those that are touched most, in the fastest memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mcuforge.compiler.schedule.schedule import Schedule
from mcuforge.memplan.problem import Buffer, Plan, Problem


def touches(schedule: Schedule) -> dict[str, int]:
    """Count the bytes that one inference reads and writes of every buffer, by its name.

    A multiply-accumulate reads one element; other operators read each element once.
    """
    count: dict[str, int] = {}
    for layer in schedule.layers:
        node = layer.node
        macs = node.op.macs(node.inputs, node.output)
        for tensor in node.activations:
            name = schedule.buffer(tensor).name
            count[name] = count.get(name, 0) + max(macs, tensor.elements) * tensor.dtype.itemsize
        out = schedule.buffer(node.output).name
        count[out] = count.get(out, 0) + node.output.bytes
        if layer.scratch_bytes:
            count[layer.scratch_name] = count.get(layer.scratch_name, 0) + layer.scratch_bytes
    return count


def favour_hot(
    problem: Problem, schedule: Schedule, solve: Callable[[Problem], Plan]
) -> tuple[Problem, Plan]:
    """Hold the hottest buffers to the fastest region, as many as still fit; returns the plan too.

    The hottest buffer has the most bytes touched per byte of its own. With one region, or where the
    free plan does not fit, the problem stays as it is.
    """
    plan = solve(problem)
    if len(problem.regions) == 1 or plan.overflow(problem):
        return problem, plan
    count = touches(schedule)
    heat = sorted(problem.buffers, key=lambda b: -count.get(b.name, 0) / b.bytes)
    best = problem, plan
    low, high = 0, len(heat)
    while low < high:  # find the most buffers, hottest first, that the fastest region holds
        middle = (low + high + 1) // 2
        held = _held(problem, heat[:middle])
        plan = solve(held)
        if plan.overflow(held):
            high = middle - 1
        else:
            best, low = (held, plan), middle
    return best


def confined(problem: Problem) -> Iterator[Problem]:
    """Confine the problem to one region, for each that may hold every buffer, fastest first.

    Buffers in different memories share no bytes: one memory may need less than two together.
    """
    if len(problem.regions) == 1:
        return
    for region in problem.fastest_first:
        if all(b.allows(region.name) for b in problem.buffers):
            alone = tuple(replace(b, regions=(region.name,)) for b in problem.buffers)
            yield replace(problem, buffers=alone)


def _held(problem: Problem, hot: Sequence[Buffer]) -> Problem:
    fastest = problem.fastest_first[0].name
    names = {b.name for b in hot}
    buffers = (
        replace(b, regions=(fastest,)) if b.name in names and b.allows(fastest) else b
        for b in problem.buffers
    )
    return replace(problem, buffers=tuple(buffers))
