# SPDX-License-Identifier: Apache-2.0
"""Maps values to pixels, and chooses ticks at round numbers in a unit that people read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

KB = 1024
MOST_TICKS = 6


@dataclass(frozen=True)
class Unit:
    """A unit of an axis: `size` of the values' own units are one of it."""

    name: str
    size: float


@dataclass(frozen=True)
class Scale:
    """A linear scale from values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """The pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high


def byte_unit(most: float) -> Unit:
    """Bytes, KB of 1,024 bytes or MB of 1,024 KB, by the largest value shown."""
    if most < 2 * KB:
        return Unit("bytes", 1)
    return Unit("KB", KB) if most < 4 * KB * KB else Unit("MB", KB * KB)


def count_unit(most: float) -> Unit:
    """Thousands, millions or thousands of millions, by the largest value shown."""
    for name, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if most >= 2 * size:
            return Unit(name, size)
    return Unit("", 1)


def ticks(low: float, high: float, unit: Unit) -> tuple[tuple[float, str], ...]:
    """Values from low to high at multiples of 1, 2 or 5 of the unit, each as it is written."""
    step = _step((high - low) / unit.size)
    first, last = ceil(low / unit.size / step - 1e-9), floor(high / unit.size / step + 1e-9)
    places = max(0, -floor(log10(step) + 1e-9))
    return tuple(
        (number * step * unit.size, f"{number * step:,.{places}f}")
        for number in range(first, last + 1)
    )


def _step(span: float) -> float:
    """The smallest round step that makes no more than MOST_TICKS ticks."""
    power = 10.0 ** floor(log10(span / MOST_TICKS))
    return next(power * f for f in (1, 2, 5, 10) if span / (power * f) <= MOST_TICKS)


def spread(values: Sequence[float], *, least: float) -> tuple[float, float]:
    """The range of values with a margin on both sides; `least`: how wide it is at least."""
    low, high = min(values), max(values)
    margin = max(0.06 * (high - low), (least - (high - low)) / 2)
    return low - margin, high + margin
