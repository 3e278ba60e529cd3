# SPDX-License-Identifier: Apache-2.0
"""Lists the stages that a schedule can be cut into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from math import inf

from mcuforge.compiler.schedule.estimate import Choice, Estimates

ALWAYS_TRIED = 4  # layers: so short a pipeline may save the planner a hole that no estimate shows


class Candidates:
    """The stages worth having for one order of a graph's nodes.

    `most`: stages that hold more bytes are not worth having, since another order needs no more.
    `within`: those that hold no more are, though some cut needs less: it may be slow, or its plan
    may have holes.
    """

    def __init__(self, estimates: Estimates) -> None:
        self.estimates = estimates
        self.graph, self.nodes = estimates.graph, estimates.nodes
        self.most: float = inf
        self.within: float = 0

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All stages worth having."""
        return self._listed[0]

    @cached_property
    def _listed(self) -> tuple[tuple[Choice, ...], _Ranges]:
        """All stages worth having, and the least bytes over each range of nodes.

        Pipelines are built from short to long. One is not made longer where its rings, and what is
        alive before it, need more than a plan already known. One is skipped where shorter stages
        already take its nodes within the bytes that every plan needs.
        """
        count = len(self.nodes)
        alive_before, reach = self.estimates.holding.alive_before, self.estimates.reach
        singles = self.estimates.singles
        found = [c for at in singles for c in at]
        ranges = _Ranges(count, self.most)
        ranges.add(found)
        limit = max((min(c.bytes for c in at) for at in singles), default=0)
        enough = self._enough(ranges)
        rings: dict[tuple[int, int], int] = {}  # of the smallest pipeline over each range tried
        growing = [i for i in range(count) if self.estimates.rows[i] is not None]
        for length in range(2, count + 1):
            still: list[int] = []
            known = len(found)
            self.estimates.growing = growing
            settled = ranges.settled(self._floor) if length > ALWAYS_TRIED else [0] * count
            for begin in reversed(growing):
                end = begin + length
                if end > reach[begin]:
                    continue
                # one layer more in front adds its ring; those behind it hold what they held
                least = rings.get((begin + 1, end), 0) if self._one_reader[begin] else 0
                if alive_before[begin] + least <= enough:
                    if settled[begin] >> end & 1:
                        still.append(begin)
                        continue
                    pipelines = self.estimates.found(begin, end)
                    useful = self.estimates.within(begin, end, pipelines, limit)
                    ranges.add(useful)
                    found += useful
                    least = pipelines[0].rings if pipelines else 0
                rings[begin, end] = least
                if alive_before[begin] + least <= enough:
                    still.append(begin)
            growing = still[::-1]
            if not growing or self._beyond_most(ranges, growing):
                break
            if len(found) > known:
                enough = self._enough(ranges)
        return tuple(found), ranges

    @cached_property
    def bound(self) -> int:
        """Bytes that every plan of this order needs, however it is cut into stages.

        Every plan of a cut needs at least what its fullest stage needs at least; this is the least
        such maximum over all cuts. Stages left out of `choices` cannot lower it: they hold more
        than the arena of a known cut, or shorter stages fit in their place. Where that arena is
        `most`, of another order, the bound may be anything above it.
        """
        return max(self._floor, _least_maximum(self._listed[1].least))

    @cached_property
    def least_peak(self) -> int:
        """The least estimate of an arena that any cut has."""
        return _least_maximum(self._listed[1].bytes)

    @cached_property
    def by_end(self) -> list[list[tuple[int, int, float, Choice]]]:
        """The choices by their end: at index i those whose last node is node i - 1.

        Each with its bytes, its begin and its instructions in front: a search looks at them often.
        """
        found: list[list[tuple[int, int, float, Choice]]] = [[] for _ in range(len(self.nodes) + 1)]
        for c in self.choices:
            found[c.end].append((c.bytes, c.begin, c.instructions, c))
        return found

    @property
    def _floor(self) -> int:
        return self.estimates.holding.input_bytes

    def _enough(self, ranges: _Ranges) -> float:
        """Bytes above which a stage is not worth having."""
        return max(self.within, min(self.most, _least_maximum(ranges.bytes)))

    def _beyond_most(self, ranges: _Ranges, growing: Sequence[int]) -> bool:
        """True where no stage, found or growing, runs some node within `most` bytes."""
        if self.most == inf:
            return False
        ends = list(ranges.furthest)
        for begin in growing:
            ends[begin] = max(ends[begin], self.estimates.reach[begin])
        reached = 0  # all nodes before it are run by one of the ranges
        for begin, end in enumerate(ends):
            if begin > reached:
                return True
            reached = max(reached, end)
        return reached < len(self.nodes)

    @cached_property
    def _one_reader(self) -> list[bool]:
        """True for each node whose output one node reads at most."""
        readers = Counter(name for names in self.estimates.holding.reads for name in set(names))
        return [readers[node.output.name] < 2 for node in self.nodes]


class _Ranges:
    """The least bytes of the stages over each range of nodes: by begin, then by end.

    `furthest`: for each begin the last end of a stage that needs no more than `most` bytes.
    """

    def __init__(self, nodes: int, most: float) -> None:
        self.most = most
        self.furthest = [0] * nodes
        self.bytes: list[dict[int, int]] = [{} for _ in range(nodes)]
        self.least: list[dict[int, int]] = [{} for _ in range(nodes)]

    def add(self, choices: Iterable[Choice]) -> None:
        """Take stages into account."""
        for c in choices:
            for known, size in ((self.bytes[c.begin], c.bytes), (self.least[c.begin], c.least)):
                known[c.end] = min(size, known.get(c.end, size))
            if c.least <= self.most and c.end > self.furthest[c.begin]:
                self.furthest[c.begin] = c.end

    def settled(self, floor: int) -> list[int]:
        """For each node a bit for every end that stages within `floor` bytes reach from it."""
        reached = [0] * (len(self.bytes) + 1)
        for begin in reversed(range(len(self.bytes))):
            for end, size in self.bytes[begin].items():
                if size <= floor:
                    reached[begin] |= 1 << end | reached[end]
        return reached


def _least_maximum(ranges: Sequence[Mapping[int, int]]) -> int:
    """The bytes of the fullest stage in the cut where that one has least."""
    best = [0] + [1 << 62] * len(ranges)
    for begin, ends in enumerate(ranges):
        before = best[begin]
        for end, size in ends.items():
            peak = max(before, size)
            if peak < best[end]:
                best[end] = peak
    return best[-1]
