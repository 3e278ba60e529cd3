# SPDX-License-Identifier: Apache-2.0
"""A board's memories as the regions in which a plan places buffers and weights.

A plan with one region calls it "ram" (or "flash"). With several, each has the name of its memory,
or the name that `memory.group_name` gives a whole group. The linker script has a section for every
such name.
"""

from collections.abc import Sequence
from typing import Literal

from mcuforge.boards.build.linker import default_stack_bytes
from mcuforge.boards.catalog.board import Board
from mcuforge.boards.catalog.memory import Memory, group_name, limited
from mcuforge.memplan.problem import Region
from mcuforge.runtime_c.sources import CANARY_BYTES

VARIABLES_BYTES = 4 * 1024  # of the check firmware: 1.6 KiB today, the model's state, alignment
CODE_BYTES = 96 * 1024  # code and constants of model and check firmware, without the weights


def memory_regions(
    board: Board,
    kind: Literal["ram", "flash"] = "ram",
    *,
    external: bool = False,
    split_groups: bool = False,
) -> tuple[Region, ...]:
    """List the regions for a model's arenas ("ram") or weights ("flash"), the image's own first.

    Neighbouring memories are one region, so that a tensor may lie across their border and no byte
    of the group is lost. With `split_groups` each memory is a region, and the solver fills the
    fastest. Memories that software must set up first are left out unless `external`.

    With several regions the image's is shorter by an estimate of the image without arenas or
    weights, and each RAM by the canaries around an arena. With one region nothing is reserved,
    since the planner has no choice and the linker checks every byte.
    """
    image, *further = board.groups(kind)
    others = [group for group in further if external or not group[0].external]
    parts = len(image) if split_groups else 1
    if parts == 1 and not others:
        return (Region(kind, max(1, _sum(image)), _slowest(image), _reached(image)),)
    canaries = 2 * CANARY_BYTES if kind == "ram" else 0
    free = [_without_start(image, _image_bytes(board, kind)), *others]
    return tuple(
        region
        for group, left in zip((image, *others), free, strict=True)
        for region in _regions(group, left, canaries, split_groups)
    )


def _image_bytes(board: Board, kind: Literal["ram", "flash"]) -> int:
    return default_stack_bytes(board) + VARIABLES_BYTES if kind == "ram" else CODE_BYTES


def _regions(
    group: Sequence[Memory], left: Sequence[Memory], canaries: int, split_groups: bool
) -> list[Region]:
    """List the regions for the rest of a group, memory by memory or as one."""
    if split_groups:
        return [Region(m.name, max(1, m.bytes - canaries), m.speed, m.dma) for m in left]
    return [
        Region(group_name(group), max(1, _sum(left) - canaries), _slowest(group), _reached(group))
    ]


def _without_start(group: Sequence[Memory], reserved: int) -> tuple[Memory, ...]:
    """Cut the first `reserved` bytes off a group; sizes only: the linker sets the addresses."""
    backwards = limited(tuple(reversed(group)), max(1, _sum(group) - reserved))
    return tuple(reversed(backwards))


def _sum(group: Sequence[Memory]) -> int:
    return sum(memory.bytes for memory in group)


def _reached(group: Sequence[Memory]) -> bool:
    """Tell whether peripherals reach a buffer anywhere in the group."""
    return all(memory.dma for memory in group)


def _slowest(group: Sequence[Memory]) -> int:
    """Return the speed that every buffer in the group has at least."""
    return min(memory.speed for memory in group)
