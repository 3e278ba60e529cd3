# SPDX-License-Identifier: Apache-2.0
"""Small ONNX models in QDQ form, written operator by operator, and what both sides make of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mcuforge.compiler.frontends.onnx.layout import inverse, permuted
from mcuforge.compiler.frontends.onnx.reader import open_onnx, read_onnx
from mcuforge.compiler.frontends.onnx.values import Stored
from mcuforge.compiler.ir import Graph
from mcuforge.compiler.user_ports import port_of, to_file

Attribute = int | float | str | Sequence[int] | Sequence[float]
ELEMENT = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}


class Qdq:
    """Collects nodes; methods that make a value return its name, dequantised."""

    def __init__(self, opset: int = 17, dtype: str = "int8", seed: int = 0) -> None:
        self.dtype = dtype
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self._opset = opset
        self._count = 0

    def fresh(self, stem: str) -> str:
        """A name nobody has."""
        self._count += 1
        return f"{stem}_{self._count}"

    def input(
        self,
        shape: Sequence[int | str],
        scale: float = 0.05,
        zero: int = 3,
        dtype: str = "float32",
        name: str = "x",
    ) -> str:
        """An input and its DequantizeLinear, behind a QuantizeLinear where it is float32."""
        self.inputs.append(helper.make_tensor_value_info(name, ELEMENT[dtype], shape))
        if dtype == "float32":
            return self.requantised(name, scale, zero)
        return self.dequantised(name, scale, zero, dtype)

    def requantised(self, x: str, scale: float, zero: int) -> str:
        """QuantizeLinear and DequantizeLinear behind a value."""
        zero_name = self.constant(np.array(zero, self.dtype), "zero")
        scale_name = self.constant(np.array(scale, np.float32), "scale")
        integers = self.node("QuantizeLinear", [x, scale_name, zero_name])
        return self.node("DequantizeLinear", [integers, scale_name, zero_name])

    def dequantised(self, x: str, scale: float, zero: int, dtype: str | None = None) -> str:
        """DequantizeLinear behind integers."""
        zero_name = self.constant(np.array(zero, dtype or self.dtype), "zero")
        scale_name = self.constant(np.array(scale, np.float32), "scale")
        return self.node("DequantizeLinear", [x, scale_name, zero_name])

    def constant(self, values: NDArray[np.generic], stem: str = "constant") -> str:
        """An initialiser as it is."""
        name = self.fresh(stem)
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def weights(
        self,
        shape: Sequence[int],
        scale: float | Sequence[float] = 0.02,
        axis: int = 0,
        zero: int = 0,
        dtype: str = "int8",
    ) -> str:
        """8-bit weights over their whole range (symmetric around `zero`), dequantised."""
        low, high = (-127, 127) if dtype == "int8" else (1, 255)
        data = self.random.integers(low, high, shape, endpoint=True).astype(dtype)
        return self.stored(data, scale, axis, zero)

    def bias(self, count: int, scale: float | Sequence[float], reach: int = 2000) -> str:
        """An int32 bias, dequantised."""
        data = self.random.integers(-reach, reach, count, endpoint=True).astype(np.int32)
        return self.stored(data, scale, 0, 0)

    def stored(
        self, data: NDArray[np.generic], scale: float | Sequence[float], axis: int, zero: int
    ) -> str:
        """A constant of integers and its DequantizeLinear."""
        scales = np.array(scale, np.float32)
        zeros = np.full(scales.shape, zero, data.dtype)
        names = [
            self.constant(data, "stored"),
            self.constant(scales, "scale"),
            self.constant(zeros, "zero"),
        ]
        if scales.ndim:
            return self.node("DequantizeLinear", names, axis=axis)
        return self.node("DequantizeLinear", names)

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        outputs: int = 1,
        domain: str = "",
        **attributes: Attribute,
    ) -> str:
        """One operator; the name of its first output, of which the others are numbered."""
        first = self.fresh(kind.lower())
        names = [first, *(f"{first}.{place}" for place in range(1, outputs))]
        made = helper.make_node(kind, inputs, names, first, domain=domain)
        made.attribute.extend(helper.make_attribute(key, to) for key, to in attributes.items())
        self.nodes.append(made)
        return first

    def op(
        self, kind: str, inputs: Sequence[str], scale: float, zero: int = 0, **attributes: Attribute
    ) -> str:
        """One operator whose result is quantised."""
        return self.requantised(self.node(kind, inputs, 1, "", **attributes), scale, zero)

    def integers(self, *values: int) -> str:
        """A constant list of int64."""
        return self.constant(np.array(values, np.int64), "list")

    def output(self, value: str, dtype: str = "float32") -> None:
        """Make a value an output under the name it has."""
        self.outputs.append(helper.make_tensor_value_info(value, ELEMENT[dtype], None))

    def model(self, *values: str) -> onnx.ModelProto:
        """The model with these float32 outputs besides those there are."""
        for value in values:
            self.output(value)
        graph = helper.make_graph(self.nodes, "small", self.inputs, self.outputs, self.constants)
        opsets = [helper.make_opsetid("", self._opset), helper.make_opsetid("com.microsoft", 1)]
        version = 8 if self._opset < 19 else 10
        return helper.make_model(graph, opset_imports=opsets, ir_version=version)


def graph_of(model: onnx.ModelProto) -> Graph:
    """The graph mcuforge reads."""
    return read_onnx(model.SerializeToString(), name="small.onnx")


def kinds_of(graph: Graph) -> list[str]:
    """What its nodes are, views left out."""
    return [node.op.kind for node in graph.nodes if not node.op.is_view]


def largest_difference(model: onnx.ModelProto, samples: int = 6, seed: int = 1) -> int:
    """Steps between onnxruntime and reference.py, node by node.

    Inputs are random over every value; what a node reads is what onnxruntime has quantised there,
    so that no difference is carried on.
    """
    reading = open_onnx(model.SerializeToString(), "small.onnx")
    graph = reading.graph()
    random = np.random.default_rng(seed)
    names = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    known = {n: v for n in names if isinstance(v := reading.values[n], Stored)}
    session = _session(model, list(known))
    worst = 0
    for _ in range(samples):
        inputs = [random.integers(-128, 127, (1, *t.shape), endpoint=True) for t in graph.inputs]
        feeds = {}
        values: dict[int, NDArray[np.generic]] = {}
        for tensor, drawn in zip(graph.inputs, inputs, strict=True):
            x = drawn.astype(np.int8)
            values[id(tensor)] = x[0]
            feeds[tensor.name] = to_file(x, port_of(graph, tensor), tensor)[0]
        theirs = dict(zip(known, session.run(list(known), feeds), strict=True))
        truth = {id(v.view.tensor): in_memory(v, theirs[name]) for name, v in known.items()}
        values |= truth
        for node in reading.work.nodes:
            operands = [values[id(t)] if t.data is None else t.data for t in node.inputs]
            met = node.op.evaluate(node.inputs, node.output, operands)
            wanted = truth.get(id(node.output), met)
            worst = max(worst, int(np.abs(met.astype(int) - wanted.astype(int)).max()))
            values.setdefault(id(node.output), met)
    return worst


def in_memory(value: Stored, integers: NDArray[np.generic]) -> NDArray[np.int8]:
    """What the file has for a value, as the graph stores it."""
    view, offset = value.view, 128 if value.scheme.dtype == "uint8" else 0
    logical = (integers.astype(np.int16) - offset).astype(np.int8)
    spread = logical.reshape(permuted(view.tensor.shape, view.perm))
    return np.ascontiguousarray(spread.transpose(inverse(view.perm)))


def _session(model: onnx.ModelProto, names: Sequence[str]) -> onnxruntime.InferenceSession:
    """The model as it is written, giving out these values."""
    opened = onnx.ModelProto.FromString(model.SerializeToString())
    opened.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(opened.SerializeToString(), options)
