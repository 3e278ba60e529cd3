# SPDX-License-Identifier: Apache-2.0
"""Builds a float ONNX model node by node, with random weights that keep activations their size."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

Float = NDArray[np.float32]
Attribute = int | float | str | Sequence[int]
IR_VERSION = 10  # what opset 20 came with; newer ones are unknown to runtimes of the year before


class OnnxBuilder:
    """Collects nodes and constants; each method adds one and returns the name of its value.

    Weights have a variance of one over the number of products per sum, so that the output of a
    layer spreads as far as its input. Biases spread a tenth of that.
    """

    def __init__(self, seed: int, opset: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._opset = opset
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[int]) -> str:
        """Add a float32 input."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def node(self, kind: str, name: str, inputs: Sequence[str], **attributes: Attribute) -> str:
        """Add an operator of ONNX's own domain; its one output has the node's name."""
        made = helper.make_node(kind, inputs, [name], name)
        made.attribute.extend(helper.make_attribute(key, to) for key, to in attributes.items())
        self._nodes.append(made)
        return name

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        """Add an initializer."""
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def normal(self, name: str, shape: Sequence[int], spread: float, centre: float = 0.0) -> str:
        """Add a float32 initializer drawn from a normal distribution."""
        drawn = self._rng.standard_normal(shape, np.float32)
        return self.constant(name, drawn * np.float32(spread) + np.float32(centre))

    def linear(self, name: str, x: str, inputs: int, outputs: int, bias: bool = True) -> str:
        """Add a layer as exporters write it: MatMul by (inputs, outputs), then Add of a bias."""
        weight = self.normal(f"{name}.weight", (inputs, outputs), 1 / sqrt(inputs))
        if not bias:
            return self.node("MatMul", name, [x, weight])
        product = self.node("MatMul", f"{name}.product", [x, weight])
        return self.node("Add", name, [product, self.normal(f"{name}.bias", (outputs,), 0.1)])

    def gemm(self, name: str, x: str, inputs: int, outputs: int) -> str:
        """Add a layer on a vector: Gemm by a matrix (outputs, inputs), with a bias."""
        weight = self.normal(f"{name}.weight", (outputs, inputs), 1 / sqrt(inputs))
        bias = self.normal(f"{name}.bias", (outputs,), 0.1)
        return self.node("Gemm", name, [x, weight, bias], transB=1)

    def conv(
        self,
        name: str,
        x: str,
        weights: tuple[int, int, int, int],
        stride: int = 1,
        pad: int = 0,
        groups: int = 1,
        gain: float = 1.0,
    ) -> str:
        """Add a Conv with a bias, padded by `pad` on every side.

        weights: their shape, (outputs, inputs per group, rows, columns). gain: scales them.
        """
        spread = gain / sqrt(prod(weights[1:]))
        inputs = [
            x,
            self.normal(f"{name}.weight", weights, spread),
            self.normal(f"{name}.bias", weights[:1], 0.1),
        ]
        return self.node(
            "Conv",
            name,
            inputs,
            kernel_shape=weights[2:],
            strides=[stride, stride],
            pads=[pad] * 4,
            group=groups,
        )

    def layer_norm(self, name: str, x: str, width: int, epsilon: float = 1e-6) -> str:
        """Add a LayerNormalization over the last axis, with gains around 1."""
        gain = self.normal(f"{name}.weight", (width,), 0.1, 1.0)
        bias = self.normal(f"{name}.bias", (width,), 0.1)
        return self.node("LayerNormalization", name, [x, gain, bias], axis=-1, epsilon=epsilon)

    def reshape(self, name: str, x: str, shape: Sequence[int]) -> str:
        """Add a Reshape to a constant shape."""
        return self.node(
            "Reshape", name, [x, self.constant(f"{name}.shape", np.array(shape, np.int64))]
        )

    def model(self, name: str, output: str, shape: Sequence[int]) -> onnx.ModelProto:
        """Return the model with this float32 output; onnx's checker raises for an unsound one."""
        result = helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self._nodes, name, self._inputs, [result], self._constants)
        imports = [helper.make_opsetid("", self._opset)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model


def parameters(model: onnx.ModelProto) -> int:
    """Count the float elements of a model's constants, without scalars."""
    return sum(
        prod(constant.dims)
        for constant in model.graph.initializer
        if constant.data_type == TensorProto.FLOAT and constant.dims
    )
