# SPDX-License-Identifier: Apache-2.0
"""The records of a picture: everything it shows, and nothing about how it is drawn."""

from dataclasses import dataclass
from typing import Literal

from mcuforge.memplan.intervals import union_length

Kind = Literal["input", "output", "tensor", "ring", "scratch"]


@dataclass(frozen=True)
class Column:
    """One layer, a step of the time axis. `shape`, `dtype` and `buffer` are its output's."""

    label: str
    op: str
    stage: int  # index into PlanPicture.stages
    shape: tuple[int, ...]
    dtype: str
    buffer: str  # name of the DrawnBuffer its output lies in


@dataclass(frozen=True)
class StageSpan:
    """Columns [begin, end) that run together. Only pipelines have a name."""

    name: str
    begin: int
    end: int


@dataclass(frozen=True)
class RegionBand:
    """One memory of the board: its size, and what the plan needs of it, in bytes."""

    name: str
    bytes: int
    peak: int


@dataclass(frozen=True)
class DrawnBuffer:
    """A buffer: bytes [offset, offset + bytes) of a region, during columns [begin, end)."""

    name: str
    bytes: int
    begin: int
    end: int
    region: str
    offset: int
    kind: Kind
    rows: tuple[int, int] | None = None  # for a ring: rows held at once, rows of the tensor
    shape: tuple[int, ...] = ()  # empty for scratch
    dtype: str = ""
    overlaps: tuple[str, ...] = ()  # names of buffers that share bytes with it while both live


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
    """A plan to draw. `optimal` only when it is proved that no plan is smaller."""

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
    budget: int  # bytes of all regions together

    @property
    def pipelines(self) -> tuple[StageSpan, ...]:
        """The stages that are pipelines."""
        return tuple(stage for stage in self.stages if stage.name)

    @property
    def layers(self) -> int:
        """The number of layers; a model of only views has one column and no layer."""
        return len([column for column in self.columns if column.op])

    @property
    def in_order(self) -> tuple[int, ...]:
        """The indices of the buffers, in the order they come alive."""
        places = [(b.begin, b.offset, i) for i, b in enumerate(self.buffers)]
        return tuple(i for _, _, i in sorted(places))


def share_bytes(first: DrawnBuffer, second: DrawnBuffer) -> bool:
    """True when the two share bytes of a region at some moment."""
    return (
        first.region == second.region
        and first.begin < second.end
        and second.begin < first.end
        and first.offset < second.offset + second.bytes
        and second.offset < first.offset + first.bytes
    )


def live_bytes(picture: PlanPicture) -> tuple[int, ...]:
    """Bytes in use during each column, over all regions; shared bytes count once."""
    in_use = [0] * len(picture.columns)
    for region in picture.regions:
        alive: list[list[tuple[int, int]]] = [[] for _ in in_use]
        for b in picture.buffers:
            if b.region == region.name:
                for there in alive[b.begin : b.end]:
                    there.append((b.offset, b.offset + b.bytes))
        in_use = [count + union_length(at) for count, at in zip(in_use, alive, strict=True)]
    return tuple(in_use)
