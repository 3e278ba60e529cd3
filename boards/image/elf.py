# SPDX-License-Identifier: Apache-2.0
"""Sections and symbols of a 32-bit little-endian ELF file, as every board's toolchain writes it.

Format: System V ABI, chapters "Sections" and "Symbol Table".
"""

import struct
from dataclasses import dataclass
from pathlib import Path

from mcuforge.errors import InternalError

_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
_SECTION = struct.Struct("<IIIIIIIIII")
_SYMBOL = struct.Struct("<IIIBBH")
_IDENT = b"\x7fELF\x01\x01"  # 32-bit, little-endian
_SYMTAB, _NOBITS = 2, 8
_WRITE, _ALLOC = 1, 2
_FUNCTION, _THUMB = 2, 40


@dataclass(frozen=True)
class Section:
    """A section: `allocated` ones occupy memory on the board, `bytes` of it from `address` on."""

    name: str
    address: int
    bytes: int
    allocated: bool
    writable: bool
    loaded: bool  # its contents are in the file, and so in flash; false for .bss


@dataclass(frozen=True)
class Symbol:
    """A named address; `bytes` is 0 for labels of the linker script and of assembly."""

    name: str
    address: int
    bytes: int
    function: bool


@dataclass(frozen=True)
class Elf:
    """An ELF file; symbols are in file order, without undefined and nameless ones."""

    thumb: bool  # Arm: addresses of functions have bit 0 set
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]


def read_elf(path: Path) -> Elf:
    """Read `path`, which our own build wrote; InternalError when it is not such a file."""
    data = path.read_bytes()
    if len(data) < _HEADER.size or not data.startswith(_IDENT):
        raise InternalError(f"{path} is not a 32-bit little-endian ELF file")
    header = _HEADER.unpack_from(data)
    machine, table, count, names_index = header[2], header[6], header[12], header[13]
    raw = [_SECTION.unpack_from(data, table + i * _SECTION.size) for i in range(count)]
    names = raw[names_index][4]
    sections = tuple(
        Section(
            name=_text(data, names + entry[0]),
            address=entry[3],
            bytes=entry[5],
            allocated=bool(entry[2] & _ALLOC),
            writable=bool(entry[2] & _WRITE),
            loaded=entry[1] != _NOBITS,
        )
        for entry in raw
    )
    thumb = machine == _THUMB
    symbols: list[Symbol] = []
    for entry in raw:
        if entry[1] == _SYMTAB:
            strings = raw[entry[6]][4]
            for at in range(entry[4], entry[4] + entry[5], _SYMBOL.size):
                name, value, size, info, _, section = _SYMBOL.unpack_from(data, at)
                if section == 0 or name == 0:
                    continue
                function = info & 15 == _FUNCTION
                address = value & ~1 if thumb and function else value
                symbols.append(Symbol(_text(data, strings + name), address, size, function))
    return Elf(thumb, sections, tuple(symbols))


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode("utf-8", errors="replace")
