# SPDX-License-Identifier: Apache-2.0
"""COBS: what is stuffed comes back, and never holds a zero."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcuforge.boards.link.cobs import decode, encode

ZERO_RICH = st.lists(st.sampled_from([b"\0", b"\x01", b"\xff", b"x" * 253, b"y" * 254])).map(
    b"".join
)


@given(st.binary(max_size=700) | ZERO_RICH)
def test_decode_undoes_encode_and_no_zero_is_sent(data: bytes) -> None:
    encoded = encode(data)
    assert 0 not in encoded
    assert len(encoded) <= len(data) + 1 + len(data) // 254
    assert decode(encoded) == data


@pytest.mark.parametrize(
    ("data", "encoded"),
    [
        (b"", b"\x01"),
        (b"\0", b"\x01\x01"),
        (b"\0\0", b"\x01\x01\x01"),
        (b"\x11\x22\0\x33", b"\x03\x11\x22\x02\x33"),
        (b"\x11\0\0\0", b"\x02\x11\x01\x01\x01"),
    ],
)
def test_published_examples_encode_as_published(data: bytes, encoded: bytes) -> None:
    assert encode(data) == encoded


def test_a_full_block_at_the_end_decodes_with_and_without_its_empty_successor() -> None:
    block = bytes(range(1, 255))
    assert decode(b"\xff" + block) == block
    assert decode(b"\xff" + block + b"\x01") == block


@pytest.mark.parametrize("damaged", [b"\x03x", b"\0", b"\x02x\0", b"\x05ab\0d", b"\xffshort"])
def test_what_encode_never_makes_is_refused(damaged: bytes) -> None:
    assert decode(damaged) is None


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    decoded = decode(data)
    assert decoded is None or len(decoded) < max(1, len(data))
