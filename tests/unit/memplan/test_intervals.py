# SPDX-License-Identifier: Apache-2.0
"""The length of a union of intervals, against counting every point."""

from __future__ import annotations

from itertools import product

from mcuforge.memplan.intervals import union_length


def test_no_interval_covers_nothing() -> None:
    assert union_length([]) == 0
    assert union_length([(3, 3)]) == 0


def test_every_point_counts_once_in_any_order() -> None:
    ends = [(b, e) for b, e in product(range(5), repeat=2) if b <= e]
    for first, second, third in product(ends, repeat=3):
        points = {*range(*first), *range(*second), *range(*third)}
        assert union_length((first, second, third)) == len(points)
