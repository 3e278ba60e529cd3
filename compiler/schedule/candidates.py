# SPDX-License-Identifier: Apache-2.0
"""Lists the stages that a schedule can be cut into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf
from operator import attrgetter

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.schedule.estimate import Choice, Estimates, Known
from mcuforge.compiler.schedule.kernels import Calls

ALWAYS_TRIED = 4  # layers: so short a pipeline may save the planner a hole that no estimate shows


class Candidates:
    """The stages worth having for one order of a graph's nodes.

    `most`: stages that hold more bytes are not worth having, since another order needs no more.
    `within`: those that hold no more are, though some cut needs less: it may be slow, or its plan
    may have holes.
    """

    def __init__(
        self,
        graph: Graph,
        nodes: Sequence[Node],
        calls: Calls,
        known: Known | None = None,
    ) -> None:
        self.graph = graph
        self.estimates = Estimates(graph, nodes, calls, known)
        self.nodes = self.estimates.nodes
        self.most: float = inf
        self.within: float = 0

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """All stages worth having.

        Pipelines are built from short to long. One is not made longer where its rings, and what is
        alive before it, need more than a plan already known. One is skipped where shorter stages
        already take its nodes within the bytes that every plan needs.
        """
        count = len(self.nodes)
        alive_before, reach = self.estimates.holding.alive_before, self.estimates.reach
        found = [c for at in self.singles for c in at]
        limit = max((min(c.bytes for c in at) for at in self.singles), default=0)
        enough = self._enough(found)
        rings: dict[tuple[int, int], int] = {}  # of the smallest pipeline over each range tried
        growing = [i for i in range(count) if self.estimates.rows[i] is not None]
        for length in range(2, count + 1):
            still: list[int] = []
            known = len(found)
            self.estimates.growing = growing
            settled = self._settled(found) if length > ALWAYS_TRIED else [0] * count
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
                    pipelines = list(self.estimates.pipelines(begin, end))
                    found += (choice for choice in pipelines if choice.least <= limit)
                    least = pipelines[0].rings if pipelines else 0
                rings[begin, end] = least
                if alive_before[begin] + least <= enough:
                    still.append(begin)
            growing = still[::-1]
            if not growing or self._beyond_most(found, growing):
                break
            if len(found) > known:
                enough = self._enough(found)
        return tuple(found)

    @cached_property
    def bound(self) -> int:
        """Bytes that every plan of this order needs, however it is cut into stages.

        Every plan of a cut needs at least what its fullest stage needs at least; this is the least
        such maximum over all cuts. Stages left out of `choices` cannot lower it: they hold more
        than the arena of a known cut, or shorter stages fit in their place. Where that arena is
        `most`, of another order, the bound may be anything above it.
        """
        return max(self._floor, self._least_peak(self.choices, attrgetter("least")))

    @cached_property
    def least_peak(self) -> int:
        """The least estimate of an arena that any cut has."""
        return self._least_peak(self.choices, attrgetter("bytes"))

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

    @cached_property
    def singles(self) -> list[list[Choice]]:
        """The stages of one node, by node."""
        return [self._single(i) for i in range(len(self.nodes))]

    def _single(self, i: int) -> list[Choice]:
        """Node i whole, and by rows where that holds less."""
        rows = list(self.estimates.pipelines(i, i + 1))
        if not self.nodes[i].inputs:
            return rows
        whole = self.estimates.whole(i)
        return [whole, *(c for c in rows if c.bytes < whole.bytes)]

    def _enough(self, found: Sequence[Choice]) -> float:
        """Bytes above which a stage is not worth having."""
        return max(self.within, min(self.most, self._least_peak(found, attrgetter("bytes"))))

    def _beyond_most(self, found: Sequence[Choice], growing: Sequence[int]) -> bool:
        """True where no stage, found or growing, runs some node within `most` bytes."""
        if self.most == inf:
            return False
        ranges = [(c.begin, c.end) for c in found if c.least <= self.most]
        ranges += ((begin, self.estimates.reach[begin]) for begin in growing)
        reached = 0  # all nodes before it are run by one of the ranges
        for begin, end in sorted(ranges):
            if begin > reached:
                return True
            reached = max(reached, end)
        return reached < len(self.nodes)

    @cached_property
    def _one_reader(self) -> list[bool]:
        """True for each node whose output one node reads at most."""
        readers = Counter(name for names in self.estimates.holding.reads for name in set(names))
        return [readers[node.output.name] < 2 for node in self.nodes]

    def _settled(self, choices: Sequence[Choice]) -> list[int]:
        """For each node a bit for every end that choices within the floor reach from it."""
        reached = [0] * (len(self.nodes) + 1)
        floor = self._floor
        small = [choice for choice in choices if choice.bytes <= floor]
        for choice in sorted(small, key=attrgetter("begin"), reverse=True):
            reached[choice.begin] |= 1 << choice.end | reached[choice.end]
        return reached

    def _least_peak(self, choices: Sequence[Choice], size: Callable[[Choice], int]) -> int:
        """The least arena of all cuts into these choices."""
        best = [0] + [1 << 62] * len(self.nodes)
        for choice in sorted(choices, key=attrgetter("begin")):
            peak = max(best[choice.begin], size(choice))
            if peak < best[choice.end]:
                best[choice.end] = peak
        return best[-1]
