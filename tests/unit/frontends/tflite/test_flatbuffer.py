# SPDX-License-Identifier: Apache-2.0
"""The flatbuffer reader follows no offset out of the file, and gives up on files that loop."""

from __future__ import annotations

import struct

import pytest

from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes, Malformed
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.errors import CompileError
from tests.models.case_model import case_model, case_spec
from tests.models.changed import sample_case, with_graph, with_operator
from tests.models.odd_writer import Odd, write_odd
from tests.models.samples import SAMPLES

MODEL = case_model(SAMPLES[0].case)


def one_table(*slots: int, body: bytes = b"") -> bytes:
    """A file whose root table has these vtable entries and this body behind its offset."""
    vtable = struct.pack(f"<HH{len(slots)}H", 4 + 2 * len(slots), 4 + len(body), *slots)
    return struct.pack("<I", 4 + len(vtable)) + vtable + struct.pack("<i", len(vtable)) + body


def test_fields_are_read_and_absent_ones_are_their_default() -> None:
    table = FileBytes(one_table(4, 0, 8, body=struct.pack("<if", -5, 2.5))).root()
    assert table.integer(0, "i32") == -5
    assert table.integer(1, "i32", 7) == 7
    assert table.integer(9, "i32", 8) == 8
    assert table.real(2) == 2.5
    assert table.table(1) is None
    assert table.integers(1) == ()
    assert table.text(1) == ""
    assert not table.has(1)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an offset leads to byte 4 of 0"),
        (struct.pack("<I", 2**32 - 1), "an offset leads to byte"),
        (struct.pack("<Ii", 4, -(2**31)), "an offset leads to byte"),
        (struct.pack("<Ii", 4, 100), "an offset leads to byte"),
        (struct.pack("<IHHi", 8, 3, 4, 4), "the field list of the table at byte"),
        (struct.pack("<IHHi", 8, 4, 2, 4), "the field list of the table at byte"),
        (struct.pack("<IHHi", 8, 400, 4, 4), "an offset leads to byte"),
        (struct.pack("<IHHi", 8, 4, 400, 4), "an offset leads to byte"),
    ],
)
def test_a_root_that_leads_nowhere_is_malformed(data: bytes, what: str) -> None:
    with pytest.raises(Malformed, match=what):
        FileBytes(data).root()


def test_a_field_outside_its_table_is_malformed() -> None:
    with pytest.raises(Malformed, match="field 0 of the table at byte 10 lies outside the table"):
        FileBytes(one_table(8, body=b"1234")).root().integer(0, "i32")


def test_a_vector_longer_than_the_file_is_malformed() -> None:
    data = one_table(4, body=struct.pack("<II", 4, 2**32 - 1))
    with pytest.raises(Malformed, match="an offset leads to byte"):
        FileBytes(data).root().integers(0)


def test_more_tables_than_the_limit_are_malformed() -> None:
    data = one_table(4, body=struct.pack("<III", 4, 1, 0))
    with pytest.raises(Malformed, match="it lists 1 things, expected at most 0"):
        FileBytes(data).root().places(0, 0, "things")


def test_a_file_that_refers_to_the_same_bytes_over_and_over_is_given_up_on() -> None:
    table = FileBytes(one_table(4, body=struct.pack("<II4096i", 4, 4096, *range(4096)))).root()
    with pytest.raises(Malformed, match="over and over"):
        sum(len(table.integers(0)) for _ in range(1000))


def test_every_truncation_is_refused() -> None:
    for end in range(len(MODEL)):
        with pytest.raises(CompileError) as caught:
            read_tflite(MODEL[:end])
        assert caught.value.where.startswith("model.tflite")
        assert caught.value.hint


def test_a_damaged_file_says_so_in_three_lines() -> None:
    with pytest.raises(CompileError) as caught:
        read_tflite(MODEL[:40], name="half.tflite")
    assert caught.value.what.startswith("the file is damaged: an offset leads to byte")
    assert caught.value.where == "half.tflite"
    assert caught.value.hint == "copy or export the file again"


@pytest.mark.parametrize("version", [0, 2, 4])
def test_another_schema_version_is_refused(version: int) -> None:
    with pytest.raises(CompileError, match=f"schema version {version}, supported: 3"):
        read_tflite(write_odd(case_spec(sample_case("RELU")), Odd(version=version)))


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"inputs": (9,)}, "the graph names tensor 9 of 2"),
        ({"outputs": (-1,)}, "the graph names tensor -1 of 2"),
        ({"inputs": (0,) * 65}, "the graph has 65 inputs, expected at most 64"),
    ],
)
def test_a_graph_that_names_missing_tensors_is_damaged(
    fields: dict[str, tuple[int, ...]], what: str
) -> None:
    with pytest.raises(CompileError, match=what):
        read_tflite(with_graph(**fields))


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"inputs": (9,)}, "operator 0 reads tensor 9 of 2"),
        ({"inputs": (-2,)}, "operator 0 reads tensor -2 of 2"),
        ({"outputs": (7,)}, "operator 0 writes tensor 7 of 2"),
        ({"inputs": (0,) * 65536}, "its operators name 65537 tensors, expected at most 65536"),
    ],
)
def test_an_operator_that_names_missing_tensors_is_damaged(
    fields: dict[str, tuple[int, ...]], what: str
) -> None:
    with pytest.raises(CompileError, match=what):
        read_tflite(with_operator("RELU", **fields))
