# SPDX-License-Identifier: Apache-2.0
"""The contents of the board's answers, as docs/protocol.md defines them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcuforge.boards.link.frame import Frame

_HELLO = struct.Struct("<14I32s")
_OPEN = struct.Struct("<i")
_PROTOCOL = struct.Struct("<I")
_TENSOR = struct.Struct("<IIIfiI")
_RUN = struct.Struct("<Qi3I")
_COUNTERS = struct.Struct("<Q11I")
_DTYPES = ("int8", "uint8", "int32", "float32")
_DTYPE_BYTES = (1, 1, 4, 4)
CACHES = ("instruction", "data", "prefetch")  # by bit
DATA_BYTES = range(240, 4001)  # of one WRITE or READ: HELLO's answer must fit, and be a frame here
MOST_TENSORS = 65_536  # inputs or outputs; arenas too
MOST_BYTES = 1 << 30  # of a tensor or all arenas
SERIAL_FLASH = 0xFFFFFFFF  # in the place of wait states
RESETS = ("unknown", "power", "reset pin", "software", "watchdog", "low power")


class Malformed(ValueError):
    """An answer passed its CRC but breaks the protocol."""


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of the model in the firmware; `dtype` is numpy's name."""

    name: str
    bytes: int
    elements: int
    dtype: str
    scale: float
    zero_point: int
    row_bytes: int  # of a streamed input, whose rows are written while the model runs; else 0


@dataclass(frozen=True)
class Hello:
    """The board's answer to HELLO, in its order. The firmware cuts strings to 39 characters."""

    protocol: int
    data_bytes: int  # most bytes one request writes or reads
    window: int  # most requests under way at a time
    input_count: int
    output_count: int
    steps: int
    arenas: int
    arena_bytes: int  # of all arenas
    canary_bytes: int  # on either side of every arena; 0: not watched
    tick_hz: int
    poison: int  # 1: the build can overwrite dead bytes between steps
    chip_id: int  # of the chip's own register; 0: it has none
    reset: int  # index of RESETS: what started the firmware
    epoch: int  # OPEN gives it back
    model_hash: bytes  # SHA-256 of the model file
    model: str
    task: str  # MLPerf Tiny id
    board: str
    build: str

    @property
    def started_by(self) -> str:
        """What started the firmware, in words."""
        return RESETS[self.reset] if self.reset < len(RESETS) else RESETS[0]


@dataclass(frozen=True)
class RunAnswer:
    """The end of a run: all steps are done, or a step needs a row of a streamed input."""

    ticks: int
    status: int  # what the model returned
    reached: int  # steps done
    input: int  # whose row is wanted
    row: int
    step_ticks: tuple[int, ...] = ()  # of each step asked for, if each was to be timed


@dataclass(frozen=True)
class CoreState:
    """A core's clock in Hz, the wait states of its flash, and the caches that are on."""

    hz: int
    wait_states: int | None  # None: a serial flash has none
    caches: tuple[str, ...]


@dataclass(frozen=True)
class Counters:
    """The board's counters; stack bytes are 0 if the board cannot measure them."""

    ticks: int  # of the last run with all its parts, at Hello.tick_hz
    begin: int  # the steps it was to run: [begin, end)
    end: int
    stack_bytes: int  # high-water mark of the run itself
    stack_total_bytes: int  # of the whole stack at that time
    canary_before_changed: int  # canary bytes overwritten since the session began
    canary_after_changed: int
    dropped_bytes: int  # received bytes lost since the board started
    bad_frames: int  # damaged frames since the session began
    core_hz: int  # the clock that the chip's registers state; 0: the board cannot tell
    wait_states: int  # cycles that a read of the flash waits; or SERIAL_FLASH
    caches: int  # bits of CACHES: those that are on

    @property
    def canaries_intact(self) -> bool:
        """Whether no canary byte has changed in the session; true if the build has no canaries."""
        return self.canary_before_changed == 0 and self.canary_after_changed == 0

    @property
    def core(self) -> "CoreState | None":
        """What the chip's registers say of its core; None if the board cannot tell."""
        if not self.core_hz:
            return None
        on = [name for bit, name in enumerate(CACHES) if self.caches >> bit & 1]
        waits = None if self.wait_states == SERIAL_FLASH else self.wait_states
        return CoreState(self.core_hz, waits, tuple(on))


def _unpacked(layout: struct.Struct, body: bytes) -> tuple[Any, ...]:
    if len(body) < layout.size:
        raise Malformed(f"{len(body)} B, expected {layout.size} B")
    return layout.unpack_from(body)


def _strings(body: bytes) -> list[str]:
    return [part.decode("utf-8", errors="replace") for part in body.split(b"\0")[:-1]]


def read_hello(body: bytes) -> Hello:
    """Read the answer to HELLO; Malformed when it is too short, or says what cannot be."""
    fields = _unpacked(_HELLO, body)
    strings = _strings(body[_HELLO.size :])
    if len(strings) != 4:
        raise Malformed(f"{len(strings)} strings, expected 4")
    hello = Hello(*fields, *strings)
    _refuse_outside("data bytes", hello.data_bytes, DATA_BYTES)
    _refuse_outside("window", hello.window, range(1, 257))
    _refuse_outside("inputs", hello.input_count, range(MOST_TENSORS + 1))
    _refuse_outside("outputs", hello.output_count, range(MOST_TENSORS + 1))
    _refuse_outside("steps", hello.steps, range(1 << 31))
    _refuse_outside("arenas", hello.arenas, range(MOST_TENSORS + 1))
    _refuse_outside("arena bytes", hello.arena_bytes, range(MOST_BYTES + 1))
    _refuse_outside("ticks per second", hello.tick_hz, range(1, 1 << 32))
    return hello


def _refuse_outside(what: str, number: int, allowed: range) -> None:
    if number not in allowed:
        raise Malformed(f"{what} {number}, expected {allowed.start} to {allowed.stop - 1}")


def read_open(body: bytes) -> int:
    """Read the answer to OPEN: the model's status, 0 if it accepted its arenas."""
    return int(_unpacked(_OPEN, body)[0])


def read_protocol(body: bytes) -> int:
    """Read the protocol's version, the first number of the answer to HELLO in every version."""
    return int(_unpacked(_PROTOCOL, body)[0])


def read_tensor(body: bytes) -> TensorInfo:
    """Read the answer to TENSOR."""
    size, elements, dtype, scale, zero_point, row_bytes = _unpacked(_TENSOR, body)
    strings = _strings(body[_TENSOR.size :])
    if dtype >= len(_DTYPES) or len(strings) != 1:
        raise Malformed(f"dtype {dtype}, {len(strings)} strings")
    _refuse_outside("bytes of a tensor", size, range(MOST_BYTES + 1))
    if size != elements * _DTYPE_BYTES[dtype] or (row_bytes and size % row_bytes):
        raise Malformed(f"{elements} elements in {size} B, rows of {row_bytes} B")
    return TensorInfo(strings[0], size, elements, _DTYPES[dtype], scale, zero_point, row_bytes)


def read_run(timed: int, body: bytes) -> RunAnswer:
    """Read the final answer to RUN, which ends with the ticks of `timed` steps."""
    each = struct.Struct(f"<{timed}Q")
    told, ticks = body[: _RUN.size], body[_RUN.size :]
    spent, status, reached, index, row = _unpacked(_RUN, told)
    return RunAnswer(spent, status, reached, index, row, _unpacked(each, ticks))


def read_counters(body: bytes) -> Counters:
    """Read the answer to COUNTERS."""
    return Counters(*_unpacked(_COUNTERS, body))


def join_data(size: int, frames: Sequence[Frame]) -> bytes:
    """Join the answers to READs of `size` bytes together."""
    data = b"".join(frame.body for frame in frames)
    if len(data) != size:
        raise Malformed(f"{len(data)} B of data, expected {size} B")
    return data
