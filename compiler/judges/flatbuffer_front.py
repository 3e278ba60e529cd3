# SPDX-License-Identifier: Apache-2.0
"""Writes tables of a .tflite file with flatbuffers, alone or in front of an old file's.

A flatbuffer is written from its end, and references in it only lead forward. So new tables may
stand in front of an old file and refer to anything in it; it follows them unchanged, byte for byte.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import flatbuffers
import tflite

from mcuforge.compiler.frontends.detect import TFLITE_IDENTIFIER
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes, Table

ALIGNMENT = 64  # of the old file behind the front; nothing in it needs more
DATA_ALIGNMENT = 16  # bytes; TFLite requires it of buffer data
LENGTH_BYTES = 4  # come before a vector's items


class Tables:
    """Builds one flatbuffer, leaves first; what was written is known by its distance to the end."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(4096)

    def table(self, name: str, fields: Mapping[str, int | float | bool | None]) -> int:
        """Add a table of the schema from its fields, named as in the tflite package.

        A field that is None stays out.
        """
        self._function(f"{name}Start")(self.builder)
        for field, value in fields.items():
            if value is not None:
                self._function(f"{name}Add{field}")(self.builder, value)
        return self._function(f"{name}End")(self.builder)

    def vector(self, name: str, field: str, values: Iterable[int | float], kind: str) -> int:
        """Add the numbers of a table's field; `kind` is flatbuffers' name: "Int32"."""
        items = list(values)
        self._function(f"{name}Start{field}Vector")(self.builder, len(items))
        for value in reversed(items):
            getattr(self.builder, f"Prepend{kind}")(value)
        return int(self.builder.EndVector())

    def references(self, items: Sequence[int]) -> int:
        """Add a vector of references to tables."""
        self.builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.builder.PrependUOffsetTRelative(item)
        return int(self.builder.EndVector())

    def text(self, text: str) -> int:
        """Add a string."""
        return int(self.builder.CreateString(text))

    def data(self, data: bytes) -> int:
        """Add the bytes of a constant."""
        self.builder.StartVector(1, len(data), DATA_ALIGNMENT)
        self.builder.head -= len(data)
        self.builder.Bytes[self.builder.head : self.builder.head + len(data)] = data
        return int(self.builder.EndVector())

    def finish(self, root: int) -> bytes:
        """Return the file whose root table is `root`."""
        self.builder.Finish(root, file_identifier=TFLITE_IDENTIFIER)
        return bytes(self.builder.Output())

    def _function(self, name: str) -> Callable[..., int]:
        function: Callable[..., int] = getattr(tflite, name)
        return function


class Front(Tables):
    """Builds new tables in front of an old file, which zeros fill up to a multiple of 64 bytes."""

    def __init__(self, file: FileBytes) -> None:
        super().__init__()
        self.file = file
        self.old_bytes = -(-len(file.data) // ALIGNMENT) * ALIGNMENT
        self.builder.Bytes = bytearray(self.builder.head) + file.data.ljust(self.old_bytes, b"\0")
        self.builder.minalign = ALIGNMENT

    def at(self, place: int) -> int:
        """Return what lies at an offset of the old file. Raises Malformed outside it."""
        self.file.within(place, LENGTH_BYTES)
        return self.old_bytes - place

    def old(self, table: Table, slot: int) -> int | None:
        """Follow a reference in a table of the old file; None where it is missing.

        Raises Malformed where it leads outside the file.
        """
        place = table.place(slot)
        return None if place is None else self.at(self.file.follow(place))
