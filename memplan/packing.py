# SPDX-License-Identifier: Apache-2.0
"""Placing buffers one by one in a given order: the inner loop of the greedy planner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcuforge.memplan.conflicts import find_conflicts
from mcuforge.memplan.problem import Placement, Problem

APART = (1, 0)  # an empty window: the pair never shares


@dataclass(frozen=True)
class Packing:
    """Offsets and region indices (into `Packer.regions`) of every buffer, and what they cost."""

    offsets: list[int]
    homes: list[int]
    peaks: list[int]  # by region index
    cost: tuple[int, ...]  # as Problem.cost


class Packer:
    """A problem prepared for many packings: plain lists, because a packing runs thousands of steps.

    `neighbours[i]` holds (j, low, high) for every buffer j that can be in the way of i; they may
    share when low <= offset(i) - offset(j) <= high.
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
            low, high = conflict.window or APART
            self.neighbours[second].append((first, low, high))
            low, high = (-high, -low) if conflict.window else APART
            self.neighbours[first].append((second, low, high))
        every = range(len(self.regions))
        self._allowed = [
            [r for r in every if not buffer.regions or self.regions[r].name in buffer.regions]
            for buffer in problem.buffers
        ]

    def pack(self, order: Sequence[int], *, tightest: bool = False) -> Packing:
        """Place the buffers in `order`, each in the fastest region where it ends within capacity.

        At the lowest free offset or, with `tightest`, in the free gap with the least room to spare.
        Where it fits no region it goes where it sticks out least.
        """
        offsets = [0] * len(self.sizes)
        homes = [-1] * len(self.sizes)  # -1: not placed yet
        peaks = [0] * len(self.regions)
        for i in order:
            least = -1
            for region in self._allowed[i]:
                offset = self._free_offset(i, region, offsets, homes, tightest)
                over = max(0, offset + self.sizes[i] - self.capacities[region])
                if least < 0 or over < least:
                    least, home, offsets[i] = over, region, offset
                if not over:
                    break
            homes[i] = home
            peaks[home] = max(peaks[home], offsets[i] + self.sizes[i])
        overflow = sum(max(0, p - c) for p, c in zip(peaks, self.capacities, strict=True))
        return Packing(offsets, homes, peaks, (overflow, *reversed(peaks)))

    def placements(self, packing: Packing) -> dict[str, Placement]:
        """The packing by the buffers' and regions' names."""
        return {
            buffer.name: Placement(self.regions[home].name, offset)
            for buffer, home, offset in zip(
                self.problem.buffers, packing.homes, packing.offsets, strict=True
            )
        }

    def _free_offset(
        self, i: int, region: int, offsets: list[int], homes: list[int], tightest: bool
    ) -> int:
        """The offset for buffer i among those already placed in the region."""
        size = self.sizes[i]
        blocked: list[tuple[int, int]] = []  # half-open ranges of offsets that would collide
        for j, low, high in self.neighbours[i]:
            if homes[j] != region:
                continue
            other = offsets[j]
            begin, end = other - size + 1, other + self.sizes[j]
            if low > high:
                blocked.append((begin, end))
                continue
            if begin < other + low:
                blocked.append((begin, min(end, other + low)))
            if other + high + 1 < end:
                blocked.append((max(begin, other + high + 1), end))
        blocked.sort()
        alignment = self.alignments[i]
        offset = 0
        found, spare = -1, 0
        for begin, end in blocked:
            if offset < begin:
                if not tightest:
                    return offset
                if found < 0 or begin - offset < spare:
                    found, spare = offset, begin - offset
            if end > offset:
                offset = -(-end // alignment) * alignment
        return offset if found < 0 else found
