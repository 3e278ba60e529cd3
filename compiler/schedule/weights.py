# SPDX-License-Identifier: Apache-2.0
"""Places constants on boards with several flashes: those read most go to the fastest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mcuforge.compiler.graph import Node
from mcuforge.memplan.problem import Buffer, Problem, Region
from mcuforge.memplan.solve import DEFAULT_EFFORT, solve

WeightsIn = Literal["auto", "internal", "external"]

ALIGNMENT = 16  # the size of an array in flash is rounded up to it; C aligns arrays to less


@dataclass(frozen=True)
class Constant:
    """A constant array; an inference reads all of it `reads_per_inference` times."""

    name: str
    bytes: int
    reads_per_inference: int


# names the region of each constant that leaves the image's flash
PlaceWeights = Callable[[Sequence[Constant]], Mapping[str, str]]


@dataclass(frozen=True)
class Flash:
    """The flashes of a board; the first of `internal` is the one that holds the image.

    Software must set up `external` ones before an inference may read them.
    """

    internal: tuple[Region, ...]
    external: tuple[Region, ...] = ()


def flash_bytes(flash: Flash, where: WeightsIn) -> int:
    """Bytes of the flashes that constants may lie in."""
    regions = flash.external if where == "external" else flash.internal
    if where == "auto":
        regions += flash.external
    return sum(region.bytes for region in regions)


def reads_per_inference(node: Node, elements: int, largest: int) -> int:
    """How often an inference reads all of a constant of `node` with so many elements.

    Weights are the `largest` constant of an operator that multiplies and accumulates: each
    multiply-accumulate reads one element. Its other constants (bias, multipliers) are read as often
    as the weights: once per output pixel or token. Other operators look up one element for each
    element they write.
    """
    macs = node.op.macs(node.inputs, node.output)
    looked_up = macs // max(largest, 1) if macs else node.output.elements // max(elements, 1)
    return max(1, looked_up)


def choose_flash(
    constants: Sequence[Constant], flash: Flash, where: WeightsIn = "auto"
) -> dict[str, str]:
    """Choose the region of each constant that leaves the image's flash, by the constant's name.

    auto: external flash is used only when internal flash does not hold all constants, for those
    that are read least. internal: it is never used. external: all constants go there, which leaves
    internal flash to code.
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
    """True when every region holds what is placed in it."""
    left = {region.name: region.bytes for region in regions}
    for constant in constants:
        left[homes[constant.name]] -= _rounded(constant)
    return min(left.values()) >= 0


def _rounded(constant: Constant) -> int:
    return -(-constant.bytes // ALIGNMENT) * ALIGNMENT


def place_weights(
    constants: Sequence[Constant], regions: tuple[Region, ...], *, effort: float = DEFAULT_EFFORT
) -> Mapping[str, str]:
    """Choose the region of each constant, by its name; a single region takes all of them.

    The constants that are read most come first; each goes to the fastest region with room left.
    Where that leaves one without room, the planner places them as buffers that are all alive at
    once, which finds room if there is any. Constants that no plan can fit are placed past the end
    of a region: the linker says by how many bytes.
    """
    placed = _hottest_first(constants, regions)
    if placed is not None:
        return placed
    problem = Problem(
        buffers=tuple(Buffer(c.name, c.bytes, 0, 1, ALIGNMENT) for c in constants), regions=regions
    )
    plan = solve(problem, effort=effort)
    return {constant.name: plan.placements[constant.name].region for constant in constants}


def _hottest_first(
    constants: Sequence[Constant], regions: tuple[Region, ...]
) -> dict[str, str] | None:
    """Fill the regions from the fastest on; None when a constant finds no room in several."""
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
