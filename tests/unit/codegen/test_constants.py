# SPDX-License-Identifier: Apache-2.0
"""Constant arrays: every value reads back exactly, equal content is stored once."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcuforge.compiler.calls import Blob
from mcuforge.compiler.codegen.constants import LINE_COLUMNS, ConstantPool, literal
from mcuforge.errors import InternalError

INT_LITERAL = re.compile(r"-?\d+|\(-2147483647 - 1\)")
FLOAT_LITERAL = re.compile(r"-?\d+\.\d+e[+-]\d+f")


def read_int(text: str) -> int:
    """The value of a C integer literal, no literal of which exceeds an int32."""
    assert INT_LITERAL.fullmatch(text)
    if text == "(-2147483647 - 1)":
        return -2147483648
    assert abs(int(text)) <= 2**31 - 1  # C reads a sign apart from the number
    return int(text)


def read_float(text: str) -> np.float32:
    assert FLOAT_LITERAL.fullmatch(text)
    return np.float32(text.removesuffix("f"))


@pytest.mark.parametrize("value", [0, 1, -1, 127, -128, 2**31 - 1, -(2**31), -(2**31) + 1])
def test_an_int32_reads_back(value: int) -> None:
    assert read_int(literal(value)) == value


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_reads_back_bit_for_bit(value: float) -> None:
    again = read_float(literal(value))
    assert again.tobytes() == np.float32(value).tobytes()


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-45, 1.1754942e-38, 3.4028235e38, 0.1, 1 / 256])
def test_the_edges_of_float32_read_back(value: float) -> None:
    assert read_float(literal(value)).tobytes() == np.float32(value).tobytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_c_has_no_literal_for_is_our_fault(value: float) -> None:
    with pytest.raises(InternalError, match="no literal in C"):
        literal(value)


def test_equal_content_is_stored_once_and_named_after_its_first_layer() -> None:
    pool = ConstantPool("net")
    first = pool.name(Blob("weights", np.arange(4, dtype=np.int8)), "conv")
    again = pool.name(Blob("bias", np.arange(4, dtype=np.int8).reshape(2, 2)), "dense")
    assert first == again == "net_conv_weights"
    assert [a.name for a in pool.arrays()] == ["net_conv_weights"]


def test_equal_bytes_of_another_type_are_another_array() -> None:
    pool = ConstantPool("net")
    zeros = [np.zeros(n, t) for n, t in ((4, np.int8), (4, np.uint8), (1, np.int32))]
    names = [pool.name(Blob("table", data), "layer") for data in zeros]
    assert names == ["net_layer_table", "net_layer_table_2", "net_layer_table_3"]
    assert [a.c_type for a in pool.arrays()] == ["int8_t", "uint8_t", "int32_t"]


def test_names_stay_distinct_when_a_layer_is_called_like_a_number_of_another() -> None:
    pool = ConstantPool("net")
    names = [
        pool.name(Blob("w", np.array([i], np.int8)), layer)
        for i, layer in enumerate(("a", "a", "a_w", "a_w_2", "a"))
    ]
    assert len(set(names)) == len(names)


def test_the_order_of_memory_does_not_matter_only_that_of_the_elements() -> None:
    data = np.arange(6, dtype=np.int32).reshape(2, 3)
    pool = ConstantPool("net")
    assert pool.name(Blob("w", data), "a") == pool.name(Blob("w", data.T.copy().T), "b")
    assert pool.arrays()[0].lines == ("0, 1, 2, 3, 4, 5",)


def test_an_array_says_its_size_and_where_it_comes_from() -> None:
    pool = ConstantPool("net")
    pool.name(Blob("weights", np.full((2, 3, 1), -128, np.int8)), "conv")
    array = pool.arrays()[0]
    assert (array.elements, array.bytes, array.c_type) == (6, 6, "int8_t")
    assert array.about == "conv: weights (2x3x1)"


def test_an_empty_array_still_has_the_one_element_c_asks_for() -> None:
    pool = ConstantPool("net")
    pool.name(Blob("bias", np.zeros(0, np.int32)), "conv")
    array = pool.arrays()[0]
    assert (array.elements, array.bytes, array.lines) == (1, 0, ("0",))


def test_long_arrays_are_broken_into_short_lines_and_lose_nothing() -> None:
    data = np.array([-(2**31), 2**31 - 1, 0, 7] * 200, np.int32)
    pool = ConstantPool("net")
    pool.name(Blob("bias", data), "conv")
    lines = pool.arrays()[0].lines
    assert max(map(len, lines)) <= LINE_COLUMNS
    assert all(line.endswith(",") for line in lines[:-1])
    words = [w.strip() for w in " ".join(lines).split(",")]
    assert [read_int(w) for w in words] == data.tolist()
