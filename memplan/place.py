# SPDX-License-Identifier: Apache-2.0
"""Places buffers one by one in a given order: the inner loop of the greedy planner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mcuforge.memplan.bound import lower_bound
from mcuforge.memplan.conflicts import find_conflicts
from mcuforge.memplan.problem import Placement, Problem
from mcuforge.memplan.repeated import Shorter, shorter

APART = (1, 0)  # an empty span: the pair never shares


@dataclass(frozen=True)
class Solution:
    """The offset and region index (into `Placer.regions`) of every buffer, and their cost."""

    offsets: list[int]
    homes: list[int]
    peaks: list[int]  # by region index
    cost: tuple[int, ...]  # as Problem.cost


class Placer:
    """Prepares a problem for many solutions, as plain lists: one solution takes thousands of steps.

    `neighbours[i]` holds (j, low, high) for every buffer j that can be in the way of i; they may
    share when low <= offset(i) - offset(j) <= high. `apart[i]` holds the j that never share,
    `spans[i]` the others. `allowed[i]` holds the regions that i may lie in.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.regions = problem.fastest_first
        self.sizes = [buffer.bytes for buffer in problem.buffers]
        self.alignments = [buffer.alignment for buffer in problem.buffers]
        self.capacities = [region.bytes for region in self.regions]
        self.neighbours: list[list[tuple[int, int, int]]] = [[] for _ in problem.buffers]
        for conflict in find_conflicts(problem):
            first, second = conflict.first, conflict.second
            low, high = conflict.span or APART
            self.neighbours[second].append((first, low, high))
            low, high = (-high, -low) if conflict.span else APART
            self.neighbours[first].append((second, low, high))
        self.apart = [[j for j, low, high in near if low > high] for near in self.neighbours]
        self.spans = [[pair for pair in near if pair[1] <= pair[2]] for near in self.neighbours]
        self._forced: dict[str, int] = {}
        every = range(len(self.regions))
        self.allowed = [
            [r for r in every if buffer.allows(self.regions[r].name)] for buffer in problem.buffers
        ]

    @cached_property
    def bound(self) -> int:
        """The lower bound of the problem."""
        return lower_bound(self.problem)

    @cached_property
    def shorter(self) -> tuple[Shorter, Placer] | None:
        """The problem without its repeated blocks; None where it has none."""
        short = shorter(self.problem)
        return None if short is None else (short, Placer(short.problem))

    def forced(self, region: str) -> int:
        """The bytes that must lie in a region, worked out once."""
        if region not in self._forced:
            self._forced[region] = lower_bound(self.problem, (region,))
        return self._forced[region]

    def place(
        self, order: Sequence[int], *, tightest: bool = False, below: tuple[int, ...] | None = None
    ) -> Solution | None:
        """Place the buffers in `order`, each in the fastest region where it ends within capacity.

        It goes to the lowest free offset or, with `tightest`, to the free gap with the least room
        to spare. A buffer that fits no region goes where it exceeds the capacity least. Returns
        None as soon as the cost cannot be less than `below`.
        """
        offsets = [0] * len(self.sizes)
        homes = [-1] * len(self.sizes)  # -1: not placed yet
        peaks = [0] * len(self.regions)
        for i in order:
            least = -1
            for region in self.allowed[i]:
                offset = self._free_offset(i, region, offsets, homes, tightest)
                over = max(0, offset + self.sizes[i] - self.capacities[region])
                if least < 0 or over < least:
                    least, home, offsets[i] = over, region, offset
                if not over:
                    break
            homes[i] = home
            end = offsets[i] + self.sizes[i]
            if end > peaks[home]:
                peaks[home] = end
                if below is not None and self._cost(peaks) >= below:
                    return None
        return Solution(offsets, homes, peaks, self._cost(peaks))

    def solution(self, offsets: list[int], homes: list[int]) -> Solution:
        """Make a solution from these offsets and regions."""
        peaks = [0] * len(self.regions)
        for home, offset, size in zip(homes, offsets, self.sizes, strict=True):
            peaks[home] = max(peaks[home], offset + size)
        return Solution(offsets, homes, peaks, self._cost(peaks))

    def peaks(self, solution: Solution) -> dict[str, int]:
        """Return the solution's peaks by the regions' names."""
        return {region.name: solution.peaks[r] for r, region in enumerate(self.regions)}

    def placements(self, solution: Solution) -> dict[str, Placement]:
        """Return the solution by the buffers' and regions' names."""
        return {
            buffer.name: Placement(self.regions[home].name, offset)
            for buffer, home, offset in zip(
                self.problem.buffers, solution.homes, solution.offsets, strict=True
            )
        }

    def blocked(
        self, i: int, region: int, offsets: Sequence[int], homes: Sequence[int]
    ) -> list[tuple[int, int, int]]:
        """List half-open ranges of offsets at which i would collide, and with which buffer."""
        before = 1 - self.sizes[i]
        ranges = [
            (offsets[j] + before, offsets[j] + self.sizes[j], j)
            for j in self.apart[i]
            if homes[j] == region
        ]
        return ranges + self.blocked_by_spans(i, region, offsets, homes)

    def in_way(
        self, i: int, region: int, offset: int, offsets: Sequence[int], homes: Sequence[int]
    ) -> list[int]:
        """List the buffers with which i would collide at an offset."""
        sizes, end = self.sizes, offset + self.sizes[i]
        found = [
            j
            for j in self.apart[i]
            if offsets[j] < end and homes[j] == region and offset < offsets[j] + sizes[j]
        ]
        if self.spans[i]:
            ranges = self.blocked_by_spans(i, region, offsets, homes)
            found += [j for begin, end, j in ranges if begin <= offset < end]
        return found

    def blocked_by_spans(
        self, i: int, region: int, offsets: Sequence[int], homes: Sequence[int]
    ) -> list[tuple[int, int, int]]:
        """The ranges that are due to buffers that i may share with."""
        ranges: list[tuple[int, int, int]] = []
        for j, low, high in self.spans[i]:
            if homes[j] != region:
                continue
            other = offsets[j]
            begin, end = other - self.sizes[i] + 1, other + self.sizes[j]
            if begin < other + low:
                ranges.append((begin, min(end, other + low), j))
            if other + high + 1 < end:
                ranges.append((max(begin, other + high + 1), end, j))
        return ranges

    def _free_offset(
        self, i: int, region: int, offsets: list[int], homes: list[int], tightest: bool
    ) -> int:
        """Choose the offset for buffer i among those already placed in the region."""
        alignment = self.alignments[i]
        offset = 0
        found, spare = -1, 0
        for begin, end, _ in sorted(self.blocked(i, region, offsets, homes)):
            if offset < begin:
                if not tightest:
                    return offset
                if found < 0 or begin - offset < spare:
                    found, spare = offset, begin - offset
            if end > offset:
                offset = -(-end // alignment) * alignment
        return offset if found < 0 else found

    def _cost(self, peaks: list[int]) -> tuple[int, ...]:
        overflow = sum(max(0, p - c) for p, c in zip(peaks, self.capacities, strict=True))
        return (overflow, *reversed(peaks))
