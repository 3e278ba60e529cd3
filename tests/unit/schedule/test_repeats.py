# SPDX-License-Identifier: Apache-2.0
"""Long sequences written short: the same sequence, and as short as can be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcuforge.compiler.schedule.repeats import (
    LONGEST_PERIOD,
    MOST,
    PIECE_BYTES,
    Entry,
    Piece,
    Repeats,
    repeats,
)

IMAGE_OF_TOKENS = ([0] * 16 + [1] + list(range(2, 12)) * 14) * 14  # a row of them at a time


def expanded(short: Repeats[Entry]) -> tuple[Entry, ...]:
    """The sequence that `short` stands for."""
    found: list[Entry] = []
    begin = 0
    for piece in short.pieces:
        found += short.entries[begin : begin + piece.length] * piece.times
        begin += piece.length
    return tuple(found)


@pytest.mark.parametrize(
    ("sequence", "pieces"),
    [
        (list(range(10)) * 197, [(10, 197)]),
        ([1, 0, *[0, 1, 2, 3] * 50, 1, 1], [(2, 1), (4, 50), (2, 1)]),
        ([5] * 1000, [(1, 1000)]),
        ([0] * 40 + [1, 2] * 40, [(1, 40), (2, 40)]),
        (IMAGE_OF_TOKENS, [(157, 14)]),
        (list(range(100)), [(100, 1)]),
        ([0, 0, 0, 1, 1, 1], [(6, 1)]),
        ([3], [(1, 1)]),
        ([], []),
        ([0, 1] * MOST + [0, 1] * 3, [(2, 3), (2, MOST)]),
        (list(range(LONGEST_PERIOD)) * 2, [(LONGEST_PERIOD, 2)]),
        (list(range(LONGEST_PERIOD + 1)) * 2, [(2 * LONGEST_PERIOD + 2, 1)]),
        (list(range(MOST + 5)), [(5, 1), (MOST, 1)]),
    ],
)
def test_pieces_are_the_turns_one_would_write(
    sequence: Sequence[int], pieces: list[tuple[int, int]]
) -> None:
    found = repeats(sequence, 1)
    assert found.pieces == tuple(Piece(*piece) for piece in pieces)
    assert expanded(found) == tuple(sequence)
    assert found.bytes == len(found.entries) + len(pieces) * PIECE_BYTES


def test_entries_may_be_pairs_and_weigh_more() -> None:
    pairs = [(0, 1), (1, 2)] * 2
    assert repeats(pairs, 1).pieces == (Piece(4, 1),)
    assert repeats(pairs, 3).pieces == (Piece(2, 2),)
    assert repeats(pairs, 3).entries == ((0, 1), (1, 2))
    assert repeats(pairs, 3).bytes == 10


parts = st.lists(
    st.tuples(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(1, 12)), max_size=5
)


@given(parts, st.integers(1, 3))
def test_nothing_is_shorter_under_the_rules(
    turns: list[tuple[list[int], int]], entry_bytes: int
) -> None:
    sequence = tuple(value for part, times in turns for value in part * times)
    found = repeats(sequence, entry_bytes)
    assert expanded(found) == sequence
    assert found.bytes == least(sequence, entry_bytes)


def least(sequence: tuple[int, ...], entry_bytes: int) -> int:
    """The bytes of the shortest form, by trying every way to begin with a piece."""

    @cache
    def after(begin: int) -> int:
        if begin == len(sequence):
            return 0
        best = PIECE_BYTES + entry_bytes * (len(sequence) - begin)
        for end in range(begin + 1, len(sequence)):
            best = min(best, PIECE_BYTES + entry_bytes * (end - begin) + after(end))
        for period in range(1, (len(sequence) - begin) // 2 + 1):
            first, last = stretch(sequence, begin, period)
            left_out = (last - first) // period * period - period
            if left_out * entry_bytes > PIECE_BYTES:
                for end in range(begin + period, last + 1, period):
                    best = min(best, PIECE_BYTES + entry_bytes * period + after(end))
        return best

    return after(0)


def stretch(sequence: tuple[int, ...], at: int, period: int) -> tuple[int, int]:
    """How far the sequence has that period about the turn that begins at `at`, half-open."""
    first, last = at, at + period
    while first > 0 and sequence[first - 1] == sequence[first - 1 + period]:
        first -= 1
    while last < len(sequence) and sequence[last] == sequence[last - period]:
        last += 1
    return first, last
