# SPDX-License-Identifier: Apache-2.0
"""Measures how much half-open intervals cover together."""

from __future__ import annotations

from collections.abc import Iterable


def union_length(intervals: Iterable[tuple[int, int]]) -> int:
    """Compute the length of the union of half-open intervals (begin, end), 0 <= begin <= end."""
    total = reached = 0
    for begin, end in sorted(intervals):
        total += max(end, reached) - max(begin, reached)
        reached = max(end, reached)
    return total
