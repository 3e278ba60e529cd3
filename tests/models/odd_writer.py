# SPDX-License-Identifier: Apache-2.0
"""Writes .tflite files that converters make seldom or never: what readers must also understand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import tflite

from mcuforge.compiler.builders.tflite_writer import ModelSpec, TensorSpec, Writer, payload_of
from mcuforge.compiler.judges.flatbuffer_front import DATA_ALIGNMENT

Fields = Mapping[str, int | float | bool | None]


@dataclass(frozen=True, eq=False)
class OddTensor(TensorSpec):
    """A tensor with a property that mcuforge refuses."""

    variable: bool = False
    sparse: bool = False
    custom_scheme: bool = False  # quantized in a way only its maker knows


def odd_tensor(tensor: TensorSpec, **changed: object) -> OddTensor:
    """Change some fields of a tensor, those of OddTensor too."""
    own = {f.name: getattr(tensor, f.name) for f in fields(tensor)}
    return OddTensor(**(own | changed))


@dataclass(frozen=True)
class Odd:
    """What is odd about a file.

    external: constants lie behind the flatbuffer. empty_subgraphs: further ones.
    signature_subgraph: the one that the names of inputs and outputs are about.
    """

    external: bool = False
    empty_subgraphs: int = 0
    signature_subgraph: int = 0
    version: int = 3


def write_odd(spec: ModelSpec, odd: Odd | None = None) -> bytes:
    """Write a file; offsets of external constants count from its start."""
    odd = odd or Odd()
    if not odd.external:
        return _OddWriter(spec, odd, {}).file()
    blobs = {i: payload_of(t.data) for i, t in enumerate(spec.tensors) if t.data is not None}
    places = {i: (1 << 20, len(b)) for i, b in blobs.items()}  # any offset gives the same size
    root = _OddWriter(spec, odd, places).file()
    at = _aligned(len(root))
    for i, blob in blobs.items():
        places[i] = (at, len(blob))
        at = _aligned(at + len(blob))
    file = bytearray(_OddWriter(spec, odd, places).file())
    assert len(file) == len(root)
    for i, blob in blobs.items():
        file.extend(bytes(places[i][0] - len(file)))
        file.extend(blob)
    return bytes(file)


def write_several(named: Mapping[str, ModelSpec]) -> bytes:
    """Write a file of several subgraphs with these names; those with a signature have a key too."""
    return _SeveralWriter(named).file()


def write_external(spec: ModelSpec) -> bytes:
    """Write a file whose constants lie behind the flatbuffer."""
    return write_odd(spec, Odd(external=True))


def _aligned(offset: int) -> int:
    return -(-offset // DATA_ALIGNMENT) * DATA_ALIGNMENT


class _OddWriter(Writer):
    """A writer that adds fields to tables of some kinds."""

    def __init__(self, spec: ModelSpec, odd: Odd, places: Mapping[int, tuple[int, int]]) -> None:
        super().__init__(spec)
        self.odd = odd
        self.places = places
        self.more: dict[str, Fields] = {
            "Model": {"Version": odd.version},
            "SignatureDef": {"SubgraphIndex": odd.signature_subgraph},
        }

    def table(self, name: str, fields: Fields) -> int:
        return super().table(name, {**fields, **self.more.get(name, {})})

    def subgraphs(self) -> list[int]:
        empty = [self.table("SubGraph", {}) for _ in range(self.odd.empty_subgraphs)]
        return [*super().subgraphs(), *empty]

    def buffer(self, index: int, tensor: TensorSpec) -> int:
        if index not in self.places:
            return super().buffer(index, tensor)
        offset, size = self.places[index]
        return self.table("Buffer", {"Offset": offset, "Size": size})

    def tensor(self, index: int, tensor: TensorSpec) -> int:
        if not isinstance(tensor, OddTensor):
            return super().tensor(index, tensor)
        sparse = self.table("SparsityParameters", {}) if tensor.sparse else None
        self.more["Tensor"] = {"IsVariable": tensor.variable, "Sparsity": sparse}
        if tensor.custom_scheme:
            kind = tflite.QuantizationDetails.CustomQuantization
            scheme = self.table("CustomQuantization", {})
            self.more["QuantizationParameters"] = {"DetailsType": kind, "Details": scheme}
        made = super().tensor(index, tensor)
        self.more.pop("Tensor")
        self.more.pop("QuantizationParameters", None)
        return made


class _SeveralWriter(Writer):
    """A writer of several subgraphs, each with its own tensors and buffers."""

    def __init__(self, named: Mapping[str, ModelSpec]) -> None:
        specs = named.values()
        tensors = tuple(tensor for spec in specs for tensor in spec.tensors)
        operators = tuple(operator for spec in specs for operator in spec.operators)
        super().__init__(ModelSpec(tensors, operators, (), ()))
        self.named = named

    def subgraphs(self) -> list[int]:
        found = []
        first = 0
        for name, spec in self.named.items():
            found.append(self.subgraph(spec, name, first))
            first += len(spec.tensors)
        return found

    def signatures(self) -> list[int]:
        return [
            self.signature(spec, f"key_{name}", place)
            for place, (name, spec) in enumerate(self.named.items())
            if spec.signature is not None
        ]
