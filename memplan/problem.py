# SPDX-License-Identifier: Apache-2.0
"""Defines the planner's problems and plans: buffers with lifetimes, places in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


class ProblemError(ValueError):
    """A planning problem, or its text form, contradicts itself; the message names the part."""


@dataclass(frozen=True)
class Region:
    """A memory of `bytes`; regions of greater `speed` are filled first, ties in the order given.

    `dma`: peripherals reach it. Solvers ignore that: whoever states a problem restricts buffers
    that peripherals access by `Buffer.regions`.
    """

    name: str
    bytes: int
    speed: int = 0
    dma: bool = True


@dataclass(frozen=True)
class Buffer:
    """Bytes that must not move during the steps [begin, end)."""

    name: str
    bytes: int
    begin: int
    end: int
    alignment: int = 1  # the offset in its region is a multiple of this
    regions: tuple[str, ...] = ()  # the regions it may lie in; empty: any

    def allows(self, region: str) -> bool:
        """Tell whether it may lie in the region."""
        return not self.regions or region in self.regions


@dataclass(frozen=True)
class Overlap:
    """A pair that may share bytes when low <= offset(second) - offset(first) <= high.

    Offsets are in bytes, both ends are included, and both buffers lie in one region. Outside that
    span the two are kept apart like any other pair that is alive together.
    """

    first: str
    second: str
    low: int
    high: int


@dataclass(frozen=True)
class Placement:
    """The place of a buffer: `offset` bytes into `region`."""

    region: str
    offset: int


@dataclass(frozen=True)
class Problem:
    """Buffers to place in regions; raises ProblemError when it contradicts itself.

    A plan is better when it has fewer bytes past the ends of its regions and, among equals, a lower
    peak in the slowest region, then in the next faster one and so on; with one region, simply a
    lower peak. A problem may have more buffers than fit: see `Plan.overflow`.
    """

    buffers: tuple[Buffer, ...]
    regions: tuple[Region, ...]
    overlaps: tuple[Overlap, ...] = ()

    def __post_init__(self) -> None:
        if not self.regions:
            raise ProblemError("a problem needs at least one region")
        _refuse_duplicates("region", (region.name for region in self.regions))
        _refuse_duplicates("buffer", (buffer.name for buffer in self.buffers))
        for region in self.regions:
            if region.bytes <= 0:
                raise ProblemError(
                    f"region '{region.name}' has {region.bytes} bytes, expected more than 0"
                )
        known = {region.name for region in self.regions}
        for buffer in self.buffers:
            _check_buffer(buffer, known)
        _check_overlaps(self.overlaps, {buffer.name for buffer in self.buffers})

    @property
    def fastest_first(self) -> tuple[Region, ...]:
        """The regions, fastest first: the order in which they are filled."""
        return tuple(sorted(self.regions, key=lambda region: -region.speed))

    def cost(self, peaks: Mapping[str, int]) -> tuple[int, ...]:
        """Return the bytes of overflow, then each region's peak, slowest first; less is better."""
        overflow = sum(max(0, peaks[region.name] - region.bytes) for region in self.regions)
        return (overflow, *(peaks[region.name] for region in reversed(self.fastest_first)))

    def peaks(self, placements: Mapping[str, Placement]) -> dict[str, int]:
        """Count the bytes that each region needs for these places."""
        peaks = {region.name: 0 for region in self.regions}
        for buffer in self.buffers:
            place = placements[buffer.name]
            peaks[place.region] = max(peaks[place.region], place.offset + buffer.bytes)
        return peaks


@dataclass(frozen=True)
class Plan:
    """A place for every buffer, by name, and the bytes each region needs for it.

    Every plan's `peak` is at least `lower_bound` bytes. `optimal` is set only when it is proved
    that no plan is better, as `Problem` defines better.
    """

    placements: Mapping[str, Placement]
    peaks: Mapping[str, int]  # every region, 0 for one that is not used
    solver: str  # "greedy" or "exact": whose placements these are
    optimal: bool
    lower_bound: int
    seconds: float  # spent finding it
    stopped: bool = False  # at the limit of its effort: more effort might find a better plan

    @property
    def peak(self) -> int:
        """Bytes needed in all regions together."""
        return sum(self.peaks.values())

    def overflow(self, problem: Problem) -> dict[str, int]:
        """Count the missing bytes of each region that is too small; empty when the plan fits."""
        missing = {
            region.name: self.peaks[region.name] - region.bytes for region in problem.regions
        }
        return {name: count for name, count in missing.items() if count > 0}


def _refuse_duplicates(kind: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if not name:
            raise ProblemError(f"a {kind} has no name")
        if count > 1:
            raise ProblemError(f"{count} {kind}s are called '{name}'")


def _check_buffer(buffer: Buffer, known: set[str]) -> None:
    name = buffer.name
    if buffer.bytes <= 0:
        raise ProblemError(f"buffer '{name}' has {buffer.bytes} bytes, expected more than 0")
    if not 0 <= buffer.begin < buffer.end:
        raise ProblemError(
            f"buffer '{name}' lives in steps [{buffer.begin}, {buffer.end}), "
            "expected 0 <= begin < end"
        )
    if buffer.alignment <= 0:
        raise ProblemError(
            f"buffer '{name}' has alignment {buffer.alignment}, expected more than 0"
        )
    if len(set(buffer.regions)) < len(buffer.regions):
        raise ProblemError(f"buffer '{name}' names a region twice")
    for region in buffer.regions:
        if region not in known:
            raise ProblemError(
                f"buffer '{name}' may lie in region '{region}', which the problem does not have"
            )


def _check_overlaps(overlaps: tuple[Overlap, ...], known: set[str]) -> None:
    pairs: set[frozenset[str]] = set()
    for overlap in overlaps:
        pair = f"overlap of '{overlap.first}' and '{overlap.second}'"
        for name in (overlap.first, overlap.second):
            if name not in known:
                raise ProblemError(f"{pair}: there is no buffer '{name}'")
        if overlap.first == overlap.second:
            raise ProblemError(f"{pair}: a buffer cannot overlap itself")
        if overlap.low > overlap.high:
            raise ProblemError(f"{pair}: low {overlap.low} is above high {overlap.high}")
        key = frozenset((overlap.first, overlap.second))
        if key in pairs:
            raise ProblemError(f"{pair}: the overlap is stated twice")
        pairs.add(key)
