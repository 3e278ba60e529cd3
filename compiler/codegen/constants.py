# SPDX-License-Identifier: Apache-2.0
"""Constant arrays of the generated code: one per distinct content, named after its first layer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mcuforge.compiler.calls import Blob
from mcuforge.compiler.codegen.names import distinct, identifier, numbered
from mcuforge.compiler.schedule.schedule import Layer, Schedule
from mcuforge.compiler.schedule.weights import Constant, PlaceWeights, reads_per_inference
from mcuforge.compiler.tensors import Array
from mcuforge.errors import InternalError

LINE_COLUMNS = 95


@dataclass(frozen=True, eq=False)
class ConstantArray:
    """One array of weights.c."""

    name: str
    data: Array  # of any shape and dtype, contiguous
    about: str  # the layer it was first met in, and its shape

    @property
    def c_type(self) -> str:
        """The C type of an element."""
        return "float" if self.data.dtype.kind == "f" else f"{self.data.dtype.name}_t"

    @property
    def elements(self) -> int:
        """The number of elements, 1 where there would be none."""
        return max(self.data.size, 1)

    @property
    def bytes(self) -> int:
        """Bytes of flash."""
        return self.data.nbytes

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Its initializers, ready to print."""
        return tuple(_lines(self.data))


@dataclass(frozen=True)
class StoredConstants:
    """The constant arrays of a model, and where they lie."""

    constants: tuple[ConstantArray, ...]
    flash: Mapping[str, str]  # the region of constants that do not lie in the image's flash

    @property
    def weights_bytes(self) -> int:
        """Bytes of every constant array."""
        return sum(c.bytes for c in self.constants)

    @property
    def further_weights(self) -> dict[str, int]:
        """Bytes of constants in each flash other than the image's."""
        found: dict[str, int] = {}
        for constant in self.constants:
            region = self.flash.get(constant.name)
            if region is not None:
                found[region] = found.get(region, 0) + constant.bytes
        return found


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
                data=data,
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


def collect(schedule: Schedule) -> ConstantPool:
    """Name every constant array that the layers of `schedule` read, in the order they run."""
    pool = ConstantPool(identifier(schedule.graph.name))
    for layer_id, layer in identified(schedule).items():
        for call in layer.calls:
            for blob in call.blobs():
                pool.name(blob, layer_id)
    return pool


def store(
    schedule: Schedule, pool: ConstantPool, place_weights: PlaceWeights | None
) -> StoredConstants:
    """The arrays of `pool`, those that `place_weights` names outside the image's flash."""
    weights = {} if place_weights is None else place_weights(_counted(pool, identified(schedule)))
    unknown = sorted(set(weights) - {array.name for array in pool.arrays()})
    if unknown:
        raise InternalError(f"no constant array is called {', '.join(unknown)}")
    return StoredConstants(pool.arrays(), weights)


def identified(schedule: Schedule) -> dict[str, Layer]:
    """The layers by their identifiers in the C, in the order they run."""
    names = distinct([identifier(layer.node.name) for layer in schedule.layers])
    return dict(zip(names, schedule.layers, strict=True))


def _counted(pool: ConstantPool, layers: Mapping[str, Layer]) -> list[Constant]:
    """Count how often an inference reads each array; `layers` are keyed by their identifiers."""
    arrays = pool.arrays()
    largest: dict[str, int] = {}
    for array in arrays:
        for layer in pool.users(array):
            largest[layer] = max(largest.get(layer, 0), array.elements)
    return [
        Constant(
            array.name,
            array.bytes,
            sum(
                reads_per_inference(layers[layer].node, array.elements, largest[layer])
                for layer in pool.users(array)
            ),
        )
        for array in arrays
    ]


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
