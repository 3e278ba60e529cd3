# SPDX-License-Identifier: Apache-2.0
"""Reads flatbuffers from untrusted files: it checks each offset before it follows it.

The generated classes of the flatbuffers package trust the file; this reader does not. It also
counts the bytes it reads. A valid file refers to each byte about once; a hostile one may point a
million references at the same bytes, and the reader then gives up.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# Kinds of scalars as struct names them; the last three are the flatbuffer's own.
SCALARS = {
    "i8": "b",
    "u8": "B",
    "i32": "i",
    "u32": "I",
    "i64": "q",
    "u64": "Q",
    "f32": "f",
    "offset": "I",
    "length": "I",
    "vtable": "i",
}
LARGEST_READ_BYTES = 16 << 20  # of tables, names and lists; constants are read elsewhere
SLACK_BYTES = 64 << 10
ROOT_OFFSET = 0


class Malformed(Exception):
    """The bytes are not a valid flatbuffer; the message says why."""


class FileBytes:
    """A file's bytes, and how many more of them may be read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = min(8 * len(data) + SLACK_BYTES, LARGEST_READ_BYTES)

    def spend(self, count: int) -> None:
        """Count the bytes read. Raises Malformed for a file that repeats references too often."""
        self.left -= count
        if self.left < 0:
            raise Malformed("it refers to the same bytes over and over")

    def read(self, kind: str, at: int) -> int | float:
        """Return the scalar at a file offset."""
        return self.read_many(kind, at, 1)[0]

    def read_many(self, kind: str, at: int, count: int) -> tuple[int | float, ...]:
        """Read `count` scalars, starting at a file offset."""
        layout = f"<{count}{SCALARS[kind]}"
        self.within(at, struct.calcsize(layout))
        self.spend(struct.calcsize(layout))
        return struct.unpack_from(layout, self.data, at)

    def within(self, at: int, size: int) -> None:
        """Raise Malformed for a range that is not inside the file."""
        if at < 0 or at + size > len(self.data):
            raise Malformed(f"an offset leads to byte {at + size} of {len(self.data)}")

    def root(self) -> Table:
        """Return the file's root table."""
        return self.table(self.follow(ROOT_OFFSET))

    def follow(self, at: int) -> int:
        """Return the place that the unsigned offset stored at `at` leads to."""
        return at + int(self.read("offset", at))

    def table(self, at: int) -> Table:
        """Return the table at a file offset. Raises Malformed where its vtable is invalid."""
        vtable = at - int(self.read("vtable", at))
        self.within(vtable, 4)
        vtable_size, size = struct.unpack_from("<HH", self.data, vtable)
        if vtable_size < 4 or vtable_size % 2 or size < 4:
            raise Malformed(f"the field list of the table at byte {at} is invalid")
        self.within(vtable, vtable_size)
        self.within(at, size)
        self.spend(vtable_size)
        fields = struct.unpack_from(f"<{vtable_size // 2 - 2}H", self.data, vtable + 4)
        return Table(self, at, size, fields)


@dataclass(frozen=True, eq=False)
class Table:
    """One table: fields by their slot in the schema; a missing field reads as its default."""

    file: FileBytes
    at: int
    size: int
    fields: tuple[int, ...]

    def place(self, slot: int) -> int | None:
        """Return the file offset of a field; None where it is missing."""
        offset = self.fields[slot] if slot < len(self.fields) else 0
        if offset == 0:
            return None
        if offset >= self.size:
            raise Malformed(f"field {slot} of the table at byte {self.at} lies outside the table")
        return self.at + offset

    def has(self, slot: int) -> bool:
        """True where the field is present."""
        return self.place(slot) is not None

    def integer(self, slot: int, kind: str, default: int = 0) -> int:
        """Return an integer field."""
        at = self.place(slot)
        return default if at is None else int(self.file.read(kind, at))

    def real(self, slot: int, default: float = 0.0) -> float:
        """Return a float field."""
        at = self.place(slot)
        return default if at is None else float(self.file.read("f32", at))

    def table(self, slot: int) -> Table | None:
        """Return a table field."""
        at = self.place(slot)
        return None if at is None else self.file.table(self.file.follow(at))

    def span(self, slot: int, item_bytes: int) -> tuple[int, int]:
        """Locate a vector inside the file: offset and length; (0, 0) where it is missing."""
        at = self.place(slot)
        if at is None:
            return (0, 0)
        start = self.file.follow(at)
        count = int(self.file.read("length", start))
        self.file.within(start + 4, count * item_bytes)
        return (start + 4, count)

    def integers(self, slot: int, kind: str = "i32") -> tuple[int, ...]:
        """Return a vector of integers; empty where it is missing."""
        start, count = self.span(slot, struct.calcsize(f"<{SCALARS[kind]}"))
        return tuple(int(v) for v in self.file.read_many(kind, start, count))

    def reals(self, slot: int) -> tuple[float, ...]:
        """Return a vector of floats; empty where it is missing."""
        start, count = self.span(slot, 4)
        return tuple(float(v) for v in self.file.read_many("f32", start, count))

    def places(self, slot: int, limit: int, what: str) -> tuple[int, ...]:
        """Locate a vector's tables. Raises Malformed for more than `limit` of them."""
        start, count = self.span(slot, 4)
        if count > limit:
            raise Malformed(f"it lists {count} {what}, expected at most {limit}")
        offsets = self.file.read_many("offset", start, count)
        return tuple(start + 4 * i + int(offset) for i, offset in enumerate(offsets))

    def text(self, slot: int) -> str:
        """Return a string; bytes that are not UTF-8 become replacement characters."""
        start, count = self.span(slot, 1)
        self.file.spend(count)
        return self.file.data[start : start + count].decode("utf-8", "replace")
