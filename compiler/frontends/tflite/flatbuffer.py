# SPDX-License-Identifier: Apache-2.0
"""A flatbuffer reader for files nobody vouches for: each offset is checked before it is followed.

The generated classes of the flatbuffers package trust the file; this reader does not. It also
counts what it reads: a sound file says each thing about once, a hostile one may point a million
references at the same bytes, and is given up on.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# Kinds of scalars as struct names them; the last three hold the file together.
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
LARGEST_READ_BYTES = 16 << 20  # of tables, names and lists; constants are not read here
SLACK_BYTES = 64 << 10
ROOT_OFFSET = 0


class Malformed(Exception):
    """The bytes are no sound flatbuffer; the message says how."""


class FileBytes:
    """A file's bytes and how many more of them may be read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.left = min(8 * len(data) + SLACK_BYTES, LARGEST_READ_BYTES)

    def spend(self, count: int) -> None:
        """Count bytes read, give up on a file that sends the reader over them again and again."""
        self.left -= count
        if self.left < 0:
            raise Malformed("it refers to the same bytes over and over")

    def read(self, kind: str, at: int) -> int | float:
        """The scalar at a file offset."""
        return self.read_many(kind, at, 1)[0]

    def read_many(self, kind: str, at: int, count: int) -> tuple[int | float, ...]:
        """`count` scalars from a file offset on."""
        layout = f"<{count}{SCALARS[kind]}"
        self.within(at, struct.calcsize(layout))
        self.spend(struct.calcsize(layout))
        return struct.unpack_from(layout, self.data, at)

    def within(self, at: int, size: int) -> None:
        """Refuse a range that is not inside the file."""
        if at < 0 or at + size > len(self.data):
            raise Malformed(f"an offset leads to byte {at + size} of {len(self.data)}")

    def root(self) -> Table:
        """The file's root table."""
        return self.table(self.follow(ROOT_OFFSET))

    def follow(self, at: int) -> int:
        """Where the unsigned offset stored at `at` leads."""
        return at + int(self.read("offset", at))

    def table(self, at: int) -> Table:
        """The table at a file offset, its vtable checked."""
        vtable = at - int(self.read("vtable", at))
        self.within(vtable, 4)
        vtable_size, size = struct.unpack_from("<HH", self.data, vtable)
        if vtable_size < 4 or vtable_size % 2 or size < 4:
            raise Malformed(f"the table at byte {at} has no valid field list")
        self.within(vtable, vtable_size)
        self.within(at, size)
        self.spend(vtable_size)
        fields = struct.unpack_from(f"<{vtable_size // 2 - 2}H", self.data, vtable + 4)
        return Table(self, at, size, fields)


@dataclass(frozen=True, eq=False)
class Table:
    """One table: fields by their slot in the schema; an absent field reads as its default."""

    file: FileBytes
    at: int
    size: int
    fields: tuple[int, ...]

    def place(self, slot: int) -> int | None:
        """The file offset of a field, None where it is absent."""
        offset = self.fields[slot] if slot < len(self.fields) else 0
        if offset == 0:
            return None
        if offset >= self.size:
            raise Malformed(f"field {slot} of the table at byte {self.at} lies outside it")
        return self.at + offset

    def has(self, slot: int) -> bool:
        """True where the field is present."""
        return self.place(slot) is not None

    def integer(self, slot: int, kind: str, default: int = 0) -> int:
        """An integer field."""
        at = self.place(slot)
        return default if at is None else int(self.file.read(kind, at))

    def real(self, slot: int, default: float = 0.0) -> float:
        """A float field."""
        at = self.place(slot)
        return default if at is None else float(self.file.read("f32", at))

    def table(self, slot: int) -> Table | None:
        """A table field."""
        at = self.place(slot)
        return None if at is None else self.file.table(self.file.follow(at))

    def span(self, slot: int, item_bytes: int) -> tuple[int, int]:
        """Offset and length of a vector, checked to lie in the file; (0, 0) where it is absent."""
        at = self.place(slot)
        if at is None:
            return (0, 0)
        start = self.file.follow(at)
        count = int(self.file.read("length", start))
        self.file.within(start + 4, count * item_bytes)
        return (start + 4, count)

    def integers(self, slot: int, kind: str = "i32") -> tuple[int, ...]:
        """A vector of integers, empty where it is absent."""
        start, count = self.span(slot, struct.calcsize(f"<{SCALARS[kind]}"))
        return tuple(int(v) for v in self.file.read_many(kind, start, count))

    def reals(self, slot: int) -> tuple[float, ...]:
        """A vector of floats, empty where it is absent."""
        start, count = self.span(slot, 4)
        return tuple(float(v) for v in self.file.read_many("f32", start, count))

    def places(self, slot: int, limit: int, what: str) -> tuple[int, ...]:
        """Where the tables of a vector lie; refuses more than `limit` of them."""
        start, count = self.span(slot, 4)
        if count > limit:
            raise Malformed(f"it lists {count} {what}, at most {limit} are read")
        offsets = self.file.read_many("offset", start, count)
        return tuple(start + 4 * i + int(offset) for i, offset in enumerate(offsets))

    def text(self, slot: int) -> str:
        """A string; bytes that are no UTF-8 become replacement characters."""
        start, count = self.span(slot, 1)
        self.file.spend(count)
        return self.file.data[start : start + count].decode("utf-8", "replace")
