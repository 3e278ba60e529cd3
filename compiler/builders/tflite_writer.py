# SPDX-License-Identifier: Apache-2.0
"""Writes .tflite files from plain records, sound ones and damaged ones: tests need both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tflite

from mcuforge.compiler.judges.flatbuffer_front import Tables
from mcuforge.compiler.tensors import Array

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
    """A model of one subgraph."""

    tensors: tuple[TensorSpec, ...]
    operators: tuple[OperatorSpec, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    signature: tuple[tuple[str, ...], tuple[str, ...]] | None = None  # input and output names


def write_model(spec: ModelSpec) -> bytes:
    """Write the file and return its bytes."""
    return Writer(spec).file()


def payload_of(data: Array | bytes) -> bytes:
    """The bytes of a constant."""
    return data if isinstance(data, bytes) else data.tobytes()


class Writer(Tables):
    """Builds the file; buffer i + 1 belongs to tensor i."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        self.spec = spec
        self.codes = tuple(dict.fromkeys((o.code, o.custom_code) for o in spec.operators))

    def file(self) -> bytes:
        """Build the root table and return the file."""
        buffers = [self.table("Buffer", {})]
        buffers += [self.buffer(i, tensor) for i, tensor in enumerate(self.spec.tensors)]
        subgraphs = self.subgraphs()
        fields = {
            "Version": 3,
            "OperatorCodes": self.references([self._code(c, custom) for c, custom in self.codes]),
            "Subgraphs": self.references(subgraphs),
            "Description": self.text(DESCRIPTION),
            "Buffers": self.references(buffers),
        }
        signatures = self.signatures()
        if signatures:
            fields["SignatureDefs"] = self.references(signatures)
        return self.finish(self.table("Model", fields))

    def buffer(self, index: int, tensor: TensorSpec) -> int:
        """Add the buffer of tensor `index`."""
        data = None if tensor.data is None else self.data(payload_of(tensor.data))
        return self.table("Buffer", {"Data": data})

    def _code(self, code: str | int, custom: str) -> int:
        number = code if isinstance(code, int) else getattr(tflite.BuiltinOperator, code)
        fields = {
            "DeprecatedBuiltinCode": min(number, 127),
            "Version": VERSIONS.get(str(code), 1),
            "BuiltinCode": number,
        }
        if custom:
            fields["CustomCode"] = self.text(custom)
        return self.table("OperatorCode", fields)

    def subgraphs(self) -> list[int]:
        """Add the one subgraph."""
        return [self.subgraph(self.spec, "main")]

    def subgraph(self, spec: ModelSpec, name: str, first: int = 0) -> int:
        """Add a subgraph whose tensor 0 has buffer `first` + 1."""
        tensors = enumerate(spec.tensors, first)
        fields = {
            "Tensors": self.references([self.tensor(i, t) for i, t in tensors]),
            "Inputs": self.vector("SubGraph", "Inputs", spec.inputs, "Int32"),
            "Outputs": self.vector("SubGraph", "Outputs", spec.outputs, "Int32"),
            "Operators": self.references([self._operator(o) for o in spec.operators]),
            "Name": self.text(name),
        }
        return self.table("SubGraph", fields)

    def tensor(self, index: int, tensor: TensorSpec) -> int:
        """Add tensor `index`."""
        fields: dict[str, int | float | bool] = {
            "Shape": self.vector("Tensor", "Shape", tensor.shape, "Int32"),
            "Type": TYPES[tensor.dtype],
            "Buffer": index + 1 if tensor.data is not None else 0,
            "Name": self.text(tensor.name),
        }
        if tensor.signature is not None:
            fields["ShapeSignature"] = self.vector(
                "Tensor", "ShapeSignature", tensor.signature, "Int32"
            )
        if tensor.scale is not None:
            fields["Quantization"] = self._quantization(tensor.scale, tensor)
        return self.table("Tensor", fields)

    def _quantization(self, scale: tuple[float, ...], tensor: TensorSpec) -> int:
        fields = {
            "Scale": self.vector("QuantizationParameters", "Scale", scale, "Float32"),
            "ZeroPoint": self.vector(
                "QuantizationParameters", "ZeroPoint", tensor.zero_point, "Int64"
            ),
            "QuantizedDimension": tensor.axis,
        }
        return self.table("QuantizationParameters", fields)

    def _operator(self, operator: OperatorSpec) -> int:
        fields: dict[str, int | float | bool] = {
            "OpcodeIndex": self.codes.index((operator.code, operator.custom_code)),
            "Inputs": self.vector("Operator", "Inputs", operator.inputs, "Int32"),
            "Outputs": self.vector("Operator", "Outputs", operator.outputs, "Int32"),
        }
        if operator.options is not None:
            table, options = operator.options
            fields["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, table)
            fields["BuiltinOptions"] = self._options(table, options)
        return self.table("Operator", fields)

    def _options(self, table: str, options: Mapping[str, Field]) -> int:
        """Build an option table; tuples become int32 vectors (Reshape's NewShape)."""
        fields: dict[str, int | float | bool] = {}
        for name, value in options.items():
            if isinstance(value, tuple):
                fields[name] = self.vector(table, name, value, "Int32")
            else:
                fields[name] = value
        return self.table(table, fields)

    def signatures(self) -> list[int]:
        """Add the one signature, if the model has one."""
        if self.spec.signature is None:
            return []
        return [self.signature(self.spec, "serving_default", 0)]

    def signature(self, spec: ModelSpec, key: str, subgraph: int) -> int:
        """Add a signature that names a subgraph's inputs and outputs."""
        assert spec.signature is not None
        inputs, outputs = spec.signature
        named = {
            "Inputs": zip(inputs, spec.inputs, strict=True),
            "Outputs": zip(outputs, spec.outputs, strict=True),
        }
        fields = {
            side: self.references(
                [
                    self.table("TensorMap", {"Name": self.text(name), "TensorIndex": index})
                    for name, index in pairs
                ]
            )
            for side, pairs in named.items()
        }
        fields["SignatureKey"] = self.text(key)
        fields["SubgraphIndex"] = subgraph
        return self.table("SignatureDef", fields)
