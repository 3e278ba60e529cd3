# SPDX-License-Identifier: Apache-2.0
"""Shortens a long sequence to pieces that are run through several times."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

LONGEST_PERIOD = 256  # entries; longer periods are not searched
PIECE_BYTES = 4  # struct mcuforge_piece
MOST = 65535  # what its fields hold
NEVER = 1 << 60  # bytes

Entry = TypeVar("Entry", bound=Hashable)


@dataclass(frozen=True)
class Piece:
    """The next `length` entries, run through `times` times."""

    length: int
    times: int


@dataclass(frozen=True)
class Repeats(Generic[Entry]):
    """A sequence: `entries` are cut into `pieces`, which run one after the other."""

    entries: tuple[Entry, ...]
    pieces: tuple[Piece, ...]
    bytes: int  # of both


def repeats(sequence: Sequence[Entry], entry_bytes: int) -> Repeats[Entry]:
    """Find the shortest form of `sequence`, whose entries take `entry_bytes` each.

    Pieces are not nested and repeat only what `_stretches` finds. The shortest form is found by a
    dynamic program over all places where a piece may end: linear in the sequence, but for the
    search for periods.
    """
    count = len(sequence)
    # least bytes of the first i entries, the last in a piece run through once, or several times
    once, several = [NEVER] * (count + 1), [0] + [NEVER] * count
    came = [(0, 0)] * (count + 1)  # of the piece behind `several`: where it begins, its length
    ending: list[list[_Stretch]] = [[] for _ in range(count + 1)]
    for stretch in _stretches(_numbered(sequence), entry_bytes):
        for i in range(stretch.begin + stretch.period, stretch.end + 1):
            ending[i].append(stretch)
    for i in range(1, count + 1):
        once[i] = min(once[i - 1], several[i - 1] + PIECE_BYTES) + entry_bytes
        for stretch in ending[i]:
            begin = i - stretch.period  # of the last repetition: the first one or a further one
            total = min(once[begin], several[begin]) + PIECE_BYTES + stretch.period * entry_bytes
            phase = i % stretch.period
            if total < stretch.least[phase]:
                stretch.least[phase], stretch.since[phase] = total, begin
            if stretch.least[phase] < several[i]:
                several[i], came[i] = stretch.least[phase], (stretch.since[phase], stretch.period)
    parts: list[tuple[Sequence[Entry], int]] = []  # from the end: entries of a piece, its times
    end = count
    while end:
        if several[end] <= once[end]:
            begin, period = came[end]
            begin = max(begin, end - MOST * period)
            parts.append((sequence[begin : begin + period], (end - begin) // period))
        else:
            begin = end - 1
            while once[begin] < several[begin] + PIECE_BYTES and end - begin < MOST:
                begin -= 1
            parts.append((sequence[begin:end], 1))
        end = begin
    entries = tuple(entry for part, _ in parts[::-1] for entry in part)
    pieces = tuple(Piece(len(part), times) for part, times in parts[::-1])
    return Repeats(entries, pieces, len(entries) * entry_bytes + len(pieces) * PIECE_BYTES)


def _numbered(sequence: Sequence[Entry]) -> NDArray[np.int32]:
    """The sequence with a number for each entry that is unlike the others."""
    numbers: dict[Entry, int] = {}
    found = [numbers.setdefault(entry, len(numbers)) for entry in sequence]
    return np.array(found, np.int32)


@dataclass(eq=False)
class _Stretch:
    """Entries [begin, end) repeat with a period; the cheapest pieces of them, by their ends."""

    begin: int
    end: int
    period: int
    least: list[int] = field(init=False)  # for repetitions that end at i: entry i % period
    since: list[int] = field(init=False)  # where that piece begins

    def __post_init__(self) -> None:
        self.least = [NEVER] * self.period
        self.since = [0] * self.period


def _stretches(values: NDArray[np.int32], entry_bytes: int) -> list[_Stretch]:
    """Every stretch whose further repetitions have more bytes than a piece.

    Stretches are as long as possible, and periods are LONGEST_PERIOD or less. No period is a
    multiple of a shorter one that repeats too.
    """
    found: list[_Stretch] = []
    count = len(values)
    for period in range(1, min(LONGEST_PERIOD, count // 2) + 1):
        breaks = np.flatnonzero(values[period:] != values[:-period])
        edges = np.concatenate(([-1], breaks, [count - period]))
        further = (np.diff(edges) - 1) // period * period
        for i in np.flatnonzero(further * entry_bytes > PIECE_BYTES).tolist():
            begin, end = int(edges[i]) + 1, int(edges[i + 1]) + period
            if not any(s.begin <= begin and end <= s.end and period % s.period == 0 for s in found):
                found.append(_Stretch(begin, end, period))
        if found and found[-1].end - found[-1].begin == count:
            break
    return found
