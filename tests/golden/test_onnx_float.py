# SPDX-License-Identifier: Apache-2.0
"""Operators that a quantizer leaves in float: outputs near onnxruntime's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
import pytest

from tests.models.onnx_images import IMAGE, normalized
from tests.models.onnx_runner import FINE, graph_of, kinds_of, output_difference
from tests.models.onnx_tokens import causal
from tests.models.qdq_builder import Qdq

Build = Callable[[Qdq], str]


def number(q: Qdq, value: float) -> str:
    return q.constant(np.array(value, np.float32))


def last(kind: str, *numbers: float) -> Build:
    """End with an operator that nothing quantizes."""

    def build(q: Qdq) -> str:
        return q.node(kind, [q.input((1, 24)), *(number(q, n) for n in numbers)])

    return build


def last_mean(q: Qdq) -> str:
    x = q.node("ReduceMean", [q.input(IMAGE)], axes=[2, 3], keepdims=1)
    return q.node("Squeeze", [x])


def last_softmax(q: Qdq) -> str:
    return q.node("Softmax", [q.input((1, 24))], axis=1)


def last_distance(q: Qdq) -> str:
    x = q.node("Sub", [q.input((1, 24)), q.input((1, 24), 0.04, -9, name="b")])
    return q.node("Abs", [x])


def last_layer(kind: str, size: int = 3) -> Build:
    """End with a layer whose bias and result are float, as training with quantizers does."""

    def build(q: Qdq) -> str:
        bias = q.constant(np.linspace(-1, 1, 5, dtype=np.float32))
        if kind == "Conv":
            return q.node("Conv", [q.input(IMAGE), q.weights((5, 6, size, size)), bias])
        return q.node("Gemm", [q.input((1, 24)), q.weights((24, 5)), bias])

    return build


def pooled_activation(q: Qdq) -> str:
    """Average x * HardSigmoid(x), which nothing quantizes."""
    x = q.input(IMAGE)
    gate = q.node("HardSigmoid", [x], alpha=1 / 6, beta=0.5)
    return q.op("GlobalAveragePool", [q.node("Mul", [x, gate])], 0.02, -20)


def swish_of_convolution(q: Qdq) -> str:
    """Conv, BatchNormalization and SiLU with nothing quantized in between."""
    x = q.node("Conv", [q.input(IMAGE), q.weights((8, 6, 3, 3), 0.002)])
    x = normalized(q, x, 8)
    return q.requantized(q.node("Mul", [x, q.node("Sigmoid", [x])]), 0.05, -100)


def residual(q: Qdq) -> str:
    """Add a convolution's float result to a map, then clamp, as TensorRT's quantizer leaves it."""
    x = q.input(IMAGE)
    y = q.node("Conv", [x, q.weights((6, 6, 3, 3), 0.002)], pads=[1, 1, 1, 1])
    return q.op("Relu", [q.node("Add", [x, y])], 0.05, -128)


def chained_convolutions(q: Qdq) -> str:
    x = q.node("Conv", [q.input(IMAGE), q.weights((4, 6, 1, 1))])
    return q.op("Conv", [x, q.weights((4, 4, 1, 1))], 2.0)


def difference_then_absolute(q: Qdq) -> str:
    x = q.node("Sub", [q.input((1, 24)), q.input((1, 24), 0.04, -9, name="b")])
    return q.op("Abs", [x], 0.05, -128)


def fed(*steps: tuple[str, bool, object]) -> Build:
    """Begin with sums and products of the input: (kind, constant in front, constant)."""

    def build(q: Qdq) -> str:
        x = "x"
        q.inputs.append(onnx.helper.make_tensor_value_info(x, onnx.TensorProto.FLOAT, IMAGE))
        for kind, in_front, values in steps:
            constant = q.constant(np.array(values, np.float32))
            x = q.node(kind, [constant, x] if in_front else [x, constant])
        x = q.requantized(x, 0.05, 3)
        return q.op("Conv", [x, q.weights((4, 6, 3, 3))], 2.0)

    return build


def pooled_first(kind: str, **attributes: Sequence[int]) -> Build:
    """Begin with a mean of the input, of which no QuantizeLinear says how far it reaches."""

    def build(q: Qdq) -> str:
        q.inputs.append(onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, IMAGE))
        x = q.node("Div", ["x", number(q, 4.0)])
        made = q.node(kind, [x], 1, "", **attributes)
        return q.requantized(made, 0.05, 3)

    return build


def reduced(kind: str, scale: float) -> Build:
    """Reduce tokens by an operator that has a function of each element inside."""
    return lambda q: q.op(kind, [q.input((1, 10, 12))], scale, -100, axes=[2], keepdims=0)


VECTOR = np.linspace(-1, 1, 6)[None, :, None, None]


def last_normalization(q: Qdq) -> str:
    """Normalize the result of a last linear layer in float: part of it."""
    x = q.node("Gemm", [q.input((1, 24)), q.weights((24, 5)), q.bias(5, 0.001)])
    return normalized(q, x, 5)


def last_sigmoid(q: Qdq) -> str:
    """Take the sigmoid of a last linear layer, with nothing quantized behind the weights."""
    x = q.node("Gemm", [q.input((1, 24)), q.weights((24, 5), 0.001), q.bias(5, 0.001)])
    return q.node("Sigmoid", [x])


def last_unbounded(q: Qdq) -> str:
    """Divide by values that may be 0."""
    return q.node("Reciprocal", [q.op("Exp", [q.input((1, 24))], 0.02, -128)])


CASES: dict[str, tuple[Build, list[str], float]] = {
    "div": (last("Div", 2.0), ["table_real"], 1),
    "tanh": (last("Tanh"), ["table_real"], 1),
    "sub": (last("Sub", 0.5), ["table_real"], 1),
    "hard sigmoid": (last("HardSigmoid"), ["table_real"], 1),
    "mean": (last_mean, ["mean_real"], 1),
    "softmax": (last_softmax, ["softmax_qdq"], 0.51),
    "distance": (last_distance, ["add", "table_real"], 0.01 / FINE),
    "gemm": (last_layer("Gemm"), ["linear_real"], 1),
    "1x1 conv": (last_layer("Conv", 1), ["linear_real"], 1),
    "batch norm behind gemm": (last_normalization, ["linear_real"], 32),
    "sigmoid of gemm": (last_sigmoid, ["fully_connected", "table_real"], 0.01 / FINE),
    "reciprocal": (last_unbounded, ["lookup", "table_real"], 1),
    "conv": (last_layer("Conv"), ["conv2d"], 0.51),
    "pooled activation": (pooled_activation, ["lookup", "mean"], 1.0),
    "swish of a convolution": (swish_of_convolution, ["conv2d", "lookup"], 2.0),
    "residual": (residual, ["conv2d", "add"], 2.01),
    "convolutions": (chained_convolutions, ["conv2d", "conv2d"], 2.0),
    "input over 255": (fed(("Div", False, 255)), ["conv2d"], 1.0),
    "input less a mean, over a deviation": (
        fed(("Sub", False, VECTOR), ("Div", False, np.exp(VECTOR))),
        ["conv2d"],
        1.0,
    ),
    "input turned and moved": (
        fed(("Mul", True, -3), ("Sub", True, VECTOR), ("Add", False, 2)),
        ["conv2d"],
        1.0,
    ),
    "input pooled": (
        pooled_first("AveragePool", kernel_shape=[2, 2], strides=[2, 2]),
        ["depthwise_conv2d"],
        1.01,
    ),
    "input averaged": (pooled_first("ReduceMean", axes=[2, 3]), ["mean"], 1.01),
    "sum of squares": (reduced("ReduceSumSquare", 1.0), ["lookup", "sum"], 1.01),
    "euclidean norm": (reduced("ReduceL2", 0.1), ["lookup", "sum", "lookup"], 2.01),
    "sum of sizes": (reduced("ReduceL1", 0.3), ["lookup", "sum"], 1.01),
    "mask in float": (
        causal("Where -inf", quantized=False),
        ["lookup", "minimum", "softmax_qdq"],
        7.0,
    ),
    "difference, then absolute": (difference_then_absolute, ["add", "lookup"], 1.01),
}


@pytest.mark.parametrize("name", CASES)
def test_float_results_get_a_scale(name: str) -> None:
    build, kinds, steps = CASES[name]
    q = Qdq()
    model = q.model(build(q))
    graph = graph_of(model)
    assert kinds_of(graph) == kinds
    assert len(graph.notes) <= 1  # how many got a scale of ours, or which output
    assert output_difference(model) <= steps


def test_results_with_a_scale_of_ours_are_counted_in_a_note() -> None:
    q = Qdq()
    (note,) = graph_of(q.model(chained_convolutions(q))).notes
    assert note.startswith("1 float32 results between operators are not quantized in the file;")
    q = Qdq()
    (note,) = graph_of(q.model(last_softmax(q))).notes
    assert note.endswith("is int8 on a scale of 0.00392157, which covers all its values")
