# SPDX-License-Identifier: Apache-2.0
"""Reads int8 QDQ models in ONNX files: gives the graph, or all reasons why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.frontends.common import (
    SupportedOperator,
    Survey,
    Unique,
    contradiction,
    printable,
)
from mcuforge.compiler.frontends.detect import UNKNOWN, describe, is_onnx
from mcuforge.compiler.frontends.onnx.applied import advice
from mcuforge.compiler.frontends.onnx.file import OnnxFile, OnnxNode, OnnxPort, parse
from mcuforge.compiler.frontends.onnx.layout import View
from mcuforge.compiler.frontends.onnx.names import layer_name
from mcuforge.compiler.frontends.onnx.ops.instead import unsupported
from mcuforge.compiler.frontends.onnx.ops.operator import Operator
from mcuforge.compiler.frontends.onnx.ops.table import (
    ALSO_MICROSOFT,
    ARMS,
    MICROSOFT,
    want_integers,
)
from mcuforge.compiler.frontends.onnx.ports import (
    layouts,
    port_shape,
    ported_input,
    ported_output,
    with_output_names,
)
from mcuforge.compiler.frontends.onnx.qoperators import OF_BIAS, WRITERS, without_integers
from mcuforge.compiler.frontends.onnx.values import (
    Broken,
    Constant,
    Edge,
    Scheme,
    Stored,
    Value,
)
from mcuforge.compiler.frontends.onnx.work import Deferred, GraphBuilder, spanned
from mcuforge.compiler.graph import Graph, Port
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.errors import CompileError, Refusal

SILENT = ("QuantizeLinear", "DequantizeLinear", "Constant")  # without rows of their own in a survey

SUPPORTED: Mapping[str, SupportedOperator] = MappingProxyType(
    {
        name: SupportedOperator(
            tuple(op.__name__ for op in arm.builds),
            ("int8", "uint8") if arm.builds else (),
            arm.note,
        )
        for name, arm in ARMS.items()
    }
    | {
        name: SupportedOperator((), ("int8", "uint8"), "read as operators between DQ and Q")
        for _, name in WRITERS
    }
)


def read_onnx(data: bytes, name: str = "model.onnx", folder: Path | None = None) -> Graph:
    """Read the graph of an .onnx file's bytes; `name`: the file's, for errors.

    `folder` may hold further data files of the model. Raises CompileError for a file that is
    damaged, float or of another kind, and as `OnnxReading.graph` does.
    """
    return open_onnx(data, name, folder).graph()


def open_onnx(data: bytes, file: str, folder: Path | None = None) -> OnnxReading:
    """Pass over a file once: gives the graph, and what each of the file's names stands for.

    Raises CompileError for a file that cannot be read at all.
    """
    if not data or not is_onnx(data):
        what, hint = describe(data)
        if what != "an ONNX model" and not (data and what == UNKNOWN):
            raise CompileError(f"this is {what}, expected an ONNX model", file, hint)
    try:
        model = parse(data, folder)
        model = replace(model, nodes=without_integers(model.nodes))
        want_integers(model)
    except Refusal as refusal:
        raise CompileError(refusal.what, file, refusal.hint) from None
    return OnnxReading(model, file)


class OnnxReading:
    """Passes over a file's nodes once and collects values, nodes and refusals.

    In the survey the model's own inputs and outputs come last. An operator that reads a refused
    one's result counts as supported where its kind is.
    """

    def __init__(self, model: OnnxFile, file: str) -> None:
        self.model = model
        self.survey = Survey(file)
        self.values: dict[str, Value] = {}
        self._layers = Unique()
        names = Unique()
        for port in model.inputs + model.outputs:  # outputs get these names at the end
            names.take(port.name)
        self.work = GraphBuilder(names, layouts(model))
        self._inputs: list[tuple[OnnxPort, tuple[int, ...]]] = []
        self._outputs: list[tuple[OnnxPort, Stored]] = []
        for port in model.inputs:
            self._read_input(port)
        for node in model.nodes:
            self._read(node)
        for port in model.outputs:
            self._read_output(port)
        if not self.survey.refused:
            self._want_inputs_read()
        if not model.inputs or not model.outputs:
            side = "output" if model.inputs else "input"
            problem = contradiction(f"the model has no {side}, expected at least one")
            self._note_model(f"its {side}s", problem)

    def graph(self) -> Graph:
        """Return the graph.

        Raises CompileError for the first refused operator; it says how many more there are.
        """
        if self.survey.refused:
            raise self.survey.error(len(self.survey.refused) - 1)
        ports: dict[str, Port] = {}
        for port, shape in self._inputs:
            stored, steps = self.work.inputs[port.name], self.work.steps[port.name]
            ports[port.name] = ported_input(port, shape, stored, steps)
        outputs = []
        for port, value in self._outputs:
            tensor, ports[port.name] = ported_output(self.work, port, value)
            outputs.append(tensor)
        nodes, renamed = with_output_names(
            self.work.nodes, outputs, [port.name for port, _ in self._outputs]
        )
        return Graph(
            name=Path(self.survey.file).stem,
            inputs=tuple(self.work.inputs[port.name].view.tensor for port, _ in self._inputs),
            outputs=renamed,
            nodes=nodes,
            source=self.survey.file,
            format="onnx",
            ports=MappingProxyType(ports),
            notes=(*self.model.notes, *self._scaled(), *self.work.notes),
        )

    def _scaled(self) -> tuple[str, ...]:
        """Note how many results between operators got a scale of ours."""
        outputs = {self.values.get(port.name) for port, _ in self._outputs}
        between = [value for value in self.work.scaled if value not in outputs]
        if not between:
            return ()
        return (
            f"{len(between)} float32 results between operators are not quantized in the file; each "
            "is int8 on a scale of ours: quantize them too where answers are too far off",
        )

    def _read_input(self, port: OnnxPort) -> None:
        self.values.setdefault(port.name, Broken())
        try:
            if any(port.name == other.name for other, _ in self._inputs):
                raise contradiction("it is listed twice among the inputs")
            shape = port_shape(port)
        except Refusal as refusal:
            self._note_model(f"input '{printable(port.name)}'", refusal, port)
            return
        self._inputs.append((port, shape))
        self.values[port.name] = Edge(port.name, shape, port.type_name)

    def _want_inputs_read(self) -> None:
        """Refuse inputs that no operator quantizes."""
        for port, _ in self._inputs:
            if port.name not in self.work.inputs:
                problem = Refusal("no computation reads it", "leave it out of the inputs")
                self._note_model(f"input '{printable(port.name)}'", problem, port)

    def _read(self, node: OnnxNode) -> None:
        """Record what the node's outputs stand for, or what is wrong with it."""
        problem: Refusal | None = None
        results: tuple[Value, ...] = (Broken(),) * len(node.outputs)
        blamed = node
        try:
            self.work.node = node
            results = self._values_of(node)
        except Refusal as refusal:
            problem, blamed = refusal, self.work.node or node
        for name, value in zip(node.outputs, results, strict=False):
            if name:
                self.values[name] = value
        written = not any(name.endswith(OF_BIAS) for name in node.outputs)
        if problem is not None or (node.op not in SILENT and written):
            self._note(node, blamed, problem)

    def _values_of(self, node: OnnxNode) -> tuple[Value, ...]:
        for name in node.outputs:
            if name and (name in self.values or name in self.model.initializers):
                raise contradiction(f"it writes '{printable(name)}', which already has a value")
        if not any(node.outputs):
            raise contradiction("it has no output, expected one or more")
        known = node.op in ARMS and (
            node.domain == "" or (node.domain == MICROSOFT and node.op in ALSO_MICROSOFT)
        )
        if not known:
            raise unsupported(node.op, node.domain, self.model.functions)
        inputs = tuple(self._value(name) if name else None for name in node.inputs)
        if any(isinstance(value, Broken) for value in inputs):
            return (Broken(),) * len(node.outputs)
        results = ARMS[node.op].read(Operator(node, inputs, self.work, self.model.opset))
        return results if isinstance(results, tuple) else (results,)

    def _value(self, name: str) -> Value:
        if name not in self.values:
            if name not in self.model.initializers:
                raise contradiction(f"it reads '{printable(name)}' before anything writes it")
            self.values[name] = Constant(name, self.model.constant(name))
        return self.values[name]

    def _read_output(self, port: OnnxPort) -> None:
        value = self.values.get(port.name)
        if isinstance(value, Broken):
            return
        try:
            if value is None and port.name not in self.model.initializers:
                raise contradiction(f"no node writes '{printable(port.name)}'")
            stored = self._checked_output(port.name, self._value(port.name))
            if any(port.name == other.name for other, _ in self._outputs):
                port = replace(port, name=self.work.named(port.name))  # it is listed twice
            self._outputs.append((port, stored))
        except Refusal as refusal:
            self._note_model(f"output '{printable(port.name)}'", refusal, port)

    def _checked_output(self, name: str, value: Value) -> Stored:
        """Return an output as a computed tensor. Raises Refusal where it is none."""
        if isinstance(value, Deferred):
            real = self.work.output_of(value)
            if real is not None:
                return real
            with self.work.at(value.origin):
                value = self.work.settled(value)
            self.work.notes.append(
                f"output '{printable(name)}' is float32 in the file and not quantized; here it is "
                f"int8 on a scale of {value.scheme.scale:g}, which covers all its values"
            )
        if isinstance(value, Constant):
            return self._stored_constant(value)
        if not isinstance(value, Stored):
            raise Refusal(
                "the output is an input that nothing quantizes, expected a computed tensor",
                "leave it out of the outputs",
            )
        taken = [stored.view.tensor for stored in self.work.inputs.values()]
        taken += [other.view.tensor for _, other in self._outputs]
        if all(value.view.tensor is not tensor for tensor in taken):
            return value
        same = np.arange(-128, 128).astype(np.int8)  # a copy: each output has its own memory
        with self._at_output(name):
            view = self.work.looked_up("copy", value.view, same, value.scheme)
        return Stored(view, value.scheme, value.real)

    def _stored_constant(self, value: Constant) -> Stored:
        """Store a constant that is an output. Raises Refusal for integers without a scale."""
        if not value.is_real or value.data.size == 0:
            raise Refusal(
                f"the output is a constant of {value.data.dtype.name}, expected a computed tensor",
                "leave it out of the outputs",
            )
        reach = spanned(value.real) or (0.0, 0.0)
        scheme = value.scheme or Scheme.covering(*reach)
        if value.scheme is None:  # float, or on one scale per channel
            value = Constant(value.name, value.float)
        listed = Constant(value.name, value.data.reshape(-1), value.quant)
        view = self.work.constant_view(listed, scheme)
        with self._at_output(value.name):
            tensor = self.work.emit_moved(Concatenation(0), (view.tensor,), view.shape)
        return Stored(View(tensor, view.perm, value.shape), scheme, real=True)

    def _at_output(self, name: str) -> AbstractContextManager[None]:
        """Build for an output, which no node of the file computes."""
        place = len(self.model.nodes)
        return self.work.at(OnnxNode(place, "Identity", "", name, (), (name,), {}))

    def _note_model(self, where: str, problem: Refusal, port: OnnxPort | None = None) -> None:
        name = "" if port is None else port.name
        problem = Refusal(problem.what, advice(self.model, "the model", problem.hint))
        self.survey.note(-1, "MODEL", where, problem, name, dtype="int8")

    def _note(self, node: OnnxNode, blamed: OnnxNode, problem: Refusal | None) -> None:
        """Record the verdict on one node; a refusal may be about an earlier node that it needs."""
        layer = self._layers.take(layer_name(node))
        where = f"{blamed.origin} '{layer if blamed is node else layer_name(blamed)}'"
        name = node.outputs[0] if node.outputs else ""
        shapes = tuple(self.values[i].shape for i in node.inputs if i in self.values)
        output = self.values.get(name)
        shape = () if output is None else output.shape
        if problem is not None:
            problem = Refusal(problem.what, advice(self.model, blamed.op, problem.hint))
        self.survey.note(blamed.index, blamed.op, where, problem, name, shapes, shape, "int8")
