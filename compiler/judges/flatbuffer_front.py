# SPDX-License-Identifier: Apache-2.0
"""New tables before an old flatbuffer: a changed model whose unchanged parts are not copied.

References in a flatbuffer lead forward only, so what is new stands in front and may refer to
anything in the old file behind it, which stays as it is, byte for byte.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcuforge.compiler.frontends.tflite.flatbuffer import SCALARS, FileBytes, Table

ALIGNMENT = 64  # of the old file behind the front; nothing in it asks for more
LENGTH_BYTES = 4  # stand before a vector's items, which are aligned to 16 bytes
ITEM_ALIGNMENT = 16


@dataclass(frozen=True)
class Old:
    """Something in the old file, by its offset there."""

    at: int


@dataclass(frozen=True)
class New:
    """A table, vector or text of the front, by its number in order of making."""

    index: int


Field = int | Old | New


@dataclass(frozen=True)
class _Piece:
    """Bytes of the front: references in it are stored once everything has its place."""

    data: bytes
    anchor: int  # what a reference to the piece leads to
    links: tuple[tuple[int, Old | New], ...]  # offset in `data`, where it leads


def old(table: Table, slot: int) -> Old | None:
    """Where a reference of a table of the old file leads; None: the field is absent.

    Raises Malformed where it leads out of the file.
    """
    at = table.place(slot)
    if at is None:
        return None
    leads = table.file.follow(at)
    table.file.within(leads, LENGTH_BYTES)
    return Old(leads)


def olds(file: FileBytes, places: Sequence[int]) -> list[Old | New]:
    """The tables of the old file at `places`. Raises Malformed where one lies outside it."""
    for at in places:
        file.within(at, LENGTH_BYTES)
    return [Old(at) for at in places]


def present(fields: Mapping[int, Field | None]) -> dict[int, Field]:
    """Fields without the absent ones."""
    return {slot: value for slot, value in fields.items() if value is not None}


class Front:
    """Collects what is new, leaves first: a piece may refer to those made before it."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def table(self, fields: Mapping[int, Field]) -> New:
        """A table by slot. Each field takes 4 bytes; narrower kinds are the first of them."""
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
        return self._add(_Piece(vtable + values, anchor, tuple(links)))

    def numbers(self, kind: str, values: Sequence[int | float]) -> New:
        """A vector of numbers of a kind of `SCALARS`."""
        items = struct.pack(f"<{len(values)}{SCALARS[kind]}", *values)
        return self._add(_Piece(struct.pack("<I", len(values)) + items, 0, ()))

    def blob(self, data: bytes) -> New:
        """A vector of bytes."""
        return self._add(_Piece(struct.pack("<I", len(data)) + data, 0, ()))

    def text(self, text: str) -> New:
        """A string."""
        data = text.encode()
        return self._add(_Piece(struct.pack("<I", len(data)) + data + b"\0", 0, ()))

    def tables(self, places: Sequence[Old | New]) -> New:
        """A vector of references."""
        links = tuple((LENGTH_BYTES + 4 * i, place) for i, place in enumerate(places))
        return self._add(_Piece(struct.pack("<I", len(places)) + bytes(4 * len(places)), 0, links))

    def _add(self, piece: _Piece) -> New:
        self._pieces.append(piece)
        return New(len(self._pieces) - 1)

    def size(self) -> int:
        """Bytes of the front: how far the old file moves back."""
        return self._places()[1]

    def finish(self, root: New, identifier: bytes) -> bytes:
        """The front's bytes, to stand right before the old file's."""
        at, size = self._places()
        front = bytearray(size)
        struct.pack_into("<I4s", front, 0, at[root.index], identifier)
        for piece, anchor in zip(self._pieces, at, strict=True):
            start = anchor - piece.anchor
            front[start : start + len(piece.data)] = piece.data
            for offset, target in piece.links:
                leads = at[target.index] if isinstance(target, New) else size + target.at
                struct.pack_into("<I", front, start + offset, leads - (start + offset))
        return bytes(front)

    def _places(self) -> tuple[list[int], int]:
        """Where each piece's anchor lies, the last made first, and the bytes of all."""
        at = [0] * len(self._pieces)
        end = 8  # the reference to the root, the identifier
        for index, piece in reversed(list(enumerate(self._pieces))):
            anchor = _aligned(end + piece.anchor + LENGTH_BYTES, ITEM_ALIGNMENT) - LENGTH_BYTES
            at[index] = anchor
            end = anchor - piece.anchor + len(piece.data)
        return at, _aligned(end, ALIGNMENT)


def _aligned(at: int, step: int) -> int:
    return -(-at // step) * step
