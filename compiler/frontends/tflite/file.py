# SPDX-License-Identifier: Apache-2.0
"""Reads a .tflite file's tables as plain data: it checks indices and locates constants.

Slots are the field numbers of the schema (schema.fbs of TensorFlow Lite, version 3).
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from runpy import run_path

from mcuforge.compiler.frontends.common import (
    MOST_DIMENSIONS,
    MOST_EDGES,
    Unique,
    printable,
    unknown_signature,
)
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes, Malformed, Table

VERSION = 3
MOST_TENSORS = 1 << 15
MOST_OPERATORS = 1 << 14
MOST_BUFFERS = 1 << 16
MOST_OPERANDS = 1 << 16  # of all operators together
# Operators that call subgraphs, and the options that name them.
CALLS = {"IF": (0, 1), "WHILE": (0, 1), "CALL_ONCE": (0,)}
EMBEDDED = 1  # up to this value, Buffer.offset means that the data is inside the flatbuffer


def schema_names(enum: str) -> dict[int, str]:
    """Return the names of an enumeration of package `tflite`, by value.

    Its one file is run, because importing the package runs two hundred.
    """
    package = find_spec("tflite")
    assert package is not None
    assert package.origin is not None
    members = vars(run_path(str(Path(package.origin).with_name(f"{enum}.py")))[enum])
    return {v: k for k, v in members.items() if isinstance(v, int)}


OPERATOR_NAMES = schema_names("BuiltinOperator")
OPTIONS_NAMES = schema_names("BuiltinOptions")
TYPE_NAMES = {value: name.lower() for value, name in schema_names("TensorType").items()}


@dataclass(frozen=True)
class RawQuantization:
    """A tensor's quantization as stored."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int
    custom: bool  # an encoding that only its maker knows


@dataclass(frozen=True)
class RawTensor:
    """A tensor as stored; `span` says where its constant data lies in the file."""

    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]  # -1 for an open dimension; empty where all are fixed
    type_name: str
    span: tuple[int, int] | None  # offset and bytes
    quantization: RawQuantization | None
    variable: bool
    sparse: bool


@dataclass(frozen=True, eq=False)
class RawOperator:
    """An operator as stored."""

    index: int
    name: str  # "CONV_2D", "custom 'X'", "builtin 250"
    inputs: tuple[int, ...]  # -1: missing
    outputs: tuple[int, ...]
    options_name: str  # "NONE" where it has none
    options: Table | None


@dataclass(frozen=True, eq=False)
class Entry:
    """A subgraph that can be run by itself: a signature's, or one that nothing else calls."""

    name: str
    subgraph: int
    signature: Table | None  # None where the file has none for it


@dataclass(frozen=True, eq=False)
class RawModel:
    """One subgraph of a file: that of its first signature, unless another one is chosen."""

    data: bytes
    tensors: tuple[RawTensor, ...]
    operators: tuple[RawOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    signature_names: dict[int, str]  # names of inputs and outputs by tensor index
    subgraph: int = 0
    signature: str = ""  # the name of the entry that it is
    signatures: tuple[str, ...] = ()  # the names of all


def parse(file: FileBytes, signature: str | None = None) -> RawModel:
    """Read the tables of a file that begins like a .tflite file.

    signature: the name of an entry, None for subgraph 0, as the interpreter takes it. Raises
    Malformed, and Refusal for a signature that the file does not have.
    """
    root = file.root()
    version = root.integer(0, "u32")
    if version != VERSION:
        raise Malformed(f"it has schema version {version}, supported: {VERSION}")
    subgraphs = root.places(2, MOST_OPERATORS, "subgraphs")
    if not subgraphs:
        raise Malformed("it has no subgraph")
    codes = root.places(1, MOST_OPERATORS, "operator codes")
    names = tuple(_operator_name(file.table(at)) for at in codes)
    found = entries(root, subgraphs, names)
    if signature is None:
        entry = next((one for one in found if one.subgraph == 0), found[0])
    else:
        entry = next((one for one in found if one.name == signature), found[0])
        if entry.name != signature:
            raise unknown_signature(signature, [one.name for one in found])
    graph = file.table(subgraphs[entry.subgraph])
    buffers = root.places(4, MOST_BUFFERS, "buffers")
    tensors = tuple(
        _tensor(file.table(at), buffers) for at in graph.places(0, MOST_TENSORS, "tensors")
    )
    operators = tuple(
        _operator(i, file.table(at), names)
        for i, at in enumerate(graph.places(3, MOST_OPERATORS, "operators"))
    )
    model = RawModel(
        file.data,
        tensors,
        operators,
        graph.integers(1),
        graph.integers(2),
        {} if entry.signature is None else _signature_names(entry.signature),
        entry.subgraph,
        entry.name,
        tuple(one.name for one in found),
    )
    _check_indices(model)
    return model


def _operator_name(code: Table) -> str:
    """Name an operator by the larger of its old 8-bit and its new 32-bit code."""
    number = max(code.integer(0, "i8"), code.integer(3, "i32"))
    if OPERATOR_NAMES.get(number) == "CUSTOM":
        return f"custom '{printable(code.text(1))}'"
    return OPERATOR_NAMES.get(number, f"builtin {number}")


def _tensor(table: Table, buffers: tuple[int, ...]) -> RawTensor:
    shape = table.integers(0)
    if len(shape) > MOST_DIMENSIONS:
        raise Malformed(f"a tensor has {len(shape)} dimensions, expected at most {MOST_DIMENSIONS}")
    type_number = table.integer(1, "i8")
    index = table.integer(2, "u32")
    if index >= len(buffers):
        raise Malformed(f"a tensor names buffer {index} of {len(buffers)}")
    return RawTensor(
        name=printable(table.text(3)),
        shape=shape,
        signature=table.integers(7),
        type_name=TYPE_NAMES.get(type_number, f"type {type_number}"),
        span=_span(table.file.table(buffers[index])),
        quantization=_quantization(table.table(4)),
        variable=table.integer(5, "u8") != 0,
        sparse=table.has(6),
    )


def _span(buffer: Table) -> tuple[int, int] | None:
    """Locate a buffer's data: in the flatbuffer, or at an offset from the start of the file."""
    offset, size = buffer.integer(1, "u64"), buffer.integer(2, "u64")
    if offset <= EMBEDDED:
        offset, size = buffer.span(0, 1)
    buffer.file.within(offset, size)
    return (offset, size) if size else None


def _quantization(table: Table | None) -> RawQuantization | None:
    if table is None:
        return None
    scale = table.reals(2)
    custom = table.integer(4, "u8") != 0
    if not scale and not custom:
        return None
    return RawQuantization(scale, table.integers(3, "i64"), table.integer(6, "i32"), custom)


def _operator(index: int, table: Table, names: tuple[str, ...]) -> RawOperator:
    code = table.integer(0, "u32")
    if code >= len(names):
        raise Malformed(f"operator {index} names operator code {code} of {len(names)}")
    options = table.integer(3, "u8")
    return RawOperator(
        index=index,
        name=names[code],
        inputs=table.integers(1),
        outputs=table.integers(2),
        options_name=OPTIONS_NAMES.get(options, f"options {options}"),
        options=table.table(4) if options else None,
    )


def entries(root: Table, subgraphs: tuple[int, ...], names: tuple[str, ...]) -> tuple[Entry, ...]:
    """List what can be run of a file, signatures first; never empty.

    subgraphs: their places. names: the operator codes'. A subgraph is no entry where another calls
    it (the body of a loop), and where it is empty, unless it is the first.
    """
    unique = Unique()
    found: list[Entry] = []
    for at in root.places(7, MOST_OPERATORS, "signatures"):
        signature = root.file.table(at)
        index = signature.integer(4, "u32")
        if index < len(subgraphs):
            name = printable(signature.text(2)) or f"signature_{len(found)}"
            found.append(Entry(unique.take(name), index, signature))
    called = {index for place in subgraphs for index in _called(root.file.table(place), names)}
    for index, place in enumerate(subgraphs):
        graph = root.file.table(place)
        if any(entry.subgraph == index for entry in found) or index in called - {0}:
            continue
        if index == 0 or graph.span(3, 4)[1] > 0:
            name = printable(graph.text(4)) or f"subgraph_{index}"
            found.append(Entry(unique.take(name), index, None))
    return tuple(found)


def _called(graph: Table, names: tuple[str, ...]) -> set[int]:
    """Return the subgraphs that a subgraph's operators call."""
    found: set[int] = set()
    for at in graph.places(3, MOST_OPERATORS, "operators"):
        operator = graph.file.table(at)
        code = operator.integer(0, "u32")
        slots = CALLS.get(names[code], ()) if code < len(names) else ()
        options = operator.table(4) if slots else None
        if options is not None:
            found |= {options.integer(slot, "i32") for slot in slots}
    return found


def _signature_names(signature: Table) -> dict[int, str]:
    """Return the names that a signature gives its inputs and outputs."""
    maps = [
        signature.file.table(place)
        for slot in (0, 1)
        for place in signature.places(slot, MOST_TENSORS, "names")
    ]
    return {m.integer(1, "u32"): printable(m.text(0)) for m in maps}


def _check_indices(model: RawModel) -> None:
    """Refuse tensor numbers that the file does not have. Raises Malformed."""
    count = len(model.tensors)
    for side, indices in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(indices) > MOST_EDGES:
            raise Malformed(f"the graph has {len(indices)} {side}, expected at most {MOST_EDGES}")
    operands = sum(len(o.inputs) + len(o.outputs) for o in model.operators)
    if operands > MOST_OPERANDS:
        raise Malformed(f"its operators name {operands} tensors, expected at most {MOST_OPERANDS}")
    for index in model.inputs + model.outputs:
        if not 0 <= index < count:
            raise Malformed(f"the graph names tensor {index} of {count}")
    for operator in model.operators:
        for verb, least, indices in (
            ("reads", -1, operator.inputs),
            ("writes", 0, operator.outputs),
        ):
            for index in indices:
                if not least <= index < count:
                    raise Malformed(f"operator {operator.index} {verb} tensor {index} of {count}")
