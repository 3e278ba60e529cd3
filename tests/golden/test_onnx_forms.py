# SPDX-License-Identifier: Apache-2.0
"""Other forms of quantized ONNX files: old and new opsets, QOperator, QCDQ, 4 bits, odd outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from mcuforge.compiler.frontends.onnx.reader import open_onnx, read_onnx
from mcuforge.compiler.graph import Graph
from tests.models.onnx_images import IMAGE, conv, pool, uint8_weights
from tests.models.onnx_runner import graph_of, kinds_of, output_difference
from tests.models.qdq_builder import Qdq

Build = Callable[[Qdq], str]


def clipped_by_attributes(q: Qdq) -> str:
    return q.requantized(q.node("Clip", [q.input((1, 24))], min=-1.0, max=2.0), 0.02, 3)


def padded_by_attributes(q: Qdq) -> str:
    x = q.node("Pad", [q.input((1, 3, 5))], pads=[0, 0, 1, 0, 0, 2], value=0.5)
    return q.requantized(x, 0.05, 3)


def resized_by_two_inputs(q: Qdq) -> str:
    scales = q.constant(np.array([1, 1, 2, 3], np.float32))
    return q.op("Resize", [q.input(IMAGE), scales], 0.05, 3, mode="nearest")


def split_by_attribute(q: Qdq) -> str:
    x = q.node("Split", [q.input((1, 10, 11))], 2, axis=2, split=[5, 6])
    return q.op("Relu", [f"{x}.1"], 0.05, 3)


def softmax_over_the_rest(q: Qdq) -> str:
    """Before opset 13 Softmax takes all dimensions from its axis on as one, 1 by default."""
    return q.op("Softmax", [q.input((1, 4, 5))], 1 / 256, -128)


@pytest.mark.parametrize(
    ("opset", "build"),
    [
        (10, clipped_by_attributes),
        (10, padded_by_attributes),
        (10, resized_by_two_inputs),
        (10, uint8_weights),
        (11, uint8_weights),
        (12, split_by_attribute),
        (12, softmax_over_the_rest),
        (22, conv),
        (23, pool("AveragePool", kernel_shape=[2, 2])),
        (24, conv),
    ],
)
def test_old_and_new_opsets_are_read_and_noted(opset: int, build: Build) -> None:
    q = Qdq(opset)
    model = q.model(build(q))
    near = 13 if opset < 13 else 21
    noted = f"the file uses opset {opset}; it is read as one of opset {near}"
    assert graph_of(model).notes == (noted,)
    assert output_difference(model) <= 1.01


class Drawn(CalibrationDataReader):  # type: ignore[misc]
    """A few random inputs."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        random = np.random.default_rng(0)
        drawn = [random.standard_normal(shape).astype(np.float32) for _ in range(8)]
        self.left = iter([{"x": x} for x in drawn])

    def get_next(self) -> dict[str, np.ndarray] | None:  # type: ignore[type-arg]
        return next(self.left, None)


def float_network() -> onnx.ModelProto:
    """Convolutions, a residual sum, activations, pools, a join and a linear layer."""
    random = np.random.default_rng(3)
    constants, nodes = [], []

    def constant(name: str, *shape: int) -> str:
        values = random.standard_normal(shape).astype(np.float32) / np.sqrt(np.prod(shape[1:]))
        constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))
        return output

    a = node("Conv", ["x", constant("w1", 6, 3, 3, 3), constant("b1", 6)], "a", pads=[1] * 4)
    r = node("Relu", [a], "r")
    c = node("Conv", [r, constant("w2", 6, 6, 3, 3)], "c", pads=[1] * 4)
    s = node("Sigmoid", [node("Add", [r, c], "sum")], "s")
    m = node("Mul", [s, c], "m")
    joined = node("Concat", [m, node("LeakyRelu", [c], "l", alpha=0.1)], "joined", axis=1)
    p = node("AveragePool", [joined], "p", kernel_shape=[2, 2], strides=[2, 2])
    p = node("MaxPool", [p], "largest", kernel_shape=[2, 2], strides=[2, 2])
    g = node("GlobalAveragePool", [p], "g")
    flat = node("Flatten", [g], "flat")
    y = node("Gemm", [flat, constant("w3", 5, 12), constant("b3", 5)], "y", transB=1)
    ports = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 12, 12]),
        helper.make_tensor_value_info(y, TensorProto.FLOAT, [1, 5]),
    ]
    graph = helper.make_graph(nodes, "net", ports[:1], ports[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("kind", [QuantType.QInt8, QuantType.QUInt8])
def test_operators_of_integers_mean_those_between_their_scales(
    tmp_path: object, per_channel: bool, kind: QuantType
) -> None:
    path = f"{tmp_path}/qoperator.onnx"
    quantize_static(
        float_network(),
        path,
        Drawn((1, 3, 12, 12)),
        quant_format=QuantFormat.QOperator,
        per_channel=per_channel,
        activation_type=kind,
        weight_type=QuantType.QInt8,
    )
    model = onnx.load(path)
    kinds = {node.op_type for node in model.graph.node}
    assert {"QLinearConv", "QLinearAdd", "QLinearConcat", "QLinearMul", "QGemm"} <= kinds
    rows = open_onnx(model.SerializeToString(), "m.onnx").survey.rows
    silent = ("QuantizeLinear", "DequantizeLinear")
    assert len(rows) == sum(node.op_type not in silent for node in model.graph.node)
    assert output_difference(model) <= 3  # each of ten operators may be a step off


def test_narrow_ranges_are_clips_of_integers() -> None:
    q = Qdq()
    model = q.model(q.op("Conv", [q.input(IMAGE), q.weights((4, 6, 3, 3))], 2.0, 3))
    limits = [q.constant(np.array(v, np.int8)) for v in (-127, 127)]
    model.graph.initializer.extend(q.constants[-2:])
    for place in (7, 1):  # behind the last QuantizeLinear and the first
        node = [n for n in model.graph.node if n.op_type == "QuantizeLinear"][place // 7]
        clip = helper.make_node("Clip", [node.output[0], *limits], [f"{node.output[0]}/narrow"])
        reader = next(n for n in model.graph.node if n.input and n.input[0] == node.output[0])
        reader.input[0] = clip.output[0]
        model.graph.node.insert(list(model.graph.node).index(reader), clip)
    assert kinds_of(graph_of(model)) == ["lookup", "conv2d", "lookup"]
    assert output_difference(model) <= 1


def test_a_clip_that_changes_nothing_is_left_out() -> None:
    q = Qdq()
    x = q.node("Conv", [q.input(IMAGE), q.weights((4, 6, 3, 3))])
    x = q.node("Relu", [x])
    scale, zero = q.constant(np.array(2.0, np.float32)), q.constant(np.array(0, np.int8))
    integers = q.node("QuantizeLinear", [x, scale, zero])
    narrow = [q.constant(np.array(v, np.int8)) for v in (-127, 127)]
    clipped = q.node("Clip", [integers, *narrow])
    model = q.model(q.node("DequantizeLinear", [clipped, scale, zero]))
    assert kinds_of(graph_of(model)) == ["conv2d"]
    assert output_difference(model) <= 1


@pytest.mark.parametrize("dtype", [TensorProto.INT4, TensorProto.UINT4])
def test_weights_of_four_bits_are_widened(dtype: int) -> None:
    q = Qdq(21)
    x = q.input((1, 15))
    low = -8 if dtype == TensorProto.INT4 else 0
    values = q.random.integers(low, low + 15, (15, 7), endpoint=True)
    zeros = np.full(7, 0 if low else 8)
    names = []
    for stem, data in (("w", values), ("z", zeros)):
        q.constants.append(helper.make_tensor(stem, dtype, data.shape, data.reshape(-1)))
        names.append(stem)
    scale = q.constant(np.linspace(0.01, 0.05, 7).astype(np.float32))
    weights = q.node("DequantizeLinear", [names[0], scale, names[1]], axis=1)
    model = q.model(q.op("MatMul", [x, weights], 0.2, 3))
    graph = graph_of(model)
    assert graph.notes == ("2 constants have 4 bits; each value is stored in 8",)
    assert kinds_of(graph) == ["fully_connected"]
    assert output_difference(model) <= 1


@pytest.mark.parametrize(("opset", "size"), [(18, 2), (21, 6)])
def test_group_normalization_has_constants_per_group_then_per_channel(
    opset: int, size: int
) -> None:
    q = Qdq(opset)
    x = q.op("Conv", [q.input(IMAGE), q.weights((6, 6, 1, 1))], 0.5, 3)
    names = [q.constant(np.linspace(low, 2, size, dtype=np.float32)) for low in (0.5, -1)]
    y = q.node("GroupNormalization", [x, *names], num_groups=2, epsilon=1e-3)
    model = q.model(q.requantized(y, 0.05, -5))
    assert kinds_of(graph_of(model)).count("layer_norm") == 1
    assert output_difference(model) <= 1.01


def test_rms_normalization_is_an_operator_since_opset_23() -> None:
    q = Qdq(23)
    gamma = q.constant(np.linspace(-1, 2, 12, dtype=np.float32))
    y = q.node("RMSNormalization", [q.input((1, 10, 12)), gamma], epsilon=1e-4)
    model = q.model(q.requantized(y, 0.05, -5))
    assert kinds_of(graph_of(model)) == ["layer_norm"]
    assert output_difference(model) <= 1.01


def outputs_of(kind: str) -> tuple[Qdq, list[str]]:
    """An output beside a computed one: the same twice, an input, a constant in several forms."""
    q = Qdq()
    x = q.input((1, 4))
    y = q.op("Relu", [x], 0.1)
    numbers = q.constant(np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3))
    others = {
        "same name": y,
        "same tensor": q.node("Identity", [y]),
        "input": x,
        "weights": q.weights((3, 4)),
        "number": q.node("Identity", [q.constant(np.array(2.5, np.float32))]),
        "initializer": numbers,
    }
    return q, [y, others[kind]]


@pytest.mark.parametrize(
    "kind", ["same name", "same tensor", "input", "weights", "number", "initializer"]
)
def test_outputs_that_nothing_computes_are_copies(kind: str) -> None:
    q, values = outputs_of(kind)
    model = q.model(*values)
    assert len({tensor.name for tensor in graph_of(model).outputs}) == 2
    assert output_difference(model) <= 0.51


def test_the_order_of_outputs_is_the_file_s() -> None:
    q, values = outputs_of("same name")
    model = q.model(*values)
    graph: Graph = read_onnx(model.SerializeToString())
    session = onnxruntime.InferenceSession(model.SerializeToString())
    assert (
        [t.shape for t in graph.outputs]
        == [(1, 4)] * 2
        == [tuple(found.shape) for found in session.run(None, {"x": np.zeros((1, 4), np.float32)})]
    )
