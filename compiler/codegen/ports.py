# SPDX-License-Identifier: Apache-2.0
"""The generated model's inputs, outputs and arenas, as its header describes them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.codegen.constants import literal
from mcuforge.compiler.codegen.names import distinct, identifier
from mcuforge.compiler.graph import Port as FilePort
from mcuforge.compiler.tensors import Array, DType, Tensor

MOST_NUMBERS = 16  # of a vector that is written out


@dataclass(frozen=True)
class Arena:
    """Memory that the caller gives the model: one arena for each region that the plan uses."""

    region: str
    word: str  # the region in identifiers; empty if there is only one arena
    bytes: int

    @property
    def variable(self) -> str:
        """The name of its address in the generated functions."""
        return f"a_{self.word}" if self.word else "a"

    @property
    def section(self) -> str:
        """Its section in the linker script; region "ram" lies where a board keeps variables."""
        return ".mcuforge_arena" + (f".{self.region}" if self.region != "ram" else "")

    @property
    def suffix(self) -> str:
        """'_dtcm' of arena_dtcm; empty if there is one arena."""
        return f"_{self.word}" if self.word else ""


def arenas_of(peaks: Mapping[str, int]) -> tuple[Arena, ...]:
    """Make an arena for each region in use; a model that needs no memory gets one byte."""
    used = {region: peak for region, peak in peaks.items() if peak > 0}
    if len(used) < 2:
        region, peak = next(iter((used or peaks).items()))
        return (Arena(region, "", max(peak, 1)),)
    words = distinct([identifier(region) for region in used])
    return tuple(
        Arena(region, word, peak) for (region, peak), word in zip(used.items(), words, strict=True)
    )


@dataclass(frozen=True)
class Port:
    """An input or output of the generated model."""

    name: str  # the user's tensor name
    shape: str
    c_type: str
    address: str  # in the generated functions; a streamed input has none
    bytes: int
    elements: int
    rows: int
    dtype: DType
    scale: float
    zero_point: int
    streamed: bool = False
    in_file: str = ""  # its form in the model's file, if that differs

    @property
    def row_bytes(self) -> int:
        """Bytes of one of its rows."""
        return self.bytes // max(self.rows, 1)

    @property
    def quantized(self) -> bool:
        """Whether an element is an integer that stands for a real value."""
        return self.dtype is not DType.FLOAT32

    @property
    def scale_literal(self) -> str:
        """The scale as a C float."""
        return literal(float(np.float32(self.scale)))

    @property
    def zero_literal(self) -> str:
        """The zero-point as a macro's value: '83', '(-128)'."""
        return f"({self.zero_point})" if self.zero_point < 0 else str(self.zero_point)

    @property
    def meaning(self) -> str:
        """The meaning of an integer, ', real = 0.1 * (q + 5)'; empty for a float."""
        if self.dtype is DType.FLOAT32:
            return ""
        zero = f"(q {'-' if self.zero_point > 0 else '+'} {abs(self.zero_point)})"
        return f", real = {np.float32(self.scale)!s} * {zero if self.zero_point else 'q'}"


def file_words(tensor: Tensor, port: FilePort | None, *, output: bool = False) -> str:
    """Describe the form of an input or output in the model's file; empty if it is the same here."""
    plain = FilePort(tensor.dtype.value, tensor.shape, tuple(range(len(tensor.shape))))
    if port is None or port == plain:
        return ""
    words = f"In the model's file: {port.dtype} {'x'.join(map(str, port.shape))}"
    if port.dtype == DType.FLOAT32.value and tensor.dtype is not DType.FLOAT32:
        into = f"q = round(x / scale) + zero_point, halves to even, kept in {tensor.dtype.value}"
        words += ", x = scale * (q - zero_point)" if output else f", {_steps_text(port)}{into}"
    if port.shift:
        words += f", {port.shift} more than here" if output else f", here less {port.shift}"
    if port.perm != tuple(range(len(port.perm))):
        order = ", ".join(map(str, port.perm))
        last = " (channels last)" if port.perm == (0, *range(2, len(port.perm)), 1) else ""
        words += f"; here its axes are in the order {order}{last}"
    return f"{words}."


def _steps_text(port: FilePort) -> str:
    """Say what comes before an input is quantized: 'first x - 0.5, then x / [0.2, 0.3], then '."""
    signs = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
    taken = [f"x {signs[step.kind]} {_numbers_text(step.operand)}" for step in port.steps]
    return f"first {', then '.join(taken)}, then " if taken else ""


def _numbers_text(values: Array) -> str:
    """Write a number, or a few in brackets; of many only how many there are."""
    flat = [str(np.float32(v)) for v in values.reshape(-1)]
    if len(flat) == 1:
        return flat[0]
    shown = ", ".join(flat) if len(flat) <= MOST_NUMBERS else f"{len(flat)} numbers of the file"
    return f"[{shown}]"


def shape_text(tensor: Tensor) -> str:
    """Write the shape without the batch: '25x5x64'."""
    return "x".join(str(d) for d in (tensor.shape[1:] or tensor.shape)) or "1"
