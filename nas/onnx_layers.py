# SPDX-License-Identifier: Apache-2.0
"""A trained architecture as a float ONNX model, which `mcuforge quantize` and `deploy` take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
import onnx
from numpy.typing import NDArray

from mcuforge.compiler.builders.onnx_builder import OnnxBuilder
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.window import Pair, resolve_padding
from mcuforge.nas.architecture import Architecture, Layers, Task, lay

OPSET = 20  # the first to have GELU as an operator
EPSILON = 1e-6
Float = NDArray[np.float32]


def onnx_of(
    architecture: Architecture, task: Task, weights: Mapping[str, Float]
) -> onnx.ModelProto:
    """The float model: `image` (1, channels, rows, columns) to `logits` (1, classes).

    weights: float32 by name, as `training.weights` has them, batch normalizations folded.
    """
    build = OnnxBuilder(0, OPSET)
    rows, columns, channels = task.image
    x = Value(build.input("image", (1, channels, rows, columns)), (rows, columns, channels))
    layers: Layers[Value] = OnnxLayers(build, weights)
    logits = lay(layers, architecture, x, task.classes)
    return build.model("network", logits.name, (1, task.classes))


@dataclass(frozen=True)
class Value:
    """A value's name, and its shape without the batch, channels last.

    In the model images are (1, channels, rows, columns), tokens (1, count, width).
    """

    name: str
    shape: tuple[int, ...]


class OnnxLayers:
    """Lays layers into an OnnxBuilder; see architecture.Layers."""

    def __init__(self, build: OnnxBuilder, weights: Mapping[str, Float]) -> None:
        self._build = build
        self._weights = weights
        self._count = 0

    def shape(self, x: Value) -> tuple[int, ...]:
        return x.shape

    def conv(
        self, name: str, x: Value, filters: int, kernel: Pair, stride: Pair, act: Activation
    ) -> Value:
        return self._convolved(name, x, stride, act, same=True)

    def depthwise(self, name: str, x: Value, kernel: Pair, stride: Pair, act: Activation) -> Value:
        return self._convolved(name, x, stride, act, same=True)

    def patches(self, name: str, x: Value, filters: int, side: Pair) -> Value:
        return self._convolved(name, x, side, "none", same=False)

    def _convolved(
        self, name: str, x: Value, stride: Pair, act: Activation, *, same: bool
    ) -> Value:
        weight = self._weights[f"{name}.weight"]
        filters, inputs, *kernel = weight.shape
        size = (x.shape[0], x.shape[1])
        window = (kernel[0], kernel[1])
        pads = resolve_padding("same" if same else "valid", size, window, stride, (1, 1))
        sides = [(size[i] + pads[i] + pads[i + 2] - kernel[i]) // stride[i] + 1 for i in range(2)]
        made = self._build.node(
            "Conv",
            name,
            [x.name, self._constant(f"{name}.weight", weight), self._known(f"{name}.bias")],
            kernel_shape=kernel,
            strides=stride,
            pads=pads,
            group=x.shape[2] if inputs == 1 and x.shape[2] > 1 else 1,
        )
        return self._active(Value(made, (*sides, filters)), act)

    def add(self, a: Value, b: Value, act: Activation) -> Value:
        return self._active(
            Value(self._build.node("Add", self._name("add"), [a.name, b.name]), a.shape), act
        )

    def tokens(self, x: Value) -> Value:
        rows, columns, width = x.shape
        name = self._name("tokens")
        flat = self._build.reshape(f"{name}.flat", x.name, (1, width, rows * columns))
        made = self._build.node("Transpose", name, [flat], perm=(0, 2, 1))
        return Value(made, (rows * columns, width))

    def class_token(self, name: str, x: Value) -> Value:
        token = self._constant(f"{name}.value", self._weights[name])
        made = self._build.node("Concat", name, [token, x.name], axis=1)
        return Value(made, (x.shape[0] + 1, x.shape[1]))

    def positions(self, name: str, x: Value, grid: Pair) -> Value:
        at = self._weights[f"{name}.grid"].reshape(x.shape[1], -1).T
        if len(at) < x.shape[0]:
            at = np.concatenate((self._weights[f"{name}.class"], at))
        place = self._constant(f"{name}.value", at[None])
        return Value(self._build.node("Add", name, [x.name, place]), x.shape)

    def norm(self, name: str, x: Value) -> Value:
        inputs = [x.name, self._known(f"{name}.gain"), self._known(f"{name}.shift")]
        made = self._build.node("LayerNormalization", name, inputs, axis=-1, epsilon=EPSILON)
        return Value(made, x.shape)

    def attention(self, name: str, x: Value, heads: int, head_width: int, rank: int) -> Value:
        count, build = x.shape[0], self._build
        orders = {"q": (0, 2, 1, 3), "k": (0, 2, 3, 1), "v": (0, 2, 1, 3)}
        split = {}
        for part, order in orders.items():
            # the queries' weights take in the scale of the scores
            scale = 1 / sqrt(head_width) if part == "q" else 1.0
            rows = self._linear(f"{name}.{part}", x, heads * head_width, rank, scale)
            shape = (1, count, heads, head_width)
            of_heads = build.reshape(f"{name}.{part}.split", rows.name, shape)
            split[part] = build.node("Transpose", f"{name}.{part}.heads", [of_heads], perm=order)
        scores = build.node("MatMul", f"{name}.scores", [split["q"], split["k"]])
        weights = build.node("Softmax", f"{name}.weights", [scores], axis=-1)
        mixed = build.node("MatMul", f"{name}.mixed", [weights, split["v"]])
        mixed = build.node("Transpose", f"{name}.by_token", [mixed], perm=(0, 2, 1, 3))
        joined = build.reshape(f"{name}.joined", mixed, (1, count, heads * head_width))
        tokens = Value(joined, (count, heads * head_width))
        return self._linear(f"{name}.out", tokens, x.shape[1], rank)

    def linear(self, name: str, x: Value, features: int, rank: int) -> Value:
        return self._linear(name, x, features, rank)

    def _linear(self, name: str, x: Value, features: int, rank: int, scale: float = 1.0) -> Value:
        """A linear layer whose output is multiplied by `scale`; tokens are rows of a matrix."""
        inputs, last = x.shape[-1], "weight"
        if rank:
            for factor in ("down", "core"):
                matrix = self._weights[f"{name}.{factor}"].reshape(rank, inputs)
                weight = self._constant(f"{name}.{factor}.weight", matrix.T)
                x = Value(self._build.node("MatMul", f"{name}.{factor}", [x.name, weight]), x.shape)
                inputs = rank
            last = "up"
        matrix = self._weights[f"{name}.{last}"].reshape(features, inputs) * np.float32(scale)
        bias = self._weights[f"{name}.bias"].reshape(features) * np.float32(scale)
        of_bias = self._constant(f"{name}.bias", bias)
        shape = (*x.shape[:-1], features)
        if len(x.shape) == 1:
            weight = self._constant(f"{name}.weight", matrix)
            return Value(self._build.node("Gemm", name, [x.name, weight, of_bias], transB=1), shape)
        weight = self._constant(f"{name}.weight", matrix.T)
        product = self._build.node("MatMul", f"{name}.product", [x.name, weight])
        return Value(self._build.node("Add", name, [product, of_bias]), shape)

    def gelu(self, x: Value) -> Value:
        return Value(self._build.node("Gelu", self._name("gelu"), [x.name]), x.shape)

    def mean(self, x: Value) -> Value:
        axes = (2, 3) if len(x.shape) == 3 else (1,)
        name = self._name("mean")
        over = self._build.constant(f"{name}.axes", np.array(axes, np.int64))
        made = self._build.node("ReduceMean", name, [x.name, over], keepdims=0)
        return Value(made, x.shape[-1:])

    def first(self, x: Value) -> Value:
        index = self._build.constant("first", np.array(0, np.int64))
        made = self._build.node("Gather", "feature", [x.name, index], axis=1)
        return Value(made, x.shape[1:])

    def _active(self, x: Value, act: Activation) -> Value:
        if act == "none":
            return x
        return Value(self._build.node("Relu", f"{x.name}.relu", [x.name]), x.shape)

    def _name(self, kind: str) -> str:
        """A name for a layer without weights."""
        self._count += 1
        return f"{kind}{self._count}"

    def _known(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _constant(self, name: str, values: Float) -> str:
        return self._build.constant(name, np.ascontiguousarray(values, np.float32))
