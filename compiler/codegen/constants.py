# SPDX-License-Identifier: Apache-2.0
"""Constant arrays of the generated code: one per distinct content, named after its first layer."""

import math
from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.calls import Blob
from mcuforge.compiler.codegen.names import numbered
from mcuforge.compiler.tensors import Array
from mcuforge.errors import InternalError

LINE_COLUMNS = 95


@dataclass(frozen=True)
class ConstantArray:
    """One array of weights.c. `lines` are its initializers, ready to print."""

    name: str
    c_type: str
    elements: int
    bytes: int
    lines: tuple[str, ...]
    about: str  # the layer it was first met in, and its shape


class ConstantPool:
    """A pool of named blobs; equal content (dtype and bytes) is stored once."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._arrays: dict[tuple[str, bytes], ConstantArray] = {}
        self._names: set[str] = set()
        self._users: dict[str, set[str]] = {}

    def name(self, blob: Blob, layer: str) -> str:
        """Name the C array that holds `blob`; `layer` is the identifier of the layer that asks."""
        data = np.ascontiguousarray(blob.data)
        key = (data.dtype.name, data.tobytes())
        if key not in self._arrays:
            shape = "x".join(str(d) for d in data.shape)
            self._arrays[key] = ConstantArray(
                name=numbered(f"{self._prefix}_{layer}_{blob.role}", self._names),
                c_type="float" if data.dtype.kind == "f" else f"{data.dtype.name}_t",
                elements=max(data.size, 1),
                bytes=data.nbytes,
                lines=tuple(_lines(data)),
                about=f"{layer}: {blob.role} ({shape})",
            )
        name = self._arrays[key].name
        self._users.setdefault(name, set()).add(layer)
        return name

    def users(self, array: ConstantArray) -> frozenset[str]:
        """List the identifiers of the layers that asked for the array."""
        return frozenset(self._users[array.name])

    def arrays(self) -> tuple[ConstantArray, ...]:
        """List every named array, in the order of first use."""
        return tuple(self._arrays.values())


def _lines(data: Array) -> list[str]:
    """Write the elements as literals, as many per line as fit: networks have millions of them."""
    values = data.reshape(-1).tolist() or [0]
    if data.dtype.kind == "f":  # one by one: -0.0 equals 0.0
        words = [literal(v) + ",\n" for v in values]
    else:
        known = {v: literal(v) + ",\n" for v in set(values)}
        words = [known[v] for v in values]
    text = "".join(words)
    lines = []
    begin, end = 0, len(text)
    while end - begin > LINE_COLUMNS + 2:
        cut = text.rindex("\n", begin, begin + LINE_COLUMNS + 2)
        lines.append(text[begin:cut].replace("\n", " "))
        begin = cut + 1
    return [*lines, text[begin:-2].replace("\n", " ")]


def literal(value: float) -> str:
    """Write a C literal of exactly this int32 or float32; InternalError for other values."""
    if isinstance(value, int):
        return "(-2147483647 - 1)" if value == -(2**31) else str(value)
    if not math.isfinite(value):
        raise InternalError(f"{value} has no literal in C")
    text = np.format_float_scientific(np.float32(value), unique=True, trim="0")
    return f"{text}f"
