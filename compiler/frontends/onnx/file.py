# SPDX-License-Identifier: Apache-2.0
"""Reads an ONNX file's graph as plain data; it checks sizes before it allocates."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import onnx

from mcuforge.compiler.frontends.common import (
    DAMAGED,
    MOST_DIMENSIONS,
    MOST_EDGES,
    contradiction,
    printable,
    want_bytes,
)
from mcuforge.compiler.tensors import Array
from mcuforge.errors import Refusal

OPSETS = range(10, 29)
SETTLED = range(13, 22)  # opsets whose operators the arms read as they are
MOST_NODES = 20_000
MOST_OPERANDS = 200_000
ANOTHER_OPSET = "export or convert it to another opset: onnx.version_converter.convert_version"
BESIDE = "put the data file into the model's folder, or save the model with its data inside"

PREPARED = ("onnx.quant.pre_process", "onnxruntime.quant")  # what quant_pre_process leaves

Attribute = int | float | str | tuple[int, ...] | tuple[float, ...] | Array | None

# Element type -> numpy's name for it, the repeated field that may hold the values.
STORED: Mapping[int, tuple[str, str]] = {
    onnx.TensorProto.FLOAT: ("float32", "float_data"),
    onnx.TensorProto.DOUBLE: ("float64", "double_data"),
    onnx.TensorProto.FLOAT16: ("float16", "int32_data"),
    onnx.TensorProto.INT8: ("int8", "int32_data"),
    onnx.TensorProto.UINT8: ("uint8", "int32_data"),
    onnx.TensorProto.INT16: ("int16", "int32_data"),
    onnx.TensorProto.UINT16: ("uint16", "int32_data"),
    onnx.TensorProto.INT32: ("int32", "int32_data"),
    onnx.TensorProto.INT64: ("int64", "int64_data"),
    onnx.TensorProto.BOOL: ("bool", "int32_data"),
}
HALF_BYTES = (onnx.TensorProto.INT4, onnx.TensorProto.UINT4)  # read as int8 and uint8


@dataclass(frozen=True)
class OnnxPort:
    """An input or output as declared; an open dimension is None."""

    name: str
    type_name: str  # numpy's, or ONNX's where numpy has none
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True, eq=False)
class OnnxNode:
    """One node of the file; a missing optional input has an empty name."""

    index: int
    op: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]

    @property
    def origin(self) -> str:
        """The node's place in the user's model."""
        return f"node {self.index} {self.op}"


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """The file's graph; `folder` may hold data files of the model."""

    opset: int
    inputs: tuple[OnnxPort, ...]
    outputs: tuple[OnnxPort, ...]
    nodes: tuple[OnnxNode, ...]
    initializers: Mapping[str, onnx.TensorProto]
    folder: Path | None
    functions: frozenset[str] = frozenset()  # that the file defines itself, as "domain.name"
    prepared: bool = False  # onnxruntime's quant_pre_process ran

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of how the file is read."""
        found = []
        if self.opset not in SETTLED:
            near = SETTLED[0] if self.opset < SETTLED[0] else SETTLED[-1]
            found.append(f"the file uses opset {self.opset}; it is read as one of opset {near}")
        narrow = sum(t.data_type in HALF_BYTES for t in self.initializers.values())
        if narrow:
            found.append(f"{narrow} constants have 4 bits; each value is stored in 8")
        return tuple(found)

    def constant(self, name: str) -> Array:
        """Return an initializer's values in the shape and dtype that the file states.

        Raises Refusal for data that does not fill its shape.
        """
        return tensor_values(self.initializers[name], name, self.folder)

    @property
    def data_files(self) -> tuple[Path, ...]:
        """The files beside the model that hold its constants, as far as they exist."""
        if self.folder is None:
            return ()
        named = {
            _text(entry.value)
            for tensor in self.initializers.values()
            if tensor.data_location == onnx.TensorProto.EXTERNAL
            for entry in tensor.external_data
            if _text(entry.key) == "location"
        }
        return tuple(path for name in sorted(named) if (path := self.folder / name).is_file())


def parse(data: bytes, folder: Path | None) -> OnnxFile:
    """Read the graph of an ONNX file's bytes. Raises Refusal for damaged or too large files."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception:  # each implementation of protobuf raises its own kind
        raise Refusal("the file is damaged: it is not a valid protobuf message", DAMAGED) from None
    if not model.HasField("graph"):
        raise Refusal("the file is damaged: it holds no graph", DAMAGED)
    graph = model.graph
    for what, count, most in (
        ("nodes", len(graph.node), MOST_NODES),
        ("inputs", len(graph.input), MOST_EDGES + len(graph.initializer)),
        ("outputs", len(graph.output), MOST_EDGES),
        ("operands", sum(len(n.input) + len(n.output) for n in graph.node), MOST_OPERANDS),
    ):
        if count > most:
            raise Refusal(
                f"the graph has {count} {what}, expected at most {most}",
                "use a smaller network: it is too large for any microcontroller",
            )
    if len(graph.sparse_initializer) > 0:
        raise Refusal("it holds sparse constants, supported: dense", "export dense constants")
    initializers: dict[str, onnx.TensorProto] = {}
    for tensor in graph.initializer:
        name = _text(tensor.name)
        if name in initializers:
            raise contradiction(
                f"two constants have the name '{printable(name)}', expected different ones"
            )
        initializers[name] = tensor
    return OnnxFile(
        opset=_opset(model),
        inputs=tuple(_port(i) for i in graph.input if _text(i.name) not in initializers),
        outputs=tuple(_port(o) for o in graph.output),
        nodes=tuple(_node(index, node, folder) for index, node in enumerate(graph.node)),
        initializers=initializers,
        folder=folder,
        functions=frozenset(f"{_text(f.domain)}.{_text(f.name)}" for f in model.functions),
        prepared=any((_text(e.key), _text(e.value)) == PREPARED for e in model.metadata_props),
    )


def tensor_values(tensor: onnx.TensorProto, name: str, folder: Path | None) -> Array:
    """Read a constant's values in its own shape and dtype.

    Raises Refusal for a dtype that is not supported, a tensor too large, or damaged data.
    """
    name = printable(name)
    if tensor.data_type in HALF_BYTES:
        return _widened(tensor, name, folder)
    if tensor.data_type not in STORED:
        met = type_name(tensor.data_type)
        raise Refusal(
            f"constant '{name}' is {met}, supported: 8-bit and 32-bit integers and floats",
            "quantize weights to 8 bits: weight_type=QuantType.QInt8",
        )
    numpy_name, field = STORED[tensor.data_type]
    dtype = np.dtype(numpy_name)
    shape = _shape(tensor, name)
    wanted = prod(shape) * dtype.itemsize
    want_bytes(f"constant '{name}'", wanted, "use a smaller model")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raw = _external(tensor, name, folder, wanted)
    elif tensor.HasField("raw_data"):
        raw = bytes(tensor.raw_data)
    else:
        return _listed(tensor, name, field, dtype, shape)
    if len(raw) != wanted:
        raise contradiction(
            f"constant '{name}' has {len(raw)} bytes of data, "
            f"its shape {list(shape)} needs {wanted}"
        )
    return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def _shape(tensor: onnx.TensorProto, name: str) -> tuple[int, ...]:
    """Return a constant's shape. Raises Refusal for one that no tensor has."""
    shape = tuple(int(d) for d in tensor.dims)
    if min(shape, default=0) < 0 or len(shape) > MOST_DIMENSIONS:
        raise contradiction(
            f"constant '{name}' has shape {list(shape[:9])}, "
            f"expected at most {MOST_DIMENSIONS} dimensions of 0 or more"
        )
    return shape


def _widened(tensor: onnx.TensorProto, name: str, folder: Path | None) -> Array:
    """Read 4-bit values, two per byte, the lower half first: int8 or uint8 of the shape."""
    shape = _shape(tensor, name)
    count = prod(shape)
    wanted = (count + 1) // 2
    want_bytes(f"constant '{name}'", count, "use a smaller model")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raw = _external(tensor, name, folder, wanted)
    elif tensor.HasField("raw_data"):
        raw = bytes(tensor.raw_data)
    else:
        raw = bytes(value & 0xFF for value in tensor.int32_data)
    if len(raw) != wanted:
        raise contradiction(
            f"constant '{name}' has {len(raw)} bytes of data, its shape {list(shape)} "
            f"of 4 bits needs {wanted}"
        )
    pairs = np.frombuffer(raw, np.uint8)
    halves = np.stack([pairs & 0xF, pairs >> 4], axis=1).reshape(-1)[:count].reshape(shape)
    if tensor.data_type == onnx.TensorProto.UINT4:
        return np.asarray(halves)
    return np.asarray((halves.astype(np.int8) ^ 8) - np.int8(8))  # the sign of 4 bits


def type_name(code: int) -> str:
    """Return numpy's name for an element type, else ONNX's."""
    if code in STORED:
        return STORED[code][0]
    known = code in onnx.TensorProto.DataType.values()
    return onnx.TensorProto.DataType.Name(code).lower() if known else f"of type {code}"


def _listed(
    tensor: onnx.TensorProto,
    name: str,
    field: str,
    dtype: np.dtype[np.generic],
    shape: tuple[int, ...],
) -> Array:
    """Return a constant stored as a list of numbers instead of bytes."""
    stored = getattr(tensor, field)
    if len(stored) != prod(shape):
        raise contradiction(
            f"constant '{name}' lists {len(stored)} values, "
            f"its shape {list(shape)} needs {prod(shape)}"
        )
    if dtype.name == "float16":  # stored as its bits, one number per value
        return np.array(stored, np.int64).astype(np.uint16).view(np.float16).reshape(shape)
    kind = np.float64 if dtype.kind == "f" else np.int64
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(stored, kind).astype(dtype).reshape(shape)


def _external(tensor: onnx.TensorProto, name: str, folder: Path | None, wanted: int) -> bytes:
    """Read data from a file beside the model. Raises Refusal for a path outside its folder."""
    entries = {_text(entry.key): _text(entry.value) for entry in tensor.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise Refusal(
            f"constant '{name}' is stored in another file, expected it in the model", BESIDE
        )
    try:
        path = (folder / location).resolve()
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", wanted))
        if not location or not path.is_relative_to(folder.resolve()):
            raise Refusal(
                f"constant '{name}' is stored in '{printable(location)}', "
                "expected a file in the model's folder",
                BESIDE,
            )
        if offset < 0 or length != wanted or not path.is_file():
            raise Refusal(
                f"constant '{name}': {length} bytes at {offset} of '{printable(location)}' "
                f"cannot be read, expected {wanted} bytes of an existing file",
                BESIDE,
            )
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(wanted)
    except (OSError, ValueError, OverflowError) as problem:
        raise Refusal(
            f"constant '{name}' is stored in '{printable(location)}', which cannot be read: "
            f"{printable(str(problem))}",
            BESIDE,
        ) from None


def _text(stored: str | bytes) -> str:
    """Decode a string field; protobuf gives bytes where it is not UTF-8."""
    return stored if isinstance(stored, str) else stored.decode("utf-8", "replace")


def _opset(model: onnx.ModelProto) -> int:
    """Return the version of the standard operators."""
    versions = [int(o.version) for o in model.opset_import if o.domain in ("", "ai.onnx")]
    if len(versions) != 1:
        raise contradiction(
            f"it names {len(versions)} versions of the ONNX operators, expected one"
        )
    if versions[0] not in OPSETS:
        raise Refusal(
            f"the model uses opset {versions[0]}, supported: {OPSETS[0]} to {OPSETS[-1]}",
            ANOTHER_OPSET,
        )
    return versions[0]


def _port(value: onnx.ValueInfoProto) -> OnnxPort:
    if not value.type.HasField("tensor_type"):
        return OnnxPort(_text(value.name), "not a tensor", None)
    tensor = value.type.tensor_type
    shape: tuple[int | None, ...] | None = None
    if tensor.HasField("shape"):
        shape = tuple(
            int(d.dim_value) if d.HasField("dim_value") else None for d in tensor.shape.dim
        )
    return OnnxPort(_text(value.name), type_name(tensor.elem_type), shape)


def _node(index: int, node: onnx.NodeProto, folder: Path | None) -> OnnxNode:
    return OnnxNode(
        index=index,
        op=printable(_text(node.op_type)) or "?",
        domain="" if node.domain == "ai.onnx" else printable(_text(node.domain)),
        name=printable(_text(node.name)),
        inputs=tuple(_text(name) for name in node.input),
        outputs=tuple(_text(name) for name in node.output),
        attributes={_text(a.name): _attribute(a, folder) for a in node.attribute},
    )


def _attribute(attribute: onnx.AttributeProto, folder: Path | None) -> Attribute:
    """Return an attribute's value; None for kinds that supported operators do not have."""
    kinds = onnx.AttributeProto
    if attribute.type == kinds.INT:
        return int(attribute.i)
    if attribute.type == kinds.FLOAT:
        return float(attribute.f)
    if attribute.type == kinds.STRING:
        return attribute.s.decode("utf-8", "replace")
    if attribute.type == kinds.INTS:
        return tuple(int(i) for i in attribute.ints)
    if attribute.type == kinds.FLOATS:
        return tuple(float(f) for f in attribute.floats)
    if attribute.type == kinds.TENSOR:
        return tensor_values(attribute.t, _text(attribute.name), folder)
    return None
