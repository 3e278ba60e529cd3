# SPDX-License-Identifier: Apache-2.0
"""Builds small ONNX models in QDQ form, operator by operator, with every scale stated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Attribute = int | float | str | Sequence[int] | Sequence[float]
ELEMENT = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}


class Qdq:
    """Collects nodes in QDQ form; a method that adds a value returns its name, dequantized."""

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
        """Return a name that nothing else has."""
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
        """Add an input and its DequantizeLinear; float32 inputs get a QuantizeLinear first."""
        self.inputs.append(helper.make_tensor_value_info(name, ELEMENT[dtype], shape))
        if dtype == "float32":
            return self.requantized(name, scale, zero)
        return self.dequantized(name, scale, zero, dtype)

    def requantized(self, x: str, scale: float, zero: int) -> str:
        """Add a QuantizeLinear and a DequantizeLinear behind a value."""
        zero_name = self.constant(np.array(zero, self.dtype), "zero")
        scale_name = self.constant(np.array(scale, np.float32), "scale")
        integers = self.node("QuantizeLinear", [x, scale_name, zero_name])
        return self.node("DequantizeLinear", [integers, scale_name, zero_name])

    def dequantized(self, x: str, scale: float, zero: int, dtype: str | None = None) -> str:
        """Add a DequantizeLinear behind a value of integers."""
        zero_name = self.constant(np.array(zero, dtype or self.dtype), "zero")
        scale_name = self.constant(np.array(scale, np.float32), "scale")
        return self.node("DequantizeLinear", [x, scale_name, zero_name])

    def constant(self, values: NDArray[np.generic], stem: str = "constant") -> str:
        """Add an initializer and return its name: there is no DequantizeLinear behind it."""
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
        """Add random 8-bit weights over their whole range, symmetric around `zero`, dequantized."""
        low, high = (-127, 127) if dtype == "int8" else (1, 255)
        data = self.random.integers(low, high, shape, endpoint=True).astype(dtype)
        return self.stored(data, scale, axis, zero)

    def bias(self, count: int, scale: float | Sequence[float], reach: int = 2000) -> str:
        """Add a random int32 bias, dequantized."""
        data = self.random.integers(-reach, reach, count, endpoint=True).astype(np.int32)
        return self.stored(data, scale, 0, 0)

    def stored(
        self, data: NDArray[np.generic], scale: float | Sequence[float], axis: int, zero: int
    ) -> str:
        """Add a constant of integers and its DequantizeLinear."""
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
        """Add an operator; return its first output's name, which others extend by .1, .2, ..."""
        first = self.fresh(kind.lower())
        names = [first, *(f"{first}.{place}" for place in range(1, outputs))]
        made = helper.make_node(kind, inputs, names, first, domain=domain)
        made.attribute.extend(helper.make_attribute(key, to) for key, to in attributes.items())
        self.nodes.append(made)
        return first

    def op(
        self, kind: str, inputs: Sequence[str], scale: float, zero: int = 0, **attributes: Attribute
    ) -> str:
        """Add an operator and quantize its result."""
        return self.requantized(self.node(kind, inputs, 1, "", **attributes), scale, zero)

    def integers(self, *values: int) -> str:
        """Add a constant list of int64."""
        return self.constant(np.array(values, np.int64), "list")

    def output(self, value: str, dtype: str = "float32") -> None:
        """Make a value an output of the model, under its own name."""
        self.outputs.append(helper.make_tensor_value_info(value, ELEMENT[dtype], None))

    def model(self, *values: str) -> onnx.ModelProto:
        """Return the model, with these float32 outputs besides those added before."""
        for value in values:
            self.output(value)
        graph = helper.make_graph(self.nodes, "small", self.inputs, self.outputs, self.constants)
        opsets = [helper.make_opsetid("", self._opset), helper.make_opsetid("com.microsoft", 1)]
        version = 8 if self._opset < 19 else 10
        return helper.make_model(graph, opset_imports=opsets, ir_version=version)
