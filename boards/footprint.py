# SPDX-License-Identifier: Apache-2.0
"""What an image takes of the board's flash and RAM, split by who needs it.

Flash, every byte of every loaded section once (initial values of variables included):
    weights   weights.c
    code      model.c, the kernels, and what of libgcc and libc these reach; code and constants
    firmware  all else: start-up code, UART, check program, the caller's main()
RAM, every byte of every writable section once:
    arena     the model's arena without the canaries around it
    static    variables of model.c, the kernels and their part of the libraries, and the model's
              `state` struct wherever it is declared
    stack     what the linker script reserves; stack.py says how much of it an inference needs
    firmware  all else: serial ring, protocol buffers, canaries
Padding between two objects counts with the one before it. The sums are those of the ELF file.
"""

from dataclasses import dataclass
from pathlib import Path

from mcuforge.boards.build import Firmware
from mcuforge.boards.elf import Section, read_elf
from mcuforge.boards.link_map import FILL, LinkMap, Piece, read_map
from mcuforge.boards.linker import ARENA_SECTION
from mcuforge.errors import InternalError

STACK_SECTION = ".stack"
STATE_VARIABLE = "state"  # codegen's name of the one `struct <name>_state`


@dataclass(frozen=True)
class FlashUse:
    """Bytes of flash; the module's docstring says what is counted where."""

    weights: int
    code: int
    firmware: int

    @property
    def image(self) -> int:
        """All of them."""
        return self.weights + self.code + self.firmware


@dataclass(frozen=True)
class RamUse:
    """Bytes of RAM; the module's docstring says what is counted where."""

    arena: int
    static: int
    stack: int
    firmware: int

    @property
    def image(self) -> int:
        """All of them."""
        return self.arena + self.static + self.stack + self.firmware


@dataclass(frozen=True)
class Footprint:
    """Flash and RAM of one image."""

    flash: FlashUse
    ram: RamUse


def measure(firmware: Firmware, arena_bytes: int) -> Footprint:
    """The footprint of `firmware`, whose model was planned with an arena of `arena_bytes`.

    InternalError when the map file and the ELF file do not agree to the byte, or when the image
    has no arena of that size.
    """
    sections = {s.name: s for s in read_elf(firmware.elf).sections if s.allocated and s.bytes}
    return split(sections, read_map(firmware.map), firmware.build_dir, arena_bytes)


def split(
    sections: dict[str, Section], link_map: LinkMap, build_dir: Path, arena_bytes: int
) -> Footprint:
    """As measure, for the allocated sections of an ELF file (by name) and its map."""
    owners = _owners(link_map, build_dir)
    flash = {"weights": 0, "code": 0, "firmware": 0}
    ram = {"arena": 0, "code": 0, "weights": 0, "stack": 0, "firmware": 0}
    sums = dict.fromkeys(sections, 0)
    owner = "firmware"
    for piece in link_map.pieces:
        section = sections.get(piece.output)
        if section is None:
            continue
        sums[section.name] += piece.bytes
        if piece.object != FILL:
            owner = owners[piece.object]
        if section.loaded:
            flash[owner] += piece.bytes
        if section.writable:
            ram[_variable_owner(piece, owner)] += piece.bytes
    for name, total in sums.items():
        if total != sections[name].bytes:
            raise InternalError(
                f"{name}: {total} B in the map, {sections[name].bytes} B in the ELF"
            )
    if ram["arena"] < arena_bytes:
        raise InternalError(
            f"section {ARENA_SECTION} has {ram['arena']} B, the plan's arena {arena_bytes} B"
        )
    return Footprint(
        FlashUse(flash["weights"], flash["code"], flash["firmware"]),
        RamUse(
            arena=arena_bytes,
            static=ram["code"] + ram["weights"],
            stack=ram["stack"],
            firmware=ram["firmware"] + ram["arena"] - arena_bytes,
        ),
    )


def _variable_owner(piece: Piece, owner: str) -> str:
    if piece.output == ARENA_SECTION:
        return "arena"
    if piece.output == STACK_SECTION:
        return "stack"
    return "code" if piece.section.rpartition(".")[2] == STATE_VARIABLE else owner


def _owners(link_map: LinkMap, build_dir: Path) -> dict[str, str]:
    """Object -> "weights", "code" or "firmware"."""
    owners = {piece.object: _own(piece.object, build_dir) for piece in link_map.pieces}
    owners |= {name: _own(name, build_dir) for name in link_map.users}
    pending = [name for name, owner in owners.items() if owner == "code"]
    while pending:
        user = pending.pop()
        for name, users in link_map.users.items():
            # a library member the model reaches is the model's, also where the firmware uses it
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
