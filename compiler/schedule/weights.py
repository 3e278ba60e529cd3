# SPDX-License-Identifier: Apache-2.0
"""Where constants lie when a board has several flashes: what is read most in the fastest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcuforge.memplan.problem import Buffer, Problem, Region
from mcuforge.memplan.solve import solve

ALIGNMENT = 16  # what an array in flash takes is rounded up to it; C arrays are aligned to less


@dataclass(frozen=True)
class Constant:
    """A constant array; `reads_per_inference` is how often an inference reads all of it."""

    name: str
    bytes: int
    reads_per_inference: int


def place_weights(
    constants: Sequence[Constant], regions: tuple[Region, ...], *, exact_seconds: float = 1.0
) -> Mapping[str, str]:
    """The region of each constant, by name; a single region takes all.

    The constants read most often come first, each into the fastest region with room left. Where
    that order leaves one over, the planner places them as buffers that are all alive at once, which
    finds room if there is any. What no plan can fit is past the end of a region: the linker says by
    how many bytes.
    """
    placed = _hottest_first(constants, regions)
    if placed is not None:
        return placed
    problem = Problem(
        buffers=tuple(Buffer(c.name, c.bytes, 0, 1, ALIGNMENT) for c in constants),
        regions=regions,
    )
    plan = solve(problem, exact_seconds=exact_seconds)
    return {constant.name: plan.placements[constant.name].region for constant in constants}


def _hottest_first(
    constants: Sequence[Constant], regions: tuple[Region, ...]
) -> dict[str, str] | None:
    """Filling the regions from the fastest on; None when one of several has no room at the end."""
    if len(regions) == 1:
        return {constant.name: regions[0].name for constant in constants}
    fastest = sorted(regions, key=lambda region: -region.speed)
    left = {region.name: region.bytes for region in fastest}
    homes: dict[str, str] = {}
    for constant in sorted(constants, key=lambda c: (-c.reads_per_inference, -c.bytes, c.name)):
        size = -(-constant.bytes // ALIGNMENT) * ALIGNMENT
        home = next((name for name, room in left.items() if size <= room), None)
        if home is None:
            return None
        left[home] -= size
        homes[constant.name] = home
    return {constant.name: homes[constant.name] for constant in constants}
