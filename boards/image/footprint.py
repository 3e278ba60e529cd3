# SPDX-License-Identifier: Apache-2.0
"""The flash and RAM that an image takes, divided by who needs it.

Flash, every byte of every loaded section once (initial values of variables included):
    weights   weights.c
    code      model.c, the kernels, and the parts of libgcc and libc they use; code and constants
    firmware  everything else: start-up code, UART, check program, the caller's main()
RAM, every byte of every writable section once:
    arena     the model's arenas, one per region in use, without the canaries around them
    static    variables of model.c, the kernels and their part of the libraries, and the model's
              `state` struct wherever it is declared
    stack     what the linker script reserves; stack.py says how much of it an inference needs
    firmware  everything else: serial ring, protocol buffers, canaries
Padding between two objects counts with the one before it. The sums are those of the ELF file.

The module also counts the bytes in use in each memory of the board, whoever uses them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcuforge.boards.build.build import Firmware
from mcuforge.boards.build.linker import ARENA_SECTION, IMAGE_RAM
from mcuforge.boards.catalog.memory import Memory
from mcuforge.boards.image.elf import Section, read_elf
from mcuforge.boards.image.link_map import FILL, Contribution, LinkMap, read_map
from mcuforge.errors import InternalError

STACK_SECTION = ".stack"
_JOINED_BYTES = 4  # a smaller gap is padding
STATE_VARIABLE = "state"  # codegen's name of the one `struct <name>_state`


@dataclass(frozen=True)
class FlashUse:
    """Bytes of flash; the module's docstring defines each field."""

    weights: int
    code: int
    firmware: int


@dataclass(frozen=True)
class RamUse:
    """Bytes of RAM; the module's docstring defines each field."""

    arena: int
    static: int
    stack: int
    firmware: int


@dataclass(frozen=True)
class MemoryUse:
    """A memory of the board: `used` of its `bytes`.

    `arenas` (with their canaries) and `weights` (as in `FlashUse`) are parts of `used`.
    """

    memory: Memory
    used: int
    arenas: int
    weights: int


@dataclass(frozen=True)
class Footprint:
    """Flash and RAM of one image, by owner and by memory of the board."""

    flash: FlashUse
    ram: RamUse
    memories: tuple[MemoryUse, ...]


def measure(firmware: Firmware, arenas: Mapping[str, int]) -> Footprint:
    """Measure `firmware`, whose model was planned with `arenas`: bytes by region.

    InternalError when the map file and the ELF file do not agree to the byte, or when the image
    has no arena of that size in a region.
    """
    board = firmware.board
    sections = {s.name: s for s in read_elf(firmware.elf).sections if s.allocated and s.bytes}
    memories = (*board.ram_memories, *board.flash_memories)
    return split(sections, read_map(firmware.map), firmware.build_dir, arenas, memories)


def model_code(firmware: Firmware) -> tuple[tuple[int, int], ...]:
    """Find the model's code and read-only data: half-open addresses, with neighbours joined."""
    link_map = read_map(firmware.map)
    owners = _owners(link_map, firmware.build_dir)
    flash = {s.name for s in read_elf(firmware.elf).sections if s.loaded and not s.writable}
    found: list[tuple[int, int]] = []
    contributions = [p for p in link_map.contributions if p.output in flash and p.object != FILL]
    for part in sorted(contributions, key=lambda part: part.address):
        if owners[part.object] != "code":
            continue
        end = part.address + part.bytes
        if found and part.address - found[-1][1] < _JOINED_BYTES:
            found[-1] = (found[-1][0], end)
        else:
            found.append((part.address, end))
    return tuple(found)


def model_parts(firmware: Firmware) -> dict[str, int]:
    """Bytes of flash of the model's code: model.c ("model"), "kernels", and "library" members."""
    link_map = read_map(firmware.map)
    owners = _owners(link_map, firmware.build_dir)
    loaded = {s.name for s in read_elf(firmware.elf).sections if s.loaded}
    parts = {"model": 0, "kernels": 0, "library": 0}
    owner = ""
    for part in link_map.contributions:
        if part.output not in loaded:
            continue
        if part.object != FILL:
            is_kernel = "/kernels/" in part.object
            name = "kernels" if is_kernel else "library" if _is_library(part.object) else "model"
            owner = name if owners[part.object] == "code" else ""
        if owner:
            parts[owner] += part.bytes
    return parts


def split(
    sections: dict[str, Section],
    link_map: LinkMap,
    build_dir: Path,
    arenas: Mapping[str, int],
    memories: tuple[Memory, ...],
) -> Footprint:
    """Measure an image by the allocated sections of its ELF file (by name) and its map."""
    owners = _owners(link_map, build_dir)
    flash = {"weights": 0, "code": 0, "firmware": 0}
    ram = {"arena": 0, "code": 0, "weights": 0, "stack": 0, "firmware": 0}
    sums = dict.fromkeys(sections, 0)
    owner = "firmware"
    weights = []
    for part in link_map.contributions:
        section = sections.get(part.output)
        if section is None:
            continue
        sums[section.name] += part.bytes
        if part.object != FILL:
            owner = owners[part.object]
        if section.loaded:
            flash[owner] += part.bytes
            if owner == "weights":
                weights.append(part)
        if section.writable:
            ram[_variable_owner(part, owner)] += part.bytes
    for name, total in sums.items():
        if total != sections[name].bytes:
            raise InternalError(
                f"{name}: {total} B in the map, {sections[name].bytes} B in the ELF"
            )
    _check_arenas(link_map, arenas)
    arena_bytes = sum(arenas.values())
    return Footprint(
        FlashUse(flash["weights"], flash["code"], flash["firmware"]),
        RamUse(
            arena=arena_bytes,
            static=ram["code"] + ram["weights"],
            stack=ram["stack"],
            firmware=ram["firmware"] + ram["arena"] - arena_bytes,
        ),
        tuple(_use(memory, memories, sections.values(), link_map, weights) for memory in memories),
    )


def _check_arenas(link_map: LinkMap, arenas: Mapping[str, int]) -> None:
    """Raise InternalError unless each region's arena section has the bytes that the plan needs."""
    found: dict[str, int] = {}
    for part in link_map.contributions:
        if _is_arena(part.output) and part.object != FILL:
            region = part.section.removeprefix(ARENA_SECTION).removeprefix(".") or IMAGE_RAM
            found[region] = found.get(region, 0) + part.bytes
    for region, wanted in arenas.items():
        if found.get(region, 0) < wanted:
            raise InternalError(
                f"region '{region}' has {found.get(region, 0)} B of arena in the image, "
                f"the plan needs {wanted} B"
            )


def _is_arena(output: str) -> bool:
    return output == ARENA_SECTION or output.startswith(f"{ARENA_SECTION}.")


def _use(
    memory: Memory,
    memories: tuple[Memory, ...],
    sections: Iterable[Section],
    link_map: LinkMap,
    weights: Sequence[Contribution],
) -> MemoryUse:
    """Sum up what lies in a memory; initial values of variables lie in the image's flash."""

    def inside(address: int, size: int) -> int:
        return max(0, min(memory.end, address + size) - max(memory.origin, address))

    used = sum(inside(section.address, section.bytes) for section in sections)
    if memory == next((m for m in memories if m.kind == "flash"), None):
        used += sum(section.bytes for section in sections if section.loaded and section.writable)
    arenas = [part for part in link_map.contributions if _is_arena(part.output)]
    return MemoryUse(
        memory,
        used,
        sum(inside(part.address, part.bytes) for part in arenas),
        sum(inside(part.address, part.bytes) for part in weights),
    )


def _variable_owner(part: Contribution, owner: str) -> str:
    if _is_arena(part.output):
        return "arena"
    if part.output == STACK_SECTION:
        return "stack"
    return "code" if part.section.rpartition(".")[2] == STATE_VARIABLE else owner


def _owners(link_map: LinkMap, build_dir: Path) -> dict[str, str]:
    """Map each object to "weights", "code" or "firmware"."""
    owners = {part.object: _own(part.object, build_dir) for part in link_map.contributions}
    owners |= {name: _own(name, build_dir) for name in link_map.users}
    pending = [name for name, owner in owners.items() if owner == "code"]
    while pending:
        user = pending.pop()
        for name, users in link_map.users.items():
            # a library member that the model uses is the model's, even if the firmware uses it
            if user in users and _is_library(name) and owners[name] != "code":
                owners[name] = "code"
                pending.append(name)
    return owners


def _own(name: str, build_dir: Path) -> str:
    source = name.partition(f"{build_dir.name}/src/")[2]
    if source == "weights.o":
        return "weights"
    if source == "model.o" or source.startswith("kernels/"):
        return "code"
    return "firmware"


def _is_library(name: str) -> bool:
    return name.endswith(")") and ".a(" in name
