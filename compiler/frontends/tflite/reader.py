# SPDX-License-Identifier: Apache-2.0
"""Reads int8 TFLite files: gives the graph, or all reasons why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from mcuforge.compiler.frontends.common import (
    DAMAGED,
    SupportedOperator,
    Survey,
    Unique,
    contradiction,
)
from mcuforge.compiler.frontends.detect import check_tflite
from mcuforge.compiler.frontends.tflite.applied import Applied
from mcuforge.compiler.frontends.tflite.batches import want_apart
from mcuforge.compiler.frontends.tflite.file import RawModel, RawOperator, parse
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes, Malformed
from mcuforge.compiler.frontends.tflite.legacy import is_legacy, want_compared
from mcuforge.compiler.frontends.tflite.names import layer_name
from mcuforge.compiler.frontends.tflite.ops import dilated
from mcuforge.compiler.frontends.tflite.ops.dilated import Dilations
from mcuforge.compiler.frontends.tflite.ops.instead import INSTEAD, unsupported
from mcuforge.compiler.frontends.tflite.ops.islands import Islands
from mcuforge.compiler.frontends.tflite.ops.operator import NewNode, Operator
from mcuforge.compiler.frontends.tflite.ops.shapes import fold
from mcuforge.compiler.frontends.tflite.ops.table import (
    ARMS,
    ON_SHAPES,
    SHAPE_OPERATORS,
)
from mcuforge.compiler.frontends.tflite.shifted import UINT8, uint8_port
from mcuforge.compiler.frontends.tflite.tensors import FIX_SHAPE, Values
from mcuforge.compiler.graph import Graph, Node, Port
from mcuforge.compiler.ops.common.checks import WrongShape
from mcuforge.compiler.ops.copy import Copy
from mcuforge.errors import CompileError, Refusal

# Operators whose integers are those of the interpreter on every finite scale: a mask of -1e38 puts
# the scores of attention on one of 1e36.
ANY_SCALE = frozenset(
    {"ADD", "SUB", "MUL", "SELECT", "SELECT_V2", "SOFTMAX", "MAXIMUM", "MINIMUM"}
    | {"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "SLICE", "STRIDED_SLICE"}
)
MOVES_FLOATS = frozenset({"QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"})

SUPPORTED: Mapping[str, SupportedOperator] = MappingProxyType(
    {
        name: SupportedOperator(tuple(op.__name__ for op in arm.builds), arm.dtypes, arm.note)
        for name, arm in ARMS.items()
    }
    | {name: SupportedOperator((), (), ON_SHAPES) for name in SHAPE_OPERATORS}
    | dict(dilated.SUPPORTED)
)


def read_tflite(data: bytes, name: str = "model.tflite") -> Graph:
    """Read the graph of a .tflite file's bytes; `name`: the file's, for errors.

    Raises CompileError for a file that is damaged or of another kind, and as `TfliteReading.graph`
    does.
    """
    return open_tflite(data, name).graph()


def open_tflite(data: bytes, file: str, signature: str | None = None) -> TfliteReading:
    """Pass over a file once; CompileError for one whose tables cannot be read at all.

    signature: the one to read of several.
    """
    check_tflite(data, file)
    try:
        model = parse(FileBytes(data), signature)
        reading = TfliteReading(model, file)
        if reading.values.batch > 1 and reading.survey.refused:
            whole = TfliteReading(model, file, whole=True)  # the first dimension is no batch
            return reading if whole.survey.refused else whole
        return reading
    except Refusal as refusal:
        raise CompileError(refusal.what, file, refusal.hint) from None
    except Malformed as problem:
        raise CompileError(f"the file is damaged: {problem}", file, DAMAGED) from None


def needed(model: RawModel) -> frozenset[int]:
    """Find the operators on which outputs depend, and those that only have an effect, by index."""
    wanted = set(model.outputs)
    found = set()
    for operator in reversed(model.operators):
        if not operator.outputs or wanted.intersection(operator.outputs):
            found.add(operator.index)
            wanted.update(operator.inputs)
    return frozenset(found)


class TfliteReading:
    """Passes over a file's operators once and collects nodes and refusals.

    In the survey the problems of the model's inputs come first, those of its outputs last.
    """

    def __init__(self, model: RawModel, file: str, *, whole: bool = False) -> None:
        self.model = model
        self.survey = Survey(file, model.signature, model.signatures)
        self._applied = Applied(model)
        self.values = Values(model, legacy=is_legacy(model, ARMS), whole=whole)
        self.islands = Islands(self.values, lambda name: ARMS[name].read, self._applied.in_float)
        self.dilations = Dilations(self.values)
        self.nodes: list[Node] = []
        self._layers = Unique()
        self._written = set(model.inputs)
        self._needed = needed(model)
        self._left_out: set[int] = set()  # results of refused operators that no output needs
        self._read_edges("input", model.inputs, self._check_input)
        for operator in model.operators:
            self._read(operator)
        self._read_edges("output", model.outputs, self._check_output)

    def graph(self) -> Graph:
        """Return the graph.

        Raises CompileError for the first refused operator; it says how many more there are.
        """
        refused = self.survey.refused
        if refused:
            first = (
                self.survey.first
            )  # the operator that reads a bad input repeats its problem: no count
            others = [row for row in refused if row is not first]
            more = sum(s.what != first.what or s.operator == first.operator for s in others)
            raise self.survey.error(more)
        copies = self._copied_outputs()
        outputs = enumerate(self.model.outputs)
        return Graph(
            name=Path(self.survey.file).stem,
            inputs=tuple(self.values.tensor(i) for i in self.model.inputs),
            outputs=tuple(
                copies[place].output if place in copies else self.values.tensor(i)
                for place, i in outputs
            ),
            nodes=(*self.nodes, *copies.values()),
            source=self.survey.file,
            ports=self._ports(copies),
            notes=self._notes(),
            batch=self.values.batch,
            signature=self.model.signature,
            signatures=self.model.signatures,
        )

    def _notes(self) -> tuple[str, ...]:
        """Say what is read in another way than the file states it."""
        if self.values.batch == 1:
            return ()
        count = self.values.batch
        return (f"the file takes {count} samples at once, the board one after the other",)

    def _ports(self, copies: Mapping[int, Node]) -> dict[str, Port]:
        """Describe what the file has as uint8 or int64, and the graph as int8 or int32."""
        edges = [(i, self.values.tensor(i)) for i in (*self.model.inputs, *self.model.outputs)]
        edges += [(self.model.outputs[place], node.output) for place, node in copies.items()]
        found: dict[str, Port] = {}
        for index, tensor in edges:
            kind = self.values.raw(index).type_name
            if kind == UINT8 and self.values.legacy:
                found[tensor.name] = uint8_port(tensor)
            elif kind == "int64":
                order = tuple(range(len(tensor.shape)))
                found[tensor.name] = Port("int64", tensor.shape, order)
        return found

    def _copied_outputs(self) -> dict[int, Node]:
        """Copy outputs that are an input, a constant or an earlier output too, by their place."""
        found: dict[int, Node] = {}
        for place, index in enumerate(self.model.outputs):
            computed = index not in self.model.inputs and not self.values.is_constant(index)
            if computed and index not in self.model.outputs[:place]:
                continue
            tensor = self.values.tensor(index)
            name = self.values.fresh(f"{tensor.name}/output")
            copy = replace(tensor, name=name, data=None)
            layer = self._layers.take(layer_name("COPY", name))
            found[place] = Node(layer, Copy(), (tensor,), copy, f"output {place} COPY")
        return found

    def _read(self, raw: RawOperator) -> None:
        """Add the operator's nodes, or record what is wrong with it."""
        output = raw.outputs[0] if raw.outputs else None
        name = "" if output is None else self.model.tensors[output].name
        layer = self._layers.take(layer_name(raw.name, name))
        origin = f"operator {raw.index} {raw.name}"
        problem: Refusal | None = None
        nodes: list[Node] = []
        matters = True
        try:
            self._check_order(raw)
            matters = raw.index in self._needed  # otherwise nothing reads what it computes
            if not matters and self._left_out.intersection(raw.inputs):
                raise contradiction("it reads what was left out")
            for new in self._settled(raw):
                label = layer if not nodes else self._layers.take(f"{layer}/{new.op.kind}")
                nodes.append(Node(label, new.op, new.inputs, new.output, origin))
        except Refusal as refusal:
            problem = refusal if matters else None
            self._left_out.update(() if matters else raw.outputs)
        except Malformed as damage:
            problem = Refusal(f"the file is damaged: {damage}", DAMAGED)
        self._written.update(raw.outputs)
        self.nodes.extend(nodes)
        self._note(raw.index, raw.name, f"{origin} '{layer}'", problem, output, raw.inputs)

    def _settled(self, raw: RawOperator) -> tuple[NewNode, ...]:
        """Read an operator into nodes that hold; again for each output of another shape."""
        for _ in raw.outputs:
            try:
                return self._checked(raw)
            except WrongShape as wrong:
                if not self.values.corrected(raw.outputs, wrong):
                    raise
        return self._checked(raw)

    def _checked(self, raw: RawOperator) -> tuple[NewNode, ...]:
        """Read an operator into nodes and let each check its tensors."""
        found = self._new_nodes(raw)
        for new in found:
            new.op.check(new.inputs, new.output)
            if self.values.batch > 1:
                want_apart(new)
        if found:
            for index in raw.outputs:
                self.values.want_unmixed(index)
        return found

    def _new_nodes(self, raw: RawOperator) -> tuple[NewNode, ...]:
        """Read an operator into nodes; no nodes if it could be computed while reading."""
        operator = Operator(raw, self.values)
        if fold(operator):
            return ()
        if raw.name not in ANY_SCALE:
            self.values.want_usual_scales((*raw.inputs, *raw.outputs))
        around = self.dilations.new_nodes(operator)
        if around is not None:
            return around
        if raw.name in SHAPE_OPERATORS:
            hint = INSTEAD.get(raw.name, FIX_SHAPE)
            raise Refusal(f"{raw.name} works on run-time values, supported: {ON_SHAPES}", hint)
        if raw.name not in ARMS:
            raise unsupported(raw.name)
        island = self.islands.new_nodes(operator)
        if island is not None:
            return island
        if raw.name not in MOVES_FLOATS:
            self._check_integer(raw)
        if self.values.legacy:
            tensors = [self.values.raw(i) for i in (*raw.inputs, *raw.outputs) if i >= 0]
            want_compared(raw.name, ARMS[raw.name], tensors)
        return ARMS[raw.name].read(operator)

    def _check_order(self, raw: RawOperator) -> None:
        """Refuse an operator that reads a tensor before its write, or writes one a second time.

        Operators that nothing reads have ways of their own: state that no operator writes, none or
        one output for its effect.
        """
        if raw.name not in SUPPORTED:
            return
        for index in raw.inputs:
            if index >= 0 and index not in self._written and not self.values.is_constant(index):
                raise contradiction(
                    f"it reads '{self.values.names[index]}' before anything writes it"
                )
        if not raw.outputs:
            raise contradiction("it has no output, expected one or more")
        for index in raw.outputs:
            if index in self._written or self.values.is_constant(index):
                raise contradiction(
                    f"it writes '{self.values.names[index]}', which already has a value"
                )
        if len(set(raw.outputs)) != len(raw.outputs):
            raise contradiction("it writes one tensor twice")

    def _check_integer(self, raw: RawOperator) -> None:
        """Refuse float arithmetic, and name the kind of quantization that leaves it."""
        if self.values.raw(raw.outputs[0]).type_name != "float32":
            return
        types = [self.values.raw(i).type_name for i in raw.inputs if i >= 0]
        mixed = " with int8 weights (dynamic-range quantization)" if "int8" in types else ""
        raise Refusal(f"it computes in float32{mixed}, supported: int8", self._applied.in_float)

    def _check_input(self, index: int) -> None:
        raw, name = self.values.raw(index), self.values.names[index]
        open_dims = [d for d, size in enumerate(raw.signature) if size < 0 and d > 0]
        if open_dims:
            raise Refusal(
                f"'{name}' leaves dimension {open_dims[0]} open: {list(raw.signature)}, "
                "supported: fixed shapes",
                FIX_SHAPE,
            )
        self.values.tensor(index)
        if len(raw.shape) > 1 and raw.shape[0] != 1 and len(self.model.inputs) > 1:
            raise Refusal(
                f"'{name}' has batch {raw.shape[0]}, supported: 1, or one batch for all inputs",
                FIX_SHAPE,
            )
        if self.values.is_constant(index):
            raise contradiction(f"'{name}' is both an input and a constant")

    def _check_output(self, index: int) -> None:
        name = self.values.names[index]
        self.values.tensor(index)
        if index in self.model.inputs or self.values.is_constant(index):
            return
        if index not in self._written:
            raise contradiction(f"no operator writes '{name}'")
        if self.islands.computes(index):
            raise Refusal(
                f"'{name}' is computed in float32, supported: int8", self._applied.in_float
            )

    def _read_edges(
        self, side: str, indices: tuple[int, ...], check: Callable[[int], None]
    ) -> None:
        """Record what is wrong with the model's inputs or outputs."""
        if not indices:
            problem = contradiction(f"the model has no {side}, expected at least one")
            self._note(-1, "MODEL", f"its {side}s", problem)
        for place, index in enumerate(indices):
            where = f"{side} {place} '{self.values.names[index]}'"
            try:
                check(index)
                if side == "input" and index in indices[:place]:
                    raise contradiction(f"it is listed twice among the {side}s")
            except Refusal as problem:
                self._note(-1, "MODEL", where, problem, index)

    def _note(
        self,
        index: int,
        operator: str,
        where: str,
        problem: Refusal | None,
        output: int | None = None,
        inputs: tuple[int, ...] = (),
    ) -> None:
        """Record the verdict on one operator, which reads and writes these tensors."""
        name, dtype = "", ""
        shape: tuple[int, ...] = ()
        if output is not None:
            raw = self.values.raw(output)
            name, shape, dtype = self.values.names[output], raw.shape, raw.type_name
        shapes = tuple(self.values.raw(i).shape for i in inputs if i >= 0)
        if problem is not None:
            problem = Refusal(problem.what, self._applied.advice(problem.hint))
        self.survey.note(index, operator, where, problem, name, shapes, shape, dtype)
