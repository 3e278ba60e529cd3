# SPDX-License-Identifier: Apache-2.0
"""Gives each memory of a board a part of an emulated one, with a gap where the board has one."""

from collections.abc import Sequence
from dataclasses import replace

from mcuforge.boards.catalog.memory import Memory, group_name, groups, limited

GAP_BYTES = 64 * 1024  # the least gap; each group after the first starts at a multiple of it


class NoSpace(Exception):
    """A memory of the chip for which the emulator has too little memory left."""

    def __init__(self, group: Sequence[Memory], left: int) -> None:
        self.name, self.bytes, self.left = group_name(group), sum(m.bytes for m in group), left
        super().__init__(self.name)


def stand_in_memories(regions: Sequence[Memory], host: Sequence[Memory]) -> tuple[Memory, ...]:
    """Lay a board's regions (RAM and flash) at addresses of an emulated machine that has `host`.

    Names and sizes stay, and so do borders without a gap; at least GAP_BYTES between two groups
    stay free. The first group of each kind lies where the machine's image starts. Further flash
    lies in RAM if the machine has no other flash. An external memory that is longer than every part
    left is cut to the longest part; for any other memory that is too long: NoSpace.
    """
    spaces = [_Space(memory) for memory in host if memory.kind != "code"]
    placed: list[Memory] = []
    for kind in ("ram", "flash"):
        of_kind = groups([memory for memory in regions if memory.kind == kind])
        for number, group in enumerate(of_kind):
            if number == 0:
                candidates = [next(s for s in spaces if s.memory.kind == kind)]
            else:
                candidates = _sorted_for(spaces, group)
            placed += _place(group, candidates)
    return tuple(placed)


class _Space:
    """The part of a memory of the emulated machine that is still free."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.start = memory.origin

    @property
    def left(self) -> int:
        return max(0, self.memory.end - self.start)

    def take(self, group: Sequence[Memory]) -> list[Memory]:
        moved, at = [], self.start
        for memory in group:
            moved.append(replace(memory, origin=at))
            at += memory.bytes
        self.start = -(-(at + GAP_BYTES) // GAP_BYTES) * GAP_BYTES
        return moved


def _sorted_for(spaces: Sequence[_Space], group: Sequence[Memory]) -> list[_Space]:
    """List the spaces for a further group: its own kind, then RAM for flash; no flash for RAM."""
    kind, external = group[0].kind, group[0].external
    allowed = [space for space in spaces if kind == "flash" or space.memory.kind == "ram"]
    return sorted(
        allowed,
        key=lambda space: (space.memory.external != external, space.memory.kind != kind),
    )


def _place(group: Sequence[Memory], spaces: Sequence[_Space]) -> list[Memory]:
    size = sum(memory.bytes for memory in group)
    for space in spaces:
        if size <= space.left:
            return space.take(group)
    widest = max(spaces, key=lambda space: space.left)
    if not group[0].external or widest.left == 0:
        raise NoSpace(group, widest.left)
    return widest.take(limited(group, widest.left))
