# SPDX-License-Identifier: Apache-2.0
"""Measures what half-open intervals cover together."""

from __future__ import annotations

from collections.abc import Iterable


def union_length(intervals: Iterable[tuple[int, int]]) -> int:
    """The length of the union of half-open intervals (begin, end) with 0 <= begin <= end."""
    total = reached = 0
    for begin, end in sorted(intervals):
        total += max(end, reached) - max(begin, reached)
        reached = max(end, reached)
    return total
