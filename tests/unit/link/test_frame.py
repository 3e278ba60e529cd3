# SPDX-License-Identifier: Apache-2.0
"""Frames among text and noise."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mcuforge.boards.link.frame import Event, Frame, Kind, Splitter, decode, encode

BODIES = st.binary(max_size=264)
PROLOGUE = b"m-timestamp-mode-performance\r\nm-init-done\r\nm-ready\r\n"


NUMBERS = st.integers(0, 2**32 - 1)


@given(BODIES, NUMBERS, NUMBERS, st.integers(0, 255))
def test_a_frame_survives_the_wire(body: bytes, nonce: int, sequence: int, status: int) -> None:
    wire = encode(Kind.READ, nonce, sequence, body, status)
    assert Splitter().feed(wire) == [Frame(Kind.READ, status, nonce, sequence, body)]
    assert 0 not in wire[1:-1]


@given(st.lists(BODIES, max_size=4), st.lists(st.integers(0, 2000), max_size=6))
def test_how_bytes_arrive_makes_no_difference(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"text\r\n".join(encode(Kind.READ, 1, i, body) for i, body in enumerate(bodies))
    splitter = Splitter()
    frames = []
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for begin, end in itertools.pairwise(edges):
        frames += splitter.feed(stream[begin:end])
    assert [frame.body for frame in frames] == bodies


@given(BODIES, st.data())
def test_a_damaged_frame_is_never_taken_for_a_good_one(body: bytes, data: st.DataObject) -> None:
    chunk = bytearray(encode(Kind.READ, 1, 1, body)[1:-1])
    place = data.draw(st.integers(0, len(chunk) - 1))
    chunk[place] ^= data.draw(st.integers(1, 255))
    assert decode(bytes(chunk)) is None


@given(st.lists(st.binary(max_size=3000), max_size=5))
def test_no_noise_breaks_the_splitter_and_the_next_frame_is_heard(noise: list[bytes]) -> None:
    splitter = Splitter()
    for piece in noise:
        splitter.feed(piece)
    assert splitter.feed(encode(Kind.RUN, 5, 7, b"x"))[-1] == Frame(Kind.RUN, 0, 5, 7, b"x")
    assert len(splitter.foreign()) <= 2 * 4096


def test_a_fault_and_a_start_are_heard_once_and_in_order() -> None:
    splitter = Splitter()
    splitter.feed(b"\r\nm-fault-[hard fault pc=0x1]\r\n" + PROLOGUE)
    assert splitter.take_events() == [Event("hard fault pc=0x1"), Event(None)]
    assert splitter.take_events() == []


def test_a_fault_in_the_middle_of_a_frame_is_heard() -> None:
    splitter = Splitter()
    half = encode(Kind.READ, 1, 1, bytes(range(200)))[:90]
    assert splitter.feed(half + b"\r\nm-fault-[bus fau") == []
    assert splitter.take_events() == []
    splitter.feed(b"lt]\r\n")
    assert splitter.take_events() == [Event("bus fault")]
    assert splitter.feed(encode(Kind.RUN, 5, 2)) == [Frame(Kind.RUN, 0, 5, 2)]


def test_a_frame_behind_a_start_is_not_lost() -> None:
    splitter = Splitter()
    frames = splitter.feed(b"noise\0" + PROLOGUE + encode(Kind.RUN, 5, 2, b"a")[:6])
    assert splitter.take_events() == [Event(None)]
    frames += splitter.feed(encode(Kind.RUN, 5, 2, b"a")[6:])
    assert frames == [Frame(Kind.RUN, 0, 5, 2, b"a")]


def test_damaged_frames_are_counted_apart_from_text_and_noise() -> None:
    splitter = Splitter()
    wire = encode(Kind.READ, 1, 2, b"data")
    splitter.feed(b"text\0noise\0" + wire + wire[:5] + bytes([wire[5] ^ 1]) + wire[6:])
    assert (splitter.whole, splitter.damaged) == (1, 1)
