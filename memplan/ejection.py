# SPDX-License-Identifier: Apache-2.0
"""Squeezes a solution under a limit: put a buffer in, throw out those in its way, repeat."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from mcuforge.memplan.place import Placer, Solution

NOWHERE = -1  # the region of a buffer that waits for a place
# How often a buffer takes a random place, which ends a cycle of two buffers that want one place.
NOISE = 0.1
NOISY_BUFFERS = 3  # this many buffers take random places in turn, so a large problem has less noise


class Ejector:
    """A search for solutions within limits; it remembers which buffers are hard to place.

    Buffers that exceed a limit wait outside. A waiting buffer goes where the buffers in its way
    have the least weight in sum; those leave and wait in turn. Each time a buffer throws others
    out, its own weight grows by one: buffers that are hard to place come to stay, and easy ones
    make room. Candidate places are both ends of every stretch of addresses that is free (or equally
    cheap): next to a buffer, at an end of an overlap span, at the bottom and under the limit.
    """

    def __init__(self, placer: Placer, seed: int) -> None:
        self._placer = placer
        self._random = Random(seed)
        self._weights = [1] * len(placer.sizes)
        self._noise = min(NOISE, NOISY_BUFFERS / max(1, len(placer.sizes)))
        self._start: Solution | None = None
        self._offsets: list[int] = []
        self._homes: list[int] = []
        self.tries = 0  # buffers put in so far

    def forget(self) -> None:
        """Treat all buffers as equally hard to place again."""
        self._weights = [1] * len(self._placer.sizes)

    def squeeze(
        self, start: Solution, limits: Sequence[int], tries: int, *, onward: bool
    ) -> Solution | None:
        """Find a solution with every region's peak within its limit, from `start` on, else None.

        `onward`: when called with the same `start` again, go on where the last search stopped, even
        under another limit. Ends after so many tries.
        """
        self.tries += 1  # an impossible limit costs one try too
        placer, weights, chance = self._placer, self._weights, self._random.random
        sizes = placer.sizes
        if start is not self._start or not onward:
            self._start = start
            self._offsets, self._homes = list(start.offsets), list(start.homes)
        offsets, homes = self._offsets, self._homes
        waiting = [
            i
            for i, home in enumerate(homes)
            if home == NOWHERE or offsets[i] + sizes[i] > limits[home]
        ]
        for i in waiting:
            if all(sizes[i] > limits[r] for r in placer.allowed[i]):
                return None
            homes[i] = NOWHERE
        waiting.sort(key=lambda i: sizes[i])
        for _ in range(tries):
            if not waiting:
                return placer.solution(list(offsets), list(homes))
            self.tries += 1
            # The buffer that was taken out last, or any.
            k = int(chance() * len(waiting)) if chance() < 0.5 else len(waiting) - 1
            i = waiting[k]
            waiting[k] = waiting[-1]
            waiting.pop()
            home, offset, free = self._choose(i, limits, offsets, homes)
            if not free:
                weights[i] += 1
                for j in placer.in_way(i, home, offset, offsets, homes):
                    homes[j] = NOWHERE
                    waiting.append(j)
            homes[i], offsets[i] = home, offset
        return placer.solution(list(offsets), list(homes)) if not waiting else None

    def _choose(
        self, i: int, limits: Sequence[int], offsets: list[int], homes: list[int]
    ) -> tuple[int, int, bool]:
        """Choose a place for buffer i: region, offset, and whether it is free."""
        placer, weights, chance = self._placer, self._weights, self._random.random
        sizes = placer.sizes
        alignment = placer.alignments[i]
        anywhere = chance() < self._noise
        least = -1  # weight of the buffers in the way at the places found; -1: none found
        places: list[tuple[int, int]] = []
        before = 1 - sizes[i]
        for region in placer.allowed[i]:
            top = limits[region] - sizes[i]
            weight = 0
            changes: dict[int, int] = {}  # of the weight at an offset, from 1 to top + 1
            get = changes.get
            # the same as below without calls: the planner spends most of its time here
            for j in placer.apart[i]:
                if homes[j] == region:
                    other = offsets[j]
                    begin = other + before
                    if begin <= top:
                        heavy = weights[j]
                        if begin <= 0:
                            weight += heavy
                        else:
                            changes[begin] = get(begin, 0) + heavy
                        end = other + sizes[j]
                        if end <= top:
                            changes[end] = get(end, 0) - heavy
            if placer.spans[i]:
                for begin, end, j in placer.blocked_by_spans(i, region, offsets, homes):
                    if end > 0 and begin <= top:
                        if begin <= 0:
                            weight += weights[j]
                        else:
                            changes[begin] = get(begin, 0) + weights[j]
                        if end <= top:
                            changes[end] = get(end, 0) - weights[j]
            changes[top + 1] = 0
            begin = 0
            for end in sorted(changes):
                if least < 0 or weight <= least or anywhere:
                    low = -(-begin // alignment) * alignment
                    high = (end - 1) // alignment * alignment
                    if low <= high:
                        if weight < least and not anywhere:
                            places.clear()
                        least = weight
                        places += ((region, low), (region, high))
                begin = end
                weight += changes[end]
        # In half of the cases the lowest place in the fastest region, otherwise any.
        chosen = places[0 if chance() < 0.5 and not anywhere else int(chance() * len(places))]
        return *chosen, least == 0 and not anywhere
