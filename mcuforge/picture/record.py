# SPDX-License-Identifier: Apache-2.0
"""What a picture of a plan shows, without a word on how: every number of it is in these records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["input", "output", "tensor", "ring", "scratch"]


@dataclass(frozen=True)
class Column:
    """One layer, a step of the time axis. `shape`, `dtype` and `buffer` are those of its output."""

    label: str
    op: str
    stage: int  # index into PlanPicture.stages
    shape: tuple[int, ...]
    dtype: str
    buffer: str  # name of the DrawnBuffer its output lies in


@dataclass(frozen=True)
class StageSpan:
    """Columns [begin, end) that run together; a pipeline has a name, a layer run whole has none."""

    name: str
    begin: int
    end: int


@dataclass(frozen=True)
class RegionBand:
    """One memory of the board: what it has and how much of it the plan needs, in bytes."""

    name: str
    bytes: int
    peak: int


@dataclass(frozen=True)
class DrawnBuffer:
    """Bytes [offset, offset + bytes) of a region, taken during columns [begin, end)."""

    name: str
    bytes: int
    begin: int
    end: int
    region: str
    offset: int
    kind: Kind
    rows: tuple[int, int] | None = None  # of a ring: rows held at once, rows of the tensor
    shape: tuple[int, ...] = ()  # empty for scratch
    dtype: str = ""
    overlaps: tuple[str, ...] = ()  # names of those it shares bytes with while both are alive


@dataclass(frozen=True)
class Deciding:
    """The moment that decides the arena: columns [begin, end) of `region`, `bytes` of it in use."""

    region: str
    begin: int
    end: int
    bytes: int
    buffers: tuple[str, ...]  # alive then, largest first


@dataclass(frozen=True)
class PlanPicture:
    """A plan to be drawn. `optimal` only when it is proved that no plan is smaller."""

    model: str
    board: str
    columns: tuple[Column, ...]
    stages: tuple[StageSpan, ...]
    regions: tuple[RegionBand, ...]
    buffers: tuple[DrawnBuffer, ...]
    deciding: Deciding | None  # None when there is nothing to place
    arena: int
    lower_bound: int
    optimal: bool
    solver: str
    budget: int  # bytes all regions have for it


def share_bytes(first: DrawnBuffer, second: DrawnBuffer) -> bool:
    """True when the two lie over each other at some moment: same time, same region, same bytes."""
    return (
        first.region == second.region
        and first.begin < second.end
        and second.begin < first.end
        and first.offset < second.offset + second.bytes
        and second.offset < first.offset + first.bytes
    )


def live_bytes(picture: PlanPicture) -> tuple[int, ...]:
    """Bytes in use during each column, over all regions; those that are shared count once."""
    return tuple(
        sum(
            _covered(
                sorted(
                    (b.offset, b.offset + b.bytes)
                    for b in picture.buffers
                    if b.region == region.name and b.begin <= column < b.end
                )
            )
            for region in picture.regions
        )
        for column in range(len(picture.columns))
    )


def _covered(ranges: list[tuple[int, int]]) -> int:
    """Length of the union of half-open ranges, given in rising order."""
    total = reached = 0
    for begin, end in ranges:
        total += max(end, reached) - max(begin, reached)
        reached = max(end, reached)
    return total
