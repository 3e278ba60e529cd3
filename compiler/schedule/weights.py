# SPDX-License-Identifier: Apache-2.0
"""Where constants lie when a board has several flashes: what is read most in the fastest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mcuforge.compiler.graph import Node
from mcuforge.memplan.problem import Buffer, Problem, Region
from mcuforge.memplan.solve import solve

WeightsIn = Literal["auto", "internal", "external"]

ALIGNMENT = 16  # what an array in flash takes is rounded up to it; C arrays are aligned to less


@dataclass(frozen=True)
class Constant:
    """A constant array; `reads_per_inference` is how often an inference reads all of it."""

    name: str
    bytes: int
    reads_per_inference: int


@dataclass(frozen=True)
class Flash:
    """The flashes of a board; the first of `internal` is the image's.

    Software sets up `external` ones before an inference may read them.
    """

    internal: tuple[Region, ...]
    external: tuple[Region, ...] = ()


def reads_per_inference(node: Node, elements: int, largest: int) -> int:
    """How often an inference reads all of a constant of so many elements that `node` uses.

    Weights, the `largest` constant of an operator that multiplies and accumulates, are read once a
    multiply-accumulate, and what stands beside them (bias, multipliers) as often as they: once for
    every output pixel or token. Other operators look up an element for each they write.
    """
    macs = node.op.macs(node.inputs, node.output)
    looked_up = macs // max(largest, 1) if macs else node.output.elements // max(elements, 1)
    return max(1, looked_up)


def choose_flash(
    constants: Sequence[Constant], flash: Flash, where: WeightsIn = "auto"
) -> dict[str, str]:
    """The region of each constant that does not lie in the image's flash, by name.

    auto: the external flash is used only when the internal one does not hold them all, by the
    constants read least. internal: never. external: by all of them, which leaves the internal one
    to code.
    """
    both = (*flash.internal, *flash.external)
    ways = {"auto": (flash.internal, both), "internal": (flash.internal,)}
    homes: Mapping[str, str] = {}
    for regions in ways.get(where, (flash.external,)):
        homes = place_weights(constants, regions)
        if _holds(constants, homes, regions):
            break
    return {name: home for name, home in homes.items() if home != flash.internal[0].name}


def _holds(
    constants: Sequence[Constant], homes: Mapping[str, str], regions: Sequence[Region]
) -> bool:
    """Whether every region holds what is placed in it."""
    left = {region.name: region.bytes for region in regions}
    for constant in constants:
        left[homes[constant.name]] -= _rounded(constant)
    return min(left.values()) >= 0


def _rounded(constant: Constant) -> int:
    return -(-constant.bytes // ALIGNMENT) * ALIGNMENT


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
        size = _rounded(constant)
        home = next((name for name, room in left.items() if size <= room), None)
        if home is None:
            return None
        left[home] -= size
        homes[constant.name] = home
    return {constant.name: homes[constant.name] for constant in constants}
