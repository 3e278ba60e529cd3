# SPDX-License-Identifier: Apache-2.0
"""Kernel calls as text: addresses in the arenas, constant names, parameter structs, rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from mcuforge.compiler.calls import Argument, Blank, Blob, Params, RingRows, RowOf, as_blob
from mcuforge.compiler.codegen.constants import ConstantPool, literal
from mcuforge.compiler.codegen.names import comment
from mcuforge.compiler.codegen.ports import Arena, Port, file_words, shape_text
from mcuforge.compiler.schedule.schedule import Execution, Layer, Schedule
from mcuforge.compiler.tensors import DType, Tensor
from mcuforge.memplan.problem import Placement

FIRST, END = "row", "end_row"  # of a pipeline's task, in its function
EACH = "y"  # one row after the other, if a task has several


@dataclass(frozen=True)
class CallText:
    """One kernel call; `condition` is C, empty if the call is always made."""

    symbol: str
    arguments: tuple[str, ...]
    condition: str = ""


@dataclass(frozen=True)
class CallGroup:
    """Calls in order; `each_row`: all of them for one row, then all for the next row."""

    calls: tuple[CallText, ...]
    each_row: bool = False


@dataclass(frozen=True)
class Struct:
    """A `static const struct` of parameters."""

    tag: str
    name: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LayerText:
    """One layer as the template prints it."""

    index: int
    about: str
    structs: tuple[Struct, ...]
    groups: tuple[CallGroup, ...]
    used: frozenset[str]  # arena variables its calls name
    arrives: int | None = None  # the streamed input whose rows it asks for
    to: str = ""  # the address such a row goes to


@dataclass(frozen=True)
class _Rows:
    """The C expressions of a task's rows: its first, the one after its last, and their number."""

    first: str
    end: str
    count: int  # of the whole layer


@dataclass
class CallPrinter:
    """A printer of one schedule's layers as C text."""

    schedule: Schedule
    placements: Mapping[str, Placement]
    arenas: Sequence[Arena]
    pool: ConstantPool
    _used: set[str] = field(default_factory=set)

    def port(self, tensor: Tensor) -> Port:
        """Describe an input or output of the model."""
        graph = self.schedule.graph
        streamed = any(tensor is t for t in self.schedule.streamed)
        output = any(tensor is t for t in graph.outputs)
        return Port(
            name=comment(tensor.name),
            shape=shape_text(tensor),
            c_type=tensor.dtype.c_type,
            address="" if streamed else self.whole_address(tensor),
            bytes=tensor.bytes,
            elements=tensor.elements,
            rows=tensor.rows,
            dtype=tensor.dtype,
            scale=tensor.quant.scale[0] if tensor.quant is not None else 1.0,
            zero_point=tensor.zero_point,
            streamed=streamed,
            in_file=file_words(tensor, graph.ports.get(tensor.name), output=output),
        )

    def whole_address(self, tensor: Tensor) -> str:
        """Write the address of an input or output of the model: 'state->arena + 120'."""
        place = self.placements[self.schedule.buffer(tensor).name]
        number = [a.region for a in self.arenas].index(place.region)
        index = f"[{number}]" if len(self.arenas) > 1 else ""
        return f"state->arena{index} + {place.offset}"

    def layer(self, index: int, layer: Layer, layer_id: str, *, several: bool) -> LayerText:
        """Write the text of a layer; `several`: one task of it may compute more than one row."""
        self._used = set()
        if layer.execution is Execution.ARRIVE:
            number = [t is layer.node.output for t in self.schedule.graph.inputs].index(True)
            to = self.row_address(RowOf(layer.node.output), FIRST, layer_id)
            about = f"rows of input {number} '{comment(layer.node.output.name)}' arrive"
            about += self.ring_note(layer.node.output)
            return LayerText(index, about, (), (), frozenset(self._used), number, to)
        structs = []
        texts: list[tuple[bool, CallText]] = []
        for number, call in enumerate(layer.calls):
            params_name = f"p{index}" if len(layer.calls) == 1 else f"p{index}_{number}"
            if call.params is not None:
                structs.append(self.struct(call.params, params_name, layer_id))
            by_row = call.rows is not None or any(isinstance(a, RowOf) for a in call.args)
            rows = _rows_of(layer, each_row=by_row and several)
            words = (self.argument(a, rows, layer, layer_id, params_name) for a in call.args)
            condition = "" if call.rows is None else _condition(rows, *call.rows)
            text = CallText(f"mcuforge_{call.kernel}", tuple(words), condition)
            texts.append((by_row and several, text))
        groups = tuple(
            CallGroup(tuple(text for _, text in group), each_row)
            for each_row, group in groupby(texts, key=lambda t: t[0])
        )
        return LayerText(index, self.about(layer), tuple(structs), groups, frozenset(self._used))

    def about(self, layer: Layer) -> str:
        """Describe a layer: 'conv2d_2: conv2d 25x5x64 -> 25x5x64, ring of 3 rows'."""
        node = layer.node
        reads = " + ".join(shape_text(t) for t in node.activations)
        text = f"{comment(node.name)}: {node.op.title} {reads} -> {shape_text(node.output)}"
        if layer.execution is Execution.ACCUMULATE:
            text += ", rows added up"
        return text + self.ring_note(node.output)

    def ring_note(self, tensor: Tensor) -> str:
        """Write ', ring of 3 rows' for a tensor that is never whole in memory."""
        rows = self.schedule.rows_held(tensor)
        if rows >= tensor.rows:
            return ""
        return ", one row" if rows == 1 else f", ring of {rows} rows"

    def argument(
        self, argument: Argument, rows: _Rows, layer: Layer, layer_id: str, params_name: str
    ) -> str:
        """Write one argument."""
        if argument is Blank.FIRST_ROW:
            return rows.first
        if argument is Blank.END_ROW:
            return rows.end
        if argument is Blank.PARAMS:
            return f"&{params_name}"
        if argument is Blank.SCRATCH:
            return self.address(layer.scratch_name)
        if isinstance(argument, RowOf):
            return self.row_address(argument, rows.first, layer_id)
        if isinstance(argument, Blob):
            return self.pool.name(argument, layer_id)
        assert isinstance(argument, Tensor)
        if argument.data is not None:
            return self.pool.name(as_blob(argument.data), layer_id)
        return _typed(self.address(self.schedule.buffer(argument).name), argument)

    def address(self, buffer: str) -> str:
        """Write the address at which a buffer of the plan begins: 'a + 120'."""
        place = self.placements[buffer]
        arena = next(a.variable for a in self.arenas if a.region == place.region)
        self._used.add(arena)
        return f"{arena} + {place.offset}"

    def row_address(self, argument: RowOf, row: str, layer_id: str) -> str:
        """Write the address of row `step * row + first`, as simply as its buffer allows."""
        source = argument.source
        if isinstance(source, Tensor) and source.data is not None:
            source = as_blob(source.data)
        wanted = _linear(argument.step, row, argument.first)
        if isinstance(source, Blob):
            size = argument.row_bytes or getattr(argument.source, "row_bytes", 0)
            return self.pool.name(source, layer_id) + _times(wanted, size // source.data.itemsize)
        base = self.address(self.schedule.buffer(source).name)
        ring = self.schedule.rows_held(source)
        if ring == 1:
            return _typed(base, source)
        if ring < source.rows:
            wanted = f"mcuforge_ring_row({wanted}, {ring})"
        return _typed(base.removesuffix(" + 0") + _times(wanted, source.row_bytes), source)

    def struct(self, params: Params, name: str, layer_id: str) -> Struct:
        """Write the parameters of a call."""
        fields = []
        for key, value in params.fields:
            if isinstance(value, Blob):
                text = self.pool.name(value, layer_id)
            elif isinstance(value, RingRows):
                text = literal(self.schedule.rows_held(value.tensor, value.rows))
            elif isinstance(value, tuple):
                text = "{" + ", ".join(literal(v) for v in value) + "}"
            else:
                text = "0" if value is None else literal(value)
            fields.append((key, text))
        return Struct(f"mcuforge_{params.struct}", name, tuple(fields))


def _rows_of(layer: Layer, *, each_row: bool) -> _Rows:
    """Choose the C expressions for FIRST_ROW, END_ROW and a RowOf's row."""
    count = layer.node.output.rows
    if layer.execution is Execution.WHOLE:
        return _Rows("0", str(count), count)
    return _Rows(EACH, f"{EACH} + 1", count) if each_row else _Rows(FIRST, END, count)


def _condition(rows: _Rows, begin: int, end: int) -> str:
    """Write 'row >= 2 && row < 8', without the parts that are always true."""
    parts = [f"{rows.first} >= {begin}"] if begin > 0 else []
    parts += [f"{rows.first} < {end}"] if end < rows.count else []
    return " && ".join(parts)


def _linear(step: int, row: str, first: int) -> str:
    """Write '2 * row - 1'."""
    if step == 0:
        return str(first)
    text = row if step == 1 else f"{step} * {row}"
    return text if first == 0 else f"{text} {'+' if first > 0 else '-'} {abs(first)}"


def _times(row: str, size: int) -> str:
    """Write ' + (2 * row - 1) * 320', to be added to an address."""
    if row == "0":
        return " + 0"
    return f" + ({row}) * {size}" if " " in row and "(" not in row else f" + {row} * {size}"


def _typed(address: str, tensor: Tensor) -> str:
    """Cast the address of an arena's bytes to the type that the kernel takes."""
    return address if tensor.dtype is DType.INT8 else f"(void *)({address})"
