# SPDX-License-Identifier: Apache-2.0
"""Bounds the bytes that a chain of buffers needs, each at a distance from the one before."""

from __future__ import annotations

from itertools import pairwise

from mcuforge.memplan.conflicts import find_spans
from mcuforge.memplan.problem import Problem

Ranges = list[tuple[int, int]]  # of offsets, both ends included, rising


def path_bound(problem: Problem, known: int) -> int:
    """The bytes that every plan in one region needs; `known` if no path shows more.

    A path is a series of buffers in which each overlaps the next by a relation, as the tensors of
    a network do. Outputs that must start some bytes below their inputs move down in steps and, once
    at the bottom, need room above: more than any single step shows. Only the constraints between
    neighbours of a path count, without alignment: a plan needs at least what these need. Whether a
    peak is enough for them is computed exactly, from one end of the path to the other.
    """
    sizes = [buffer.bytes for buffer in problem.buffers]
    for path, spans in _paths(problem):
        # With this room for every pair, the path can alternate between bottom and top.
        enough = max(sizes[i] + sizes[j] for i, j in pairwise(path))
        if enough <= known or _fits(path, spans, sizes, known):
            continue
        short = known
        while enough - short > 1:
            middle = (short + enough) // 2
            if _fits(path, spans, sizes, middle):
                enough = middle
            else:
                short = middle
        known = enough
    return known


def _paths(problem: Problem) -> list[tuple[list[int], list[tuple[int, int]]]]:
    """Follow the relations, always to the largest buffer that begins later; returns spans too."""
    buffers = problem.buffers
    onward: dict[int, int] = {}
    between: dict[int, tuple[int, int]] = {}
    for (i, j), (low, high) in find_spans(problem).items():
        if buffers[i].begin > buffers[j].begin:
            i, j, low, high = j, i, -high, -low
        together = buffers[i].begin < buffers[j].begin < buffers[i].end
        if together and (i not in onward or buffers[onward[i]].bytes < buffers[j].bytes):
            onward[i] = j
            between[i] = (low, high)
    starts = onward.keys() - set(onward.values())
    paths = []
    for start in sorted(starts):
        path = [start]
        while path[-1] in onward:
            path.append(onward[path[-1]])
        paths.append((path, [between[i] for i in path[:-1]]))
    return paths


def _fits(path: list[int], spans: list[tuple[int, int]], sizes: list[int], peak: int) -> bool:
    """True when the buffers of a path fit below `peak`, each beside the last or in its span.

    `free` holds the offsets that a buffer can have when all before it lie as suits it best.
    """
    free: Ranges = [(0, peak - sizes[path[0]])]
    if free[0][1] < 0:
        return False
    for here, there, (low, high) in zip(path, path[1:], spans, strict=False):
        top = peak - sizes[there]
        reached = [
            (0, free[-1][1] - sizes[there]),
            *((begin + low, end + high) for begin, end in free),
            (free[0][0] + sizes[here], top),
        ]
        merged: Ranges = []
        for begin, end in sorted((max(0, begin), min(end, top)) for begin, end in reached):
            if begin > end:
                continue
            if merged and begin <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        if not merged:
            return False
        free = merged
    return True
