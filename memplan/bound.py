# SPDX-License-Identifier: Apache-2.0
"""What no plan can go below: the bytes that must lie somewhere at one moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations
from math import gcd

from mcuforge.memplan.conflicts import find_windows
from mcuforge.memplan.problem import Problem

ENUMERATED = 10  # buffers of a sharing group whose every subset is tried


def lower_bound(problem: Problem, within: Collection[str] | None = None) -> int:
    """Bytes that every plan's peaks add up to at least, over the regions `within` (None: all).

    Only buffers that may lie nowhere but in `within` count. Never above the optimum:

    1. At any step, the buffers alive lie at fixed addresses. Per region the peak is at least the
       number of distinct bytes they cover, so the sum of peaks is at least the size of the union
       of all live buffers, bytes of different regions being different.
    2. Split the live buffers into groups linked by overlap relations. Buffers of two groups are
       disjoint, so the union's size is the sum of the groups' union sizes.
    3. For any subset S of a group, the group's union is at least the union of S, and by
       Bonferroni's inequality |union of S| >= sum of |b| over S - sum of |b and c| over pairs of S.
    4. A pair without relation shares no byte. A pair with a window shares at most what the best
       difference d inside it allows: max(0, min(|b|, d + |c|) - max(0, d)), which rises to a
       plateau between 0 and |b| - |c| and falls after it, so d is the window's point nearest to
       the plateau. Outside the window, or in different regions, the pair shares nothing.
       Hence each S gives a valid bound; the best S found is used (all are tried in small groups).
    5. Alignment: let g divide the alignment of every live buffer. Buffers start at multiples of g,
       so those that are disjoint stay disjoint with their sizes rounded up to g, and 1 to 4 hold
       for rounded sizes and rounded ends. The true peak of a region is its rounded peak less what
       rounding added to the buffer that ends last, at most the largest such slack per region.
    """
    buffers = problem.buffers
    chosen = [
        i
        for i, buffer in enumerate(buffers)
        if within is None or (buffer.regions and set(buffer.regions) <= set(within))
    ]
    regions = len(problem.regions) if within is None else len(within)
    windows = find_windows(problem)
    known: dict[tuple[int, tuple[int, ...]], int] = {}

    def covered(live: list[int], unit: int) -> int:
        """Least distinct bytes of the live buffers, sizes rounded up to `unit`."""
        sizes = {i: -(-buffers[i].bytes // unit) * unit for i in live}
        if not windows:
            return sum(sizes.values())
        total = 0
        for group in _groups(live, windows):
            if (unit, group) not in known:
                known[unit, group] = _union(group, sizes, windows)
            total += known[unit, group]
        return total

    best = 0
    for step in sorted({buffers[i].begin for i in chosen}):
        live = [i for i in chosen if buffers[i].begin <= step < buffers[i].end]
        best = max(best, covered(live, 1))
        unit = gcd(*(buffers[i].alignment for i in live))
        if unit > 1:
            slacks = sorted((-buffers[i].bytes % unit for i in live), reverse=True)
            best = max(best, covered(live, unit) - sum(slacks[:regions]))
    return best


def proves_optimal(problem: Problem, peaks: Mapping[str, int], bound: int) -> bool:
    """True when bounds alone show that no plan is better than one with these peaks.

    `bound` is `lower_bound(problem)`; better is as in `Problem`. One region: the peak equals the
    bound. Several: nothing overflows and, from the slowest region on, each peak is the least
    possible given the (least) peaks of the slower ones: at most what may lie nowhere else, or what
    is left of the whole bound when the slower regions hold their peaks and the faster are full.
    """
    if len(problem.regions) == 1:
        return sum(peaks.values()) == bound
    if any(peaks[region.name] > region.bytes for region in problem.regions):
        return False
    left = bound
    faster = sum(region.bytes for region in problem.regions)
    for region in reversed(problem.fastest_first):
        faster -= region.bytes
        peak = peaks[region.name]
        if peak > max(0, left - faster) and peak > lower_bound(problem, (region.name,)):
            return False
        left -= peak
    return True


def _groups(
    live: list[int], windows: dict[tuple[int, int], tuple[int, int]]
) -> list[tuple[int, ...]]:
    """The live buffers, split into those linked by relations."""
    parent = {i: i for i in live}

    def root(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    for first, second in windows:
        if first in parent and second in parent:
            parent[root(first)] = root(second)
    groups: dict[int, list[int]] = {}
    for i in live:
        groups.setdefault(root(i), []).append(i)
    return [tuple(group) for group in groups.values()]


def _union(
    group: tuple[int, ...],
    sizes: dict[int, int],
    windows: dict[tuple[int, int], tuple[int, int]],
) -> int:
    """The best bound found on the bytes a group covers together."""
    shares = {
        (i, j): _shared(sizes[i], sizes[j], windows[i, j])
        for i, j in combinations(sorted(group), 2)
        if (i, j) in windows
    }

    def value(subset: frozenset[int]) -> int:
        shared = sum(share for (i, j), share in shares.items() if i in subset and j in subset)
        return sum(sizes[i] for i in subset) - shared

    if len(group) <= ENUMERATED:
        subsets = (c for n in range(1, len(group) + 1) for c in combinations(group, n))
        return max(value(frozenset(subset)) for subset in subsets)
    # Any subset is a valid bound: climb from the largest buffer by adding or dropping one.
    best = frozenset((max(group, key=lambda i: sizes[i]),))
    while True:
        step = max((best ^ {i} for i in group), key=value)
        if value(step) <= value(best):
            return value(best)
        best = step


def _shared(first: int, second: int, window: tuple[int, int]) -> int:
    """The most bytes two buffers of these sizes share at a difference inside the window."""
    low, high = window
    plateau = (min(0, first - second), max(0, first - second))
    difference = min(max(low, plateau[0]), high)
    return max(0, min(first, difference + second) - max(0, difference))
