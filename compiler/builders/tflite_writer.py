# SPDX-License-Identifier: Apache-2.0
"""Writes .tflite files from plain records, sound ones and damaged ones: tests need both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import tflite

from mcuforge.compiler.tensors import Array

try:
    import flatbuffers
except ImportError as missing:
    raise ImportError(
        "flatbuffers is not installed, and the writer of .tflite files needs it; "
        "try: pip install flatbuffers (`pip install -e '.[dev]'` has it)"
    ) from missing

TYPES = {
    "float32": tflite.TensorType.FLOAT32,
    "float16": tflite.TensorType.FLOAT16,
    "int32": tflite.TensorType.INT32,
    "uint8": tflite.TensorType.UINT8,
    "int64": tflite.TensorType.INT64,
    "bool": tflite.TensorType.BOOL,
    "int16": tflite.TensorType.INT16,
    "int8": tflite.TensorType.INT8,
    "int4": tflite.TensorType.INT4,
}
VERSIONS = {"BROADCAST_TO": 2}  # operators whose version 1 the readers do not know any more
ALIGNMENT = 16  # bytes; TFLite requires it of buffer data
# the bytes of examples/digits and the answers recorded in tests/models contain this description
DESCRIPTION = "written by a test"
Field = int | float | bool | tuple[int, ...]  # the value of one field of an option table
Options = tuple[str, Mapping[str, Field]]


@dataclass(frozen=True, eq=False)
class TensorSpec:
    """One tensor of the file; without `data` it is a run-time tensor."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "int8"
    scale: tuple[float, ...] | None = None
    zero_point: tuple[int, ...] = (0,)
    axis: int = 0
    data: Array | bytes | None = None
    signature: tuple[int, ...] | None = None  # shape_signature, -1 for a dynamic dimension
    variable: bool = False
    sparse: bool = False
    custom_scheme: bool = False  # quantized in a way only its maker knows


@dataclass(frozen=True, eq=False)
class OperatorSpec:
    """One operator; it names tensors by index, -1 for an absent optional input."""

    code: str | int  # "CONV_2D", or a number the schema may not know
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options | None = None
    custom_code: str = ""


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """A model of one subgraph, or more where further empty ones are asked for.

    Constant data lies inside the flatbuffer, or behind it (`external_buffers`).
    """

    tensors: tuple[TensorSpec, ...]
    operators: tuple[OperatorSpec, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    signature: tuple[tuple[str, ...], tuple[str, ...]] | None = None  # input and output names
    signature_subgraph: int = 0
    external_buffers: bool = False
    empty_subgraphs: int = 0
    version: int = 3


def write_model(spec: ModelSpec) -> bytes:
    """Write the file and return its bytes.

    External buffers lie behind the root table; their offsets count from the start of the file.
    """
    if not spec.external_buffers:
        return _Writer(spec, {}).finish()
    blobs = _payloads(spec)
    places = {i: (1 << 20, len(b)) for i, b in blobs.items()}  # any offset gives the same size
    root = _Writer(spec, places).finish()
    at = _aligned(len(root))
    for i, blob in blobs.items():
        places[i] = (at, len(blob))
        at = _aligned(at + len(blob))
    file = bytearray(_Writer(spec, places).finish())
    assert len(file) == len(root)
    for i, blob in blobs.items():
        file.extend(bytes(places[i][0] - len(file)))
        file.extend(blob)
    return bytes(file)


def _aligned(offset: int) -> int:
    return -(-offset // ALIGNMENT) * ALIGNMENT


def _payloads(spec: ModelSpec) -> dict[int, bytes]:
    """Return the bytes of each constant by its tensor's index."""
    return {
        i: t.data if isinstance(t.data, bytes) else t.data.tobytes()
        for i, t in enumerate(spec.tensors)
        if t.data is not None
    }


class _Writer:
    """Builds one flatbuffer from the leaves up; buffer i + 1 belongs to tensor i."""

    def __init__(self, spec: ModelSpec, places: dict[int, tuple[int, int]]) -> None:
        self.spec = spec
        self.places = places
        self.builder = flatbuffers.Builder(4096)
        self.codes = tuple(dict.fromkeys((o.code, o.custom_code) for o in spec.operators))

    def finish(self) -> bytes:
        """Build the root table and return the file with its identifier."""
        payloads = _payloads(self.spec)
        buffers = [self._table("Buffer", {})]
        buffers += [self._buffer(i, payloads.get(i)) for i in range(len(self.spec.tensors))]
        subgraphs = [self._subgraph()]
        subgraphs += [self._table("SubGraph", {}) for _ in range(self.spec.empty_subgraphs)]
        fields = {
            "Version": self.spec.version,
            "OperatorCodes": self._offsets([self._code(c, custom) for c, custom in self.codes]),
            "Subgraphs": self._offsets(subgraphs),
            "Description": self.builder.CreateString(DESCRIPTION),
            "Buffers": self._offsets(buffers),
        }
        if self.spec.signature is not None:
            fields["SignatureDefs"] = self._offsets([self._signature(*self.spec.signature)])
        root = self._table("Model", fields)
        self.builder.Finish(root, file_identifier=b"TFL3")
        return bytes(self.builder.Output())

    def _table(self, table: str, fields: Mapping[str, int | float | bool]) -> int:
        """Build a table of the schema from its fields, named as in the tflite package."""
        self._function(f"{table}Start")(self.builder)
        for name, value in fields.items():
            self._function(f"{table}Add{name}")(self.builder, value)
        return self._function(f"{table}End")(self.builder)

    def _function(self, name: str) -> Callable[..., int]:
        function: Callable[..., int] = getattr(tflite, name)
        return function

    def _vector(self, table: str, name: str, values: Iterable[int | float], push: str) -> int:
        items = list(values)
        self._function(f"{table}Start{name}Vector")(self.builder, len(items))
        for value in reversed(items):
            getattr(self.builder, f"Prepend{push}")(value)
        return int(self.builder.EndVector())

    def _offsets(self, items: Sequence[int]) -> int:
        self.builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.builder.PrependUOffsetTRelative(item)
        return int(self.builder.EndVector())

    def _buffer(self, index: int, payload: bytes | None) -> int:
        if payload is None:
            return self._table("Buffer", {})
        if index in self.places:
            offset, size = self.places[index]
            return self._table("Buffer", {"Offset": offset, "Size": size})
        self.builder.StartVector(1, len(payload), ALIGNMENT)
        self.builder.head -= len(payload)
        self.builder.Bytes[self.builder.head : self.builder.head + len(payload)] = payload
        return self._table("Buffer", {"Data": self.builder.EndVector()})

    def _code(self, code: str | int, custom: str) -> int:
        number = code if isinstance(code, int) else getattr(tflite.BuiltinOperator, code)
        fields = {
            "DeprecatedBuiltinCode": min(number, 127),
            "Version": VERSIONS.get(str(code), 1),
            "BuiltinCode": number,
        }
        if custom:
            fields["CustomCode"] = self.builder.CreateString(custom)
        return self._table("OperatorCode", fields)

    def _subgraph(self) -> int:
        spec = self.spec
        fields = {
            "Tensors": self._offsets([self._tensor(i, t) for i, t in enumerate(spec.tensors)]),
            "Inputs": self._vector("SubGraph", "Inputs", spec.inputs, "Int32"),
            "Outputs": self._vector("SubGraph", "Outputs", spec.outputs, "Int32"),
            "Operators": self._offsets([self._operator(o) for o in spec.operators]),
            "Name": self.builder.CreateString("main"),
        }
        return self._table("SubGraph", fields)

    def _tensor(self, index: int, tensor: TensorSpec) -> int:
        fields: dict[str, int | float | bool] = {
            "Shape": self._vector("Tensor", "Shape", tensor.shape, "Int32"),
            "Type": TYPES[tensor.dtype],
            "Buffer": index + 1 if tensor.data is not None else 0,
            "Name": self.builder.CreateString(tensor.name),
            "IsVariable": tensor.variable,
        }
        if tensor.signature is not None:
            fields["ShapeSignature"] = self._vector(
                "Tensor", "ShapeSignature", tensor.signature, "Int32"
            )
        if tensor.scale is not None:
            fields["Quantization"] = self._quantization(tensor.scale, tensor)
        if tensor.sparse:
            fields["Sparsity"] = self._table("SparsityParameters", {})
        return self._table("Tensor", fields)

    def _quantization(self, scale: tuple[float, ...], tensor: TensorSpec) -> int:
        fields = {
            "Scale": self._vector("QuantizationParameters", "Scale", scale, "Float32"),
            "ZeroPoint": self._vector(
                "QuantizationParameters", "ZeroPoint", tensor.zero_point, "Int64"
            ),
            "QuantizedDimension": tensor.axis,
        }
        if tensor.custom_scheme:
            fields["DetailsType"] = tflite.QuantizationDetails.CustomQuantization
            fields["Details"] = self._table("CustomQuantization", {})
        return self._table("QuantizationParameters", fields)

    def _operator(self, operator: OperatorSpec) -> int:
        fields: dict[str, int | float | bool] = {
            "OpcodeIndex": self.codes.index((operator.code, operator.custom_code)),
            "Inputs": self._vector("Operator", "Inputs", operator.inputs, "Int32"),
            "Outputs": self._vector("Operator", "Outputs", operator.outputs, "Int32"),
        }
        if operator.options is not None:
            table, options = operator.options
            fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, table)
            fields["BuiltinOptions"] = self._options(table, options)
        return self._table("Operator", fields)

    def _options(self, table: str, options: Mapping[str, Field]) -> int:
        """Build an option table; tuples become int32 vectors (Reshape's NewShape)."""
        fields: dict[str, int | float | bool] = {}
        for name, value in options.items():
            if isinstance(value, tuple):
                fields[name] = self._vector(table, name, value, "Int32")
            else:
                fields[name] = value
        return self._table(table, fields)

    def _signature(self, inputs: Sequence[str], outputs: Sequence[str]) -> int:
        named = {
            "Inputs": zip(inputs, self.spec.inputs, strict=True),
            "Outputs": zip(outputs, self.spec.outputs, strict=True),
        }
        fields = {
            side: self._offsets(
                [
                    self._table(
                        "TensorMap", {"Name": self.builder.CreateString(name), "TensorIndex": index}
                    )
                    for name, index in pairs
                ]
            )
            for side, pairs in named.items()
        }
        fields["SignatureKey"] = self.builder.CreateString("serving_default")
        fields["SubgraphIndex"] = self.spec.signature_subgraph
        return self._table("SignatureDef", fields)
