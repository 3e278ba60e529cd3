# SPDX-License-Identifier: Apache-2.0
"""Finds the pairs of buffers that conflict, for the solvers and the bound."""

from __future__ import annotations

from dataclasses import dataclass

from mcuforge.memplan.problem import Problem


@dataclass(frozen=True)
class Conflict:
    """Buffers `first` < `second` (indices) that are alive together: apart, or in their span.

    `span` is (low, high): they may share bytes when low <= offset(second) - offset(first) <=
    high, both ends included. None: never.
    """

    first: int
    second: int
    span: tuple[int, int] | None


def find_conflicts(problem: Problem) -> tuple[Conflict, ...]:
    """Find every pair of buffers that are alive at one step, in rising order of indices."""
    spans = find_spans(problem)
    buffers = problem.buffers
    pairs: list[tuple[int, int]] = []
    alive: list[int] = []
    for i in sorted(range(len(buffers)), key=lambda i: buffers[i].begin):
        begin = buffers[i].begin
        alive = [j for j in alive if buffers[j].end > begin]
        pairs += [(i, j) if i < j else (j, i) for j in alive]
        alive.append(i)
    return tuple(Conflict(*pair, spans.get(pair)) for pair in sorted(pairs))


def find_spans(problem: Problem) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the overlap relations as (low, high) of offset(j) - offset(i), by indices i < j."""
    if not problem.overlaps:
        return {}
    index = {buffer.name: i for i, buffer in enumerate(problem.buffers)}
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    for overlap in problem.overlaps:
        first, second = index[overlap.first], index[overlap.second]
        if first < second:
            spans[first, second] = (overlap.low, overlap.high)
        else:
            spans[second, first] = (-overlap.high, -overlap.low)
    return spans
