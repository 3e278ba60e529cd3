# SPDX-License-Identifier: Apache-2.0
"""Plans equal blocks once: a problem with many of them becomes one with two, whose plan repeats.

A transformer's memory problem is a row of blocks with one buffer alive between them. It is cut at
these places into segments. Where a period of segments repeats three times or more, the shorter
problem keeps the first and the last of them. One that begins and ends with the buffer between
blocks at the same place is a pattern for all those that were left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mcuforge.memplan.conflicts import find_conflicts
from mcuforge.memplan.problem import Overlap, Placement, Problem

KEPT = 2  # periods
LONGEST = 12  # segments of a period


@dataclass(frozen=True)
class Segment:
    """Steps [begin, end) between two cuts, and the buffers alive in them, by index."""

    begin: int
    end: int
    buffers: tuple[int, ...]


@dataclass(frozen=True)
class Repeat:
    """Segments [begin, begin + period * times) are a period that repeats."""

    begin: int
    period: int
    times: int

    @property
    def dropped(self) -> range:
        """The segments that the shorter problem leaves out."""
        return range(self.begin + self.period, self.end - self.period)

    @property
    def end(self) -> int:
        """The segment after the last one that repeats."""
        return self.begin + self.period * self.times


@dataclass(frozen=True, eq=False)
class Shorter:
    """A problem with fewer blocks. `twins` maps buffers it joined into one to that one's name."""

    problem: Problem
    longer: Problem
    segments: tuple[Segment, ...]
    repeats: tuple[Repeat, ...]
    twins: Mapping[str, str]

    def repeated(self, placements: Mapping[str, Placement]) -> dict[str, Placement] | None:
        """Repeat a plan of the shorter problem; None where its ends do not meet.

        The result is a plan of the longer problem: every pair of buffers is checked.
        """
        buffers = self.longer.buffers
        found = dict(placements)
        for name, twin in self.twins.items():
            found[name] = placements[twin]
        for repeat in self.repeats:
            pattern = self._pattern(repeat, found)
            if pattern is None:
                return None
            for number in repeat.dropped:
                like = pattern + (number - repeat.begin) % repeat.period
                pairs = zip(self.segments[number].buffers, self.segments[like].buffers, strict=True)
                for i, j in pairs:
                    found.setdefault(buffers[i].name, found[buffers[j].name])
        return found if _is_plan(self.longer, found) else None

    def _pattern(self, repeat: Repeat, found: Mapping[str, Placement]) -> int | None:
        """The segment where a kept period begins that leaves the buffer where it found it."""
        for begin, end in (
            (repeat.begin, repeat.dropped.start),
            (repeat.dropped.stop, repeat.end),
        ):
            places = [
                [found[self.longer.buffers[i].name] for i in _crossing(self.segments, cut)]
                for cut in (begin, end)
            ]
            if places[0] == places[1] != []:
                return begin
        return None


def shorter(problem: Problem) -> Shorter | None:
    """Leave out the repeated blocks of a problem; None where it has none."""
    segments = _segments(problem)
    repeats = _repeats([_signature(problem, segment) for segment in segments])
    if not repeats:
        return None
    buffers = problem.buffers
    dropped = {number for repeat in repeats for number in repeat.dropped}
    moved = [0]  # of every step: how many steps before it are left out
    for number, segment in enumerate(segments):
        for _ in range(segment.begin, segment.end):
            moved.append(moved[-1] + (number in dropped))
    kept = {i for n, segment in enumerate(segments) if n not in dropped for i in segment.buffers}
    twins: dict[int, int] = {}
    for repeat in repeats:
        left = _crossing(segments, repeat.dropped.start)
        right = _crossing(segments, repeat.dropped.stop)
        if len(left) != len(right):
            return None
        twins |= {j: twins.get(i, i) for i, j in zip(left, right, strict=True) if i != j}
    ends = {i: buffers[i].end for i in kept}
    for j, i in twins.items():
        if (buffers[i].bytes, buffers[i].alignment, buffers[i].regions) != (
            buffers[j].bytes,
            buffers[j].alignment,
            buffers[j].regions,
        ):
            return None
        ends[i] = max(ends[i], buffers[j].end)
    names = {buffers[i].name: buffers[twins.get(i, i)].name for i in kept}
    overlaps: dict[tuple[str, str], Overlap] = {}
    for overlap in problem.overlaps:
        if overlap.first in names and overlap.second in names:
            first, second = names[overlap.first], names[overlap.second]
            if first != second:
                overlaps.setdefault((first, second), replace(overlap, first=first, second=second))
    if any((second, first) in overlaps for first, second in overlaps):
        return None
    fewer = tuple(
        replace(b, begin=b.begin - moved[b.begin], end=ends[i] - moved[ends[i]])
        for i, b in enumerate(buffers)
        if i in kept and i not in twins
    )
    if len(fewer) == len(buffers):
        return None
    short = Problem(fewer, problem.regions, tuple(overlaps.values()))
    joined = {buffers[j].name: buffers[i].name for j, i in twins.items()}
    return Shorter(short, problem, tuple(segments), tuple(repeats), joined)


def _segments(problem: Problem) -> list[Segment]:
    """Cut the steps where a single buffer is alive before and after."""
    steps = max((b.end for b in problem.buffers), default=0)
    across = [0] * (steps + 2)  # buffers alive before and in a step, as differences
    for buffer in problem.buffers:
        across[buffer.begin + 1] += 1
        across[buffer.end] -= 1
    cuts, alive = [0], 0
    for step in range(1, steps):
        alive += across[step]
        if alive == 1:
            cuts.append(step)
    cuts.append(steps)
    found = []
    for begin, end in pairwise(cuts):
        inside = [i for i, b in enumerate(problem.buffers) if b.begin < end and b.end > begin]
        found.append(Segment(begin, end, tuple(inside)))
    return found


def _signature(problem: Problem, segment: Segment) -> object:
    """Everything of a segment that a plan depends on, but no names and no absolute steps."""
    place = {problem.buffers[i].name: k for k, i in enumerate(segment.buffers)}
    buffers = [
        (
            b.bytes,
            b.alignment,
            b.regions,
            max(b.begin - segment.begin, -1),
            min(b.end, segment.end + 1) - segment.begin,
        )
        for b in (problem.buffers[i] for i in segment.buffers)
    ]
    overlaps = [
        (place[o.first], place[o.second], o.low, o.high)
        for o in problem.overlaps
        if o.first in place and o.second in place
    ]
    return (tuple(buffers), tuple(sorted(overlaps)))


def _repeats(signatures: Sequence[object]) -> list[Repeat]:
    """Find periods that repeat more often than they are kept: at each place the widest one."""
    found: list[Repeat] = []
    begin = 0
    while begin < len(signatures):
        best = Repeat(begin, 1, 1)
        for period in range(1, min(LONGEST, (len(signatures) - begin) // (KEPT + 1)) + 1):
            end = begin + period
            while end < len(signatures) and signatures[end] == signatures[end - period]:
                end += 1
            times = (end - begin) // period
            if times > KEPT and times * period > best.times * best.period:
                best = Repeat(begin, period, times)
        if best.times > KEPT:
            found.append(best)
        begin += best.period * best.times
    return found


def _crossing(segments: Sequence[Segment], cut: int) -> list[int]:
    """The buffers alive before and after segment `cut` begins, by index."""
    if not 0 < cut < len(segments):
        return []
    before = set(segments[cut - 1].buffers)
    return [i for i in segments[cut].buffers if i in before]


def _is_plan(problem: Problem, placements: Mapping[str, Placement]) -> bool:
    """Tell whether no two buffers are in each other's way."""
    buffers = problem.buffers
    for conflict in find_conflicts(problem):
        one, other = buffers[conflict.first], buffers[conflict.second]
        first, second = placements[one.name], placements[other.name]
        if first.region != second.region:
            continue
        far = second.offset - first.offset
        apart = far >= one.bytes or -far >= other.bytes
        if not apart and (conflict.span is None or not conflict.span[0] <= far <= conflict.span[1]):
            return False
    return True
