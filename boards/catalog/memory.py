# SPDX-License-Identifier: Apache-2.0
"""Reads the memories of a chip, and groups the neighbouring ones.

The memories of a group follow each other in the address space without a gap, and all are on the
chip or all are external. A buffer may lie across the border of two memories of one group, and
across no other. An image starts in the first memory of each kind, and the budget limits the group
from there on; further groups are used whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, cast, get_args

from mcuforge.boards.catalog.toml_table import TomlTable

MemoryKind = Literal["flash", "ram", "code"]

SPEEDS = range(1, 4)
REGION_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Memory:
    """Addresses [origin, origin + bytes), on the chip or, when `external`, outside it.

    `speed`, greater is faster: 3 tightly coupled to the core, 2 on the chip, 1 outside it. An
    external memory works only after software has set up its controller. `dma`: whether the DMA of
    the peripherals reaches it; if not, only the core reads and writes it.
    """

    name: str
    kind: MemoryKind
    origin: int
    bytes: int
    speed: int
    external: bool = False
    dma: bool = True

    @property
    def end(self) -> int:
        """The first address behind the memory."""
        return self.origin + self.bytes


def groups(memories: Sequence[Memory]) -> tuple[tuple[Memory, ...], ...]:
    """Divide the memories into groups, ascending in each; the first begins with the first memory.

    All memories are of one kind. Further groups come in the order of their first listed memory.
    """
    if not memories:
        return ()
    found: list[list[Memory]] = []
    for memory in sorted(memories, key=lambda m: m.origin):
        before = found[-1][-1] if found else None
        if (
            before is not None
            and before.end == memory.origin
            and before.external == memory.external
            and memory != memories[0]
        ):
            found[-1].append(memory)
        else:
            found.append([memory])
    return tuple(sorted(map(tuple, found), key=lambda group: min(map(memories.index, group))))


def limited(group: Sequence[Memory], limit: int) -> tuple[Memory, ...]:
    """Cut a group, memory by memory, to its first `limit` bytes."""
    kept = []
    for memory in group:
        size = min(memory.bytes, limit)
        if size > 0:
            kept.append(replace(memory, bytes=size))
        limit -= size
    return tuple(kept)


def group_name(group: Sequence[Memory]) -> str:
    """Return the name of a whole group in linker scripts and plans: its memories' names joined."""
    return "_".join(memory.name for memory in group)


def read_memories(entries: tuple[TomlTable, ...]) -> tuple[Memory, ...]:
    """Read the [[memory]] entries of a board's file; BoardError names the key that is wrong."""
    found: list[Memory] = []
    for entry in entries:
        memory = _read_memory(entry, found)
        found.append(memory)
    for kind in get_args(MemoryKind):
        for group in groups([memory for memory in found if memory.kind == kind]):
            for low, high in pairwise(group):
                if low.speed == high.speed:
                    entries[found.index(high)].refuse(
                        "origin",
                        f"continues '{low.name}', which is as fast",
                        "write the two as one entry: a tensor may lie across the border",
                    )
    return tuple(found)


def _read_memory(entry: TomlTable, earlier: list[Memory]) -> Memory:
    kind = cast(MemoryKind, entry.choice("kind", get_args(MemoryKind)))
    memory = Memory(
        name=entry.text("name"),
        kind=kind,
        origin=entry.integer("origin"),
        bytes=entry.quantity("size"),
        speed=entry.integer("speed"),
        external=entry.flag("external"),
        dma=entry.flag("dma") if entry.has("dma") else True,
    )
    entry.finish()
    if not REGION_NAME.fullmatch(memory.name):
        entry.refuse("name", f"is '{memory.name}'", "write small letters, digits and _ only")
    if memory.name in {other.name for other in earlier}:
        entry.refuse("name", f"is '{memory.name}', as another is", "give each memory its own name")
    if memory.name in ("ram", "flash") and kind in {other.kind for other in earlier}:
        entry.refuse("name", f"is '{memory.name}', a reserved name", "use the data sheet's name")
    if memory.speed not in SPEEDS:
        entry.refuse(
            "speed",
            f"is {memory.speed}, expected 1 to 3",
            "3: tightly coupled, 2: on chip, 1: outside",
        )
    if memory.external and kind not in {other.kind for other in earlier}:
        entry.refuse(
            "external",
            f"is true for the first {kind}, where the image starts",
            f"list a {kind} first that is there after a reset",
        )
    return memory
