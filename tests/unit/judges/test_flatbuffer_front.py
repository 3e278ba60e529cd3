# SPDX-License-Identifier: Apache-2.0
"""New tables before an old flatbuffer: aligned, and leading into the old file."""

from __future__ import annotations

import struct

import pytest

from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes, Malformed
from mcuforge.compiler.judges.flatbuffer_front import Front, Tables

OLD = struct.pack("<IHHHi", 10, 6, 8, 4, 6) + struct.pack("<i", -41)  # a root with one field


def test_the_old_file_is_found_behind_the_front() -> None:
    front = Front(FileBytes(OLD))
    was = front.at(front.file.root().at)
    codes, name = front.references([was, was]), front.text("grün")
    fields = {"OperatorCodes": codes, "Description": name, "Subgraphs": None}
    data = front.finish(front.table("Model", fields))
    table = FileBytes(data).root()
    assert data[4:8] == b"TFL3"
    assert data[-64:] == OLD.ljust(64, b"\0")
    assert table.text(3) == "grün"
    assert not table.has(2)
    for at in table.places(1, 2, "roots"):
        assert table.file.table(at).integer(0, "i32") == -41


def test_a_reference_of_the_old_file_is_followed_from_the_front() -> None:
    small = Tables()
    fields = {"Description": small.text("name")}
    front = Front(FileBytes(small.finish(small.table("Model", fields))))
    root = front.file.root()
    assert front.old(root, 2) is None
    again = front.table("Model", {"Description": front.old(root, 3)})
    assert FileBytes(front.finish(again)).root().text(3) == "name"
    with pytest.raises(Malformed):
        front.at(len(front.file.data))


@pytest.mark.parametrize("sizes", [(1, 2, 3), (0, 15, 16), (17, 31, 33)])
@pytest.mark.parametrize("old", [b"", OLD, OLD * 9])
def test_data_lies_where_its_reader_may_want_it(sizes: tuple[int, ...], old: bytes) -> None:
    front = Front(FileBytes(old))
    buffers = [front.table("Buffer", {"Data": front.data(bytes(size))}) for size in sizes]
    data = front.finish(front.table("Model", {"Buffers": front.references(buffers)}))
    assert len(data) % 64 == front.old_bytes % 64 == 0
    table = FileBytes(data).root()
    for at, size in zip(table.places(4, 3, "buffers"), sizes, strict=True):
        start, count = table.file.table(at).span(0, 1)
        assert start % 16 == 0
        assert count == size
