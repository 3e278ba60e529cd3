# SPDX-License-Identifier: Apache-2.0
"""The linker script of an image: its memories are as long as the budgets, so ld checks them.

The image lies in the first group of RAM and of flash, called RAM and FLASH. An arena for a region
is put in the section `.mcuforge_arena.<region>`, weights in `.mcuforge_weights.<region>`; a region
is a memory of the board or a whole group of them, named by `memory.group_name`. In a group, the
arena of a region begins at the region's first address, or behind a section that reaches across that
address: no byte is lost at the border, and ld reports an overflow only at the end of the group. The
section `.mcuforge_arena` (and region "ram") lies behind the variables. Weights without a section
lie in the first flash.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from mcuforge.boards.arch import BSP, arch_of
from mcuforge.boards.catalog.board import Board
from mcuforge.boards.catalog.memory import Memory, MemoryKind, group_name
from mcuforge.errors import InternalError
from mcuforge.templates import templates

ARENA_SECTION = ".mcuforge_arena"
"""Section of the model's arena: RAM that is neither loaded nor cleared, and not part of .bss."""

WEIGHTS_SECTION = ".mcuforge_weights"
"""Prefix of the section names of weights that lie in another flash than the image."""

IMAGE_RAM = "ram"
"""The region's name in a plan with a single region, whatever the board calls its memories."""


def default_stack_bytes(board: Board) -> int:
    """Return the stack of an image: 4 KiB, or 2 KiB if the RAM is 32 KiB or less."""
    return 4096 if board.ram_bytes > 32 * 1024 else 2048


def linker_script(board: Board) -> str:
    """Write the GNU ld script for an image of `board` (to emulate: of `catalog.emulated(board)`).

    It defines board_stack_low and board_stack_high, the sections .boot .text .rodata .stack .data
    .bss and .mcuforge_arena, one more for each further region, and what the start-up code copies
    and clears. RAM and FLASH are as long as the budgets.
    """
    flash = board.first("flash").origin
    ram = board.first("ram").origin
    return (
        templates(BSP)
        .get_template("linker.ld.j2")
        .render(
            id=board.id,
            arch=arch_of(board.toolchain.prefix).name,
            flash_origin=f"0x{flash:08x}",
            flash_bytes=board.flash_bytes,
            flash_end=f"0x{flash + board.flash_bytes:08x}",
            ram_origin=f"0x{ram:08x}",
            ram_bytes=board.ram_bytes,
            ram_end=f"0x{ram + board.ram_bytes:08x}",
            stack_bytes=default_stack_bytes(board),
            groups=[group for group in memory_groups(board) if group.name not in ("RAM", "FLASH")],
            arena_inputs=_arena_inputs(board),
            regions=list(_output_sections(board)),
        )
    )


@dataclass(frozen=True)
class MemoryGroup:
    """A group of memories, which the linker script takes as one; the image's are RAM and FLASH."""

    name: str
    kind: MemoryKind
    origin: int
    bytes: int

    @property
    def words(self) -> str:
        """The name in an error."""
        kind = "RAM" if self.kind == "ram" else "flash"
        return kind if self.name in ("RAM", "FLASH") else f"{kind} '{self.name}'"


def memory_groups(board: Board) -> tuple[MemoryGroup, ...]:
    """List the memories of the linker script."""
    kinds: tuple[tuple[MemoryKind, str], ...] = (("flash", "FLASH"), ("ram", "RAM"))
    return tuple(
        MemoryGroup(
            group_name(group) if number else image,
            kind,
            group[0].origin,
            sum(m.bytes for m in group),
        )
        for kind, image in kinds
        for number, group in enumerate(board.groups(kind))
    )


def memory_group(board: Board, name: str) -> MemoryGroup:
    """Find what the linker calls `name`; InternalError when no script of ours has it."""
    for group in memory_groups(board):
        if group.name == name:
            return group
    raise InternalError(f"the linker names a memory '{name}' that {board.id} does not have")


@dataclass(frozen=True)
class _OutputSection:
    """An output section for one region, as the script states it."""

    section: str
    memory: str
    inputs: str
    address: str
    alignment: str
    about: str
    external: str  # the memory's name if it is outside the chip, else empty


def _arena_inputs(board: Board) -> str:
    """List what goes behind the variables: everything, or the arenas of the first memory."""
    first = board.groups("ram")[0]
    if len(board.ram_memories) == 1 and len(board.flash_memories) == 1:
        return f"{ARENA_SECTION} {ARENA_SECTION}.*"
    return f"{ARENA_SECTION} {_inputs(ARENA_SECTION, IMAGE_RAM, group_name(first), first[0].name)}"


def _inputs(section: str, *names: str) -> str:
    return " ".join(f"{section}.{name}" for name in dict.fromkeys(names))


def _output_sections(board: Board) -> Iterator[_OutputSection]:
    image, *others = board.groups("ram")
    yield from islice(_group_sections(ARENA_SECTION, image, "RAM"), 1, None)
    for group in others:
        yield from _group_sections(ARENA_SECTION, group, group_name(group))
    for group in board.groups("flash")[1:]:
        yield from _group_sections(WEIGHTS_SECTION, group, group_name(group))


def _group_sections(section: str, group: Sequence[Memory], name: str) -> Iterator[_OutputSection]:
    """Yield a section for each memory of a group that the script calls `name`."""
    noload = " (NOLOAD)" if section == ARENA_SECTION else ""
    what = "arenas" if section == ARENA_SECTION else "weights"
    for number, memory in enumerate(group):
        origin = f"0x{memory.origin:08x}"
        address = f" MAX(ALIGN(16), {origin})" if number else ""
        yield _OutputSection(
            section=f"{section}.{memory.name}",
            memory=name,
            inputs=_inputs(section, *(() if number else (name,)), memory.name),
            address=f"{address}{noload}",
            alignment="" if address else " ALIGN(16)",
            about=f"{what} in {memory.name}, {memory.bytes} B from {origin}",
            external=memory.name if memory.external else "",
        )
