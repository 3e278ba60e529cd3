# SPDX-License-Identifier: Apache-2.0
"""New tables before an old flatbuffer: read back, aligned, and leading into the old file."""

from __future__ import annotations

import struct

import pytest

from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes, Table
from mcuforge.compiler.judges.flatbuffer_front import Front, New, Old, old, present

OLD = struct.pack("<IHHHi", 10, 6, 8, 4, 6) + struct.pack("<i", -41)  # a root with one field


def in_front(front: Front, root: New) -> Table:
    """The root of the front and the old file behind it."""
    return FileBytes(front.finish(root, b"TEST") + OLD).root()


def test_numbers_texts_and_tables_are_read_back() -> None:
    front = Front()
    leaf = front.table({0: 7, 3: -5})
    root = front.table(
        {
            0: 2**31 - 1,
            1: front.numbers("i64", (1, -(2**40))),
            2: front.text("größe"),
            4: front.tables((leaf, leaf)),
            5: front.blob(b"\1\2\3"),
            6: front.numbers("f32", ()),
        }
    )
    table = in_front(front, root)
    assert table.integer(0, "i32") == 2**31 - 1
    assert table.integers(1, "i64") == (1, -(2**40))
    assert table.text(2) == "größe"
    assert not table.has(3)
    assert table.integers(5, "u8") == (1, 2, 3)
    assert table.reals(6) == ()
    for at in table.places(4, 2, "leaves"):
        leaf_table = table.file.table(at)
        assert leaf_table.integer(0, "u8") == 7
        assert leaf_table.integer(3, "i8") == -5
        assert not leaf_table.has(1)


def test_a_table_without_fields_is_one() -> None:
    front = Front()
    assert in_front(front, front.table({})).fields == ()


def test_the_old_file_is_found_behind_the_front() -> None:
    was = FileBytes(OLD).root()
    front = Front()
    table = in_front(front, front.table({2: front.tables((Old(was.at),)), 0: Old(was.at)}))
    (at,) = table.places(2, 1, "roots")
    assert table.file.table(at).integer(0, "i32") == -41
    inner = table.table(0)
    assert inner is not None
    assert inner.integer(0, "i32") == -41


def test_what_a_field_leads_to_is_known_by_its_place_in_the_old_file() -> None:
    front = Front()
    text = front.text("name")
    data = front.finish(front.table({1: text}), b"TEST")
    found = old(FileBytes(data).root(), 1)
    assert found is not None
    assert data[found.at + 4 :].startswith(b"name\0")
    assert old(FileBytes(data).root(), 0) is None
    assert present({0: None, 1: found}) == {1: found}


@pytest.mark.parametrize("sizes", [(1, 2, 3), (0, 15, 16), (17, 31, 33)])
def test_items_lie_where_their_reader_may_want_them(sizes: tuple[int, ...]) -> None:
    front = Front()
    blobs = [front.blob(bytes(size)) for size in sizes]
    root = front.table(dict(enumerate(blobs)))
    table = in_front(front, root)
    assert front.size() % 64 == 0
    for slot, size in enumerate(sizes):
        start, count = table.span(slot, 1)
        assert start % 16 == 0
        assert count == size
    assert table.at % 4 == 0
    assert table.file.data[4:8] == b"TEST"
