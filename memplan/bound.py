# SPDX-License-Identifier: Apache-2.0
"""Computes a lower bound of all plans: the bytes that must lie somewhere at one moment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from math import gcd

from mcuforge.memplan.conflicts import find_spans
from mcuforge.memplan.paths import path_bound
from mcuforge.memplan.problem import Buffer, Problem

ENUMERATED = 6  # buffers of a sharing group that are counted in every order

Spans = dict[tuple[int, int], tuple[int, int]]


def lower_bound(problem: Problem, within: Collection[str] | None = None) -> int:
    """The least sum that the peaks of any plan can have, in the regions `within` (None: all).

    Only buffers that must lie in `within` count. The bound never exceeds the optimum:

    1. At any step, the buffers alive lie at fixed addresses. Per region the peak is at least the
       number of distinct bytes they cover, so the sum of peaks is at least the size of the union
       of all live buffers: bytes of different regions are different.
    2. Split the live buffers into groups linked by overlap relations. Buffers of two groups are
       disjoint, so the union's size is the sum of the groups' union sizes.
    3. Count a group's buffers in any order: each adds its bytes that no earlier one covers. An
       earlier c covers bytes of b only where its span lets it reach, at most as many as the best
       difference of the two allows (`_share`). Split all earlier ones in any way into two sets: the
       first covers at most the sum of these, the second at most the union of what it reaches
       (`_covered`). So every order gives a valid bound, and an exact one for pairs and stars (one
       input under several small outputs); small groups are counted in every order.
    4. Outside the span, or in different regions, a pair shares nothing.
    5. Alignment: let g divide the alignment of every live buffer. Buffers start at multiples of g,
       so disjoint ones stay disjoint when sizes are rounded up to g, and 1 to 4 hold for rounded
       sizes and ends. The true peak of a region is its rounded peak minus the bytes that rounding
       added to the buffer that ends last: at most the largest such slack per region.
    6. With one region, `path_bound` looks along chains of related buffers, across steps.
    """
    buffers = problem.buffers
    chosen = [
        i
        for i, buffer in enumerate(buffers)
        if within is None or (buffer.regions and set(buffer.regions) <= set(within))
    ]
    regions = len(problem.regions) if within is None else len(within)
    spans = find_spans(problem)
    linked: dict[int, list[int]] = {}
    for first, second in spans:
        linked.setdefault(first, []).append(second)
    known: dict[tuple[int, tuple[int, ...]], int] = {}

    def covered(live: list[int], unit: int) -> int:
        """Bound the distinct bytes of the live buffers, with sizes rounded up to `unit`."""
        sizes = {i: -(-buffers[i].bytes // unit) * unit for i in live}
        if not spans:
            return sum(sizes.values())
        total = 0
        for group in _groups(live, linked):
            if (unit, group) not in known:
                known[unit, group] = _union(group, sizes, spans)
            total += known[unit, group]
        return total

    best = 0
    for live in sorted(
        _crowds(buffers, chosen), key=lambda live: -sum(buffers[i].bytes for i in live)
    ):
        unit = gcd(*(buffers[i].alignment for i in live))
        if sum(-(-buffers[i].bytes // unit) * unit for i in live) <= best:
            continue  # even without sharing
        best = max(best, covered(live, 1))
        if unit > 1:
            slacks = sorted((-buffers[i].bytes % unit for i in live), reverse=True)
            best = max(best, covered(live, unit) - sum(slacks[:regions]))
    return path_bound(problem, best) if len(problem.regions) == 1 and within is None else best


def proves_optimal(
    problem: Problem,
    peaks: Mapping[str, int],
    bound: int,
    forced: Callable[[str], int] | None = None,
) -> bool:
    """Tell whether bounds alone prove that no plan is better than one with these peaks.

    `bound` is `lower_bound(problem)`, `forced` is it within the region named, where that is known
    already; `Problem` defines better. With one region the peak must equal
    the bound. With several nothing may overflow and, from the slowest region on, each peak must be
    the least possible given the least peaks of the slower ones. It is when it holds no more than
    the buffers that must lie there need, or no more than is left of the whole bound when the slower
    regions hold their peaks and the faster ones are full.
    """
    if len(problem.regions) == 1:
        return sum(peaks.values()) == bound
    if any(peaks[region.name] > region.bytes for region in problem.regions):
        return False
    forced = forced or (lambda name: lower_bound(problem, (name,)))
    left = bound
    faster = sum(region.bytes for region in problem.regions)
    for region in reversed(problem.fastest_first):
        faster -= region.bytes
        peak = peaks[region.name]
        if peak > max(0, left - faster) and peak > forced(region.name):
            return False
        left -= peak
    return True


def _crowds(buffers: Sequence[Buffer], chosen: Iterable[int]) -> Iterator[list[int]]:
    """Yield the buffers alive together, in rising order, at each step after which one dies."""
    alive: list[int] = []
    for i in sorted(chosen, key=lambda i: buffers[i].begin):
        first_end = min((buffers[j].end for j in alive), default=0)
        if alive and first_end <= buffers[i].begin:
            yield sorted(alive)
            alive = [j for j in alive if buffers[j].end > buffers[i].begin]
        alive.append(i)
    if alive:
        yield sorted(alive)


def _groups(live: list[int], linked: Mapping[int, Sequence[int]]) -> list[tuple[int, ...]]:
    """Split the live buffers into groups that are linked by relations, each listed at its first."""
    parent = {i: i for i in live}

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for first in live:
        for second in linked.get(first, ()):
            if second in parent:
                parent[root(first)] = root(second)
    groups: dict[int, list[int]] = {}
    for i in live:
        groups.setdefault(root(i), []).append(i)
    return [tuple(group) for group in groups.values()]


def _union(group: tuple[int, ...], sizes: dict[int, int], spans: Spans) -> int:
    """The best bound found for the bytes that a group covers together."""
    if len(group) == 1:
        return sizes[group[0]]
    reaches: dict[int, list[tuple[int, int, int, int]]] = {i: [] for i in group}
    for i, j in combinations(sorted(group), 2):
        if (i, j) in spans:
            low, high = spans[i, j]
            share = _share(sizes[i], sizes[j], (low, high))
            if share:
                begin, end = max(0, low), min(sizes[i], high + sizes[j])
                reaches[i].append((j, begin, end, share))
                begin, end = max(0, -high), min(sizes[j], sizes[i] - low)
                reaches[j].append((i, begin, end, share))

    def added(i: int, earlier: Collection[int]) -> int:
        return sizes[i] - _covered([reach for reach in reaches[i] if reach[0] in earlier])

    if len(group) > ENUMERATED:
        return max(
            sum(added(i, set(order[:k])) for k, i in enumerate(order))
            for order in (
                sorted(group, key=lambda i: -sizes[i]),
                sorted(group, key=lambda i: (len(reaches[i]), -sizes[i])),
                sorted(group, key=lambda i: (-len(reaches[i]), -sizes[i])),
            )
        )
    most = {frozenset[int](): 0}  # bytes a subset covers, in its best order
    for count in range(1, len(group) + 1):
        for subset in map(frozenset, combinations(group, count)):
            most[subset] = max(most[subset - {i}] + added(i, subset - {i}) for i in subset)
    return most[frozenset(group)]


def _share(first: int, second: int, span: tuple[int, int]) -> int:
    """The most bytes that two buffers of these sizes share at a difference d inside the span.

    At d they share max(0, min(first, d + second) - max(0, d)), which rises to a plateau between 0
    and first - second and falls after it: the span's point nearest to the plateau is best.
    """
    low, high = span
    difference = min(max(low, min(0, first - second)), high)
    return max(0, min(first, difference + second) - max(0, difference))


def _covered(reaches: list[tuple[int, int, int, int]]) -> int:
    """The most bytes of a buffer that others cover; a reach is (who, from, to, how many bytes).

    The reaches that end first (or begin last) count as the stretch they span, the others as a sum.
    The result is the least over all ways to split them so.
    """
    everything = least = sum(share for _, _, _, share in reaches)
    if len(reaches) < 2:
        return least
    by_end = sorted(reaches, key=lambda reach: reach[2])
    by_begin = sorted(reaches, key=lambda reach: -reach[1])
    for ordered in (by_end, by_begin):
        rest = everything
        begin, end = ordered[0][1:3]
        for _, low, high, share in ordered:
            begin, end = min(begin, low), max(end, high)
            rest -= share
            least = min(least, rest + end - begin)
    return least
