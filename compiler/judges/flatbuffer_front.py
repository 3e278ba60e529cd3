# SPDX-License-Identifier: Apache-2.0
"""Writes new tables in front of an old flatbuffer: a changed model without copied parts.

References in a flatbuffer only lead forward. So the new part stands in front and may refer to
anything in the old file, which follows it unchanged, byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcuforge.compiler.frontends.tflite.flatbuffer import SCALARS, FileBytes, Table

ALIGNMENT = 64  # of the old file after the front; nothing in it needs more
LENGTH_BYTES = 4  # come before a vector's items
ITEM_ALIGNMENT = 16


@dataclass(frozen=True)
class Old:
    """A place in the old file, by its offset there."""

    at: int


@dataclass(frozen=True)
class New:
    """A table, vector or text of the front, by its number in the order of creation."""

    index: int


Field = int | Old | New


@dataclass(frozen=True)
class _Chunk:
    """Bytes of the front; `finish` fills in its references."""

    data: bytes
    anchor: int  # offset in `data` that a reference to the chunk leads to
    links: tuple[tuple[int, Old | New], ...]  # offset in `data`, where it leads


def old(table: Table, slot: int) -> Old | None:
    """Follow a reference in a table of the old file; None where it is missing.

    Raises Malformed where it leads outside the file.
    """
    at = table.place(slot)
    if at is None:
        return None
    leads = table.file.follow(at)
    table.file.within(leads, LENGTH_BYTES)
    return Old(leads)


def olds(file: FileBytes, places: Sequence[int]) -> list[Old | New]:
    """Return the tables of the old file at `places`. Raises Malformed where one lies outside it."""
    for at in places:
        file.within(at, LENGTH_BYTES)
    return [Old(at) for at in places]


def present(fields: Mapping[int, Field | None]) -> dict[int, Field]:
    """Return the fields that are not None."""
    return {slot: value for slot, value in fields.items() if value is not None}


class Front:
    """Collects the new chunks, leaves first: a chunk may refer to earlier chunks."""

    def __init__(self) -> None:
        self._chunks: list[_Chunk] = []

    def table(self, fields: Mapping[int, Field]) -> New:
        """Add a table by slot. Each field takes 4 bytes; narrower kinds use the first of them."""
        slots = max(fields, default=-1) + 1
        anchor = 4 + 2 * slots
        offsets = [0] * slots
        values = bytearray(struct.pack("<i", anchor))
        links: list[tuple[int, Old | New]] = []
        for slot, value in fields.items():
            offsets[slot] = len(values)
            if isinstance(value, int):
                values += struct.pack("<i", value)
            else:
                links.append((anchor + len(values), value))
                values += bytes(4)
        vtable = struct.pack(f"<{2 + slots}H", anchor, len(values), *offsets)
        return self._add(_Chunk(vtable + values, anchor, tuple(links)))

    def numbers(self, kind: str, values: Sequence[int | float]) -> New:
        """Add a vector of numbers; `kind` is a key of SCALARS."""
        items = struct.pack(f"<{len(values)}{SCALARS[kind]}", *values)
        return self._add(_Chunk(struct.pack("<I", len(values)) + items, 0, ()))

    def blob(self, data: bytes) -> New:
        """Add a vector of bytes."""
        return self._add(_Chunk(struct.pack("<I", len(data)) + data, 0, ()))

    def text(self, text: str) -> New:
        """Add a string."""
        data = text.encode()
        return self._add(_Chunk(struct.pack("<I", len(data)) + data + b"\0", 0, ()))

    def tables(self, places: Sequence[Old | New]) -> New:
        """Add a vector of references."""
        links = tuple((LENGTH_BYTES + 4 * i, place) for i, place in enumerate(places))
        return self._add(_Chunk(struct.pack("<I", len(places)) + bytes(4 * len(places)), 0, links))

    def _add(self, chunk: _Chunk) -> New:
        self._chunks.append(chunk)
        return New(len(self._chunks) - 1)

    def size(self) -> int:
        """Return the bytes of the front, by which the old file moves back."""
        return self._places()[1]

    def finish(self, root: New, identifier: bytes) -> bytes:
        """Return the front's bytes; the old file's bytes follow them."""
        at, size = self._places()
        front = bytearray(size)
        struct.pack_into("<I4s", front, 0, at[root.index], identifier)
        for chunk, anchor in zip(self._chunks, at, strict=True):
            start = anchor - chunk.anchor
            front[start : start + len(chunk.data)] = chunk.data
            for offset, target in chunk.links:
                leads = at[target.index] if isinstance(target, New) else size + target.at
                struct.pack_into("<I", front, start + offset, leads - (start + offset))
        return bytes(front)

    def _places(self) -> tuple[list[int], int]:
        """Place each chunk's anchor (the last chunk comes first), and count the bytes of all."""
        at = [0] * len(self._chunks)
        end = 8  # the reference to the root, the identifier
        for index, chunk in reversed(list(enumerate(self._chunks))):
            anchor = _aligned(end + chunk.anchor + LENGTH_BYTES, ITEM_ALIGNMENT) - LENGTH_BYTES
            at[index] = anchor
            end = anchor - chunk.anchor + len(chunk.data)
        return at, _aligned(end, ALIGNMENT)


def _aligned(at: int, step: int) -> int:
    return -(-at // step) * step
