# SPDX-License-Identifier: Apache-2.0
"""Finds which networks nothing beats in both accuracy and one cost."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The points (cost, accuracy) that no other point dominates, by rising cost.

    A point dominates another if it costs no more and is no less accurate, and differs from it.
    """
    kept: list[tuple[float, float]] = []
    for cost, accuracy in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not kept or accuracy > kept[-1][1]:
            kept.append((cost, accuracy))
    return tuple(kept)
