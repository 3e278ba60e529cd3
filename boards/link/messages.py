# SPDX-License-Identifier: Apache-2.0
"""What the board's answers hold, as runtime_c/firmware/session.h lists it."""

import struct
from dataclasses import dataclass

_HELLO = struct.Struct("<8Ii32s")
_PROTOCOL = struct.Struct("<I")
_TENSOR = struct.Struct("<IIIfi")
_RUN = struct.Struct("<Qi")
_COUNTERS = struct.Struct("<Q8I")
_DTYPES = ("int8", "uint8", "int32", "float32")


class Malformed(ValueError):
    """An answer passed its CRC but is not what the protocol says."""


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of the model in the firmware; dtype is numpy's name."""

    name: str
    bytes: int
    elements: int
    dtype: str
    scale: float
    zero_point: int


@dataclass(frozen=True)
class Hello:
    """The board introducing itself. Strings are cut to 39 characters by the firmware."""

    protocol: int
    data_bytes: int  # most bytes one request writes or reads
    input_count: int
    output_count: int
    layers: int
    arena_bytes: int
    guard_bytes: int  # canary bytes on either side of the arena; 0: not watched
    tick_hz: int
    model_status: int  # 0: the model accepted its arena
    model_hash: bytes  # SHA-256 of the model file
    model: str
    task: str  # MLPerf Tiny id
    board: str
    build: str


@dataclass(frozen=True)
class Counters:
    """What the board counted; stack bytes are 0 where it cannot tell."""

    ticks: int  # of the last run, at Hello.tick_hz
    begin: int  # the layers it ran: [begin, end)
    end: int
    stack_bytes: int  # high-water mark of the run itself
    stack_total_bytes: int  # of the whole stack at that time
    guard_before_changed: int  # canary bytes overwritten since the hello
    guard_after_changed: int
    dropped_bytes: int  # received bytes lost since the board started
    bad_frames: int  # damaged frames since the hello

    @property
    def canaries_intact(self) -> bool:
        """Nothing wrote outside the arena since the hello (where it is watched)."""
        return self.guard_before_changed == 0 and self.guard_after_changed == 0


def _check_size(layout: struct.Struct, body: bytes) -> None:
    if len(body) < layout.size:
        raise Malformed(f"{len(body)} B, wanted {layout.size} B")


def _integers(layout: struct.Struct, body: bytes) -> tuple[int, ...]:
    _check_size(layout, body)
    return layout.unpack_from(body)


def _strings(body: bytes) -> list[str]:
    return [part.decode("utf-8", errors="replace") for part in body.split(b"\0")[:-1]]


def read_hello(body: bytes) -> Hello:
    """The answer to HELLO. Malformed when it is too short; only `protocol` is sure to be read."""
    _check_size(_HELLO, body)
    protocol, data_bytes, inputs, outputs, layers, *rest = _HELLO.unpack_from(body)
    arena_bytes, guard_bytes, tick_hz, model_status, model_hash = rest
    strings = _strings(body[_HELLO.size :])
    if len(strings) != 4:
        raise Malformed(f"{len(strings)} strings, wanted 4")
    model, task, board, build = strings
    return Hello(
        protocol=protocol,
        data_bytes=data_bytes,
        input_count=inputs,
        output_count=outputs,
        layers=layers,
        arena_bytes=arena_bytes,
        guard_bytes=guard_bytes,
        tick_hz=tick_hz,
        model_status=model_status,
        model_hash=model_hash,
        model=model,
        task=task,
        board=board,
        build=build,
    )


def read_protocol(body: bytes) -> int:
    """The first number of the answer to HELLO in every version of the protocol."""
    return _integers(_PROTOCOL, body)[0]


def read_tensor(body: bytes) -> TensorInfo:
    """The answer to TENSOR."""
    _check_size(_TENSOR, body)
    size, elements, dtype, scale, zero_point = _TENSOR.unpack_from(body)
    strings = _strings(body[_TENSOR.size :])
    if dtype >= len(_DTYPES) or len(strings) != 1:
        raise Malformed(f"dtype {dtype}, {len(strings)} strings")
    return TensorInfo(strings[0], size, elements, _DTYPES[dtype], scale, zero_point)


def read_run(body: bytes) -> tuple[int, int]:
    """The final answer to RUN: ticks, and what the model returned."""
    ticks, status = _integers(_RUN, body)
    return ticks, status


def read_counters(body: bytes) -> Counters:
    """The answer to COUNTERS."""
    return Counters(*_integers(_COUNTERS, body))


def read_data(size: int, body: bytes) -> bytes:
    """The answer to READ of `size` bytes."""
    if len(body) != size:
        raise Malformed(f"{len(body)} B of data, wanted {size} B")
    return body
