# SPDX-License-Identifier: Apache-2.0
"""What the ONNX front end makes of sound files: layouts, ports, names, constants, fusions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.onnx.reader import open_onnx
from mcuforge.compiler.graph import Port
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.tensors import DType
from mcuforge.compiler.verify import verify
from tests.models import onnx_images, onnx_tokens
from tests.models.onnx_runner import graph_of, kinds_of
from tests.models.qdq_builder import Qdq

CASES = {**onnx_images.CASES, **onnx_tokens.CASES}


@pytest.mark.parametrize("name", CASES)
def test_every_sample_is_a_sound_graph_of_int8(name: str) -> None:
    q = Qdq()
    graph = graph_of(q.model(CASES[name][0](q)))
    verify(graph, "the front end")
    assert graph.format == "onnx"
    assert {t.dtype for t in (*graph.inputs, *(n.output for n in graph.nodes))} == {DType.INT8}
    assert all(node.origin.startswith("node ") for node in graph.nodes)


def test_an_image_is_stored_with_channels_last_and_its_port_says_so() -> None:
    q = Qdq()
    y = onnx_images.conv(q)
    graph = graph_of(q.model(y))
    (x,), (output,) = graph.inputs, graph.outputs
    assert (x.name, x.shape, x.zero_point) == ("x", (1, 9, 7, 6), 3)
    assert x.scale == pytest.approx(0.05)
    assert graph.ports["x"] == Port("float32", (1, 6, 9, 7), (0, 2, 3, 1))
    assert (output.name, output.shape) == (y, (1, 7, 5, 8))
    assert graph.ports[y] == Port("float32", (1, 8, 7, 5), (0, 2, 3, 1))


def test_tokens_keep_the_order_of_the_file() -> None:
    q = Qdq()
    y = onnx_tokens.matmul(q)
    graph = graph_of(q.model(y))
    assert graph.inputs[0].shape == (1, 10, 12)
    assert graph.ports[y] == Port("float32", (1, 10, 7), (0, 1, 2))


def test_an_open_batch_is_one() -> None:
    q = Qdq()
    x = q.input(["n", 4], 0.05, 3)
    graph = graph_of(q.model(q.op("Relu", [x], 0.05, 3)))
    assert graph.inputs[0].shape == (1, 4)
    assert graph.ports["x"].shape == (1, 4)


@pytest.mark.parametrize(("dtype", "zero", "shift"), [("int8", 3, 0), ("uint8", 131, 128)])
def test_integer_inputs_and_outputs_have_ports_of_their_type(
    dtype: str, zero: int, shift: int
) -> None:
    q = Qdq(dtype=dtype)
    q.input((1, 6), 0.05, zero, dtype)
    real = q.node("Relu", [q.nodes[-1].output[0]])
    scale = q.constant(np.array(0.02, np.float32))
    y = q.node("QuantizeLinear", [real, scale, q.constant(np.array(zero, dtype))])
    q.output(y, dtype)
    graph = graph_of(q.model())
    assert graph.inputs[0].zero_point == 3
    assert graph.ports == {
        "x": Port(dtype, (1, 6), (0, 1), shift),
        y: Port(dtype, (1, 6), (0, 1), shift),
    }


def test_transposes_around_a_convolution_cancel() -> None:
    """A model that takes NHWC, as converters from TensorFlow write it."""
    q = Qdq()
    x = q.op("Transpose", [q.input((1, 9, 7, 6))], 0.05, 3, perm=(0, 3, 1, 2))
    y = q.op("Conv", [x, q.weights((4, 6, 1, 1))], 0.9)
    y = q.op("Transpose", [y], 0.9, perm=(0, 2, 3, 1))
    graph = graph_of(q.model(y))
    assert kinds_of(graph) == ["conv2d"]
    assert graph.ports["x"].perm == graph.ports[y].perm == (0, 1, 2, 3)


def test_a_patch_embedding_leaves_no_transpose() -> None:
    q = Qdq()
    x = q.op("Conv", [q.input((1, 3, 8, 8)), q.weights((5, 3, 4, 4))], 1.5, strides=[4, 4])
    x = q.op("Reshape", [x, q.integers(1, 5, -1)], 1.5)
    x = q.op("Transpose", [x], 1.5, perm=(0, 2, 1))
    x = q.op("Add", [x, q.weights((1, 4, 5))], 1.6)
    graph = graph_of(q.model(x))
    assert [node.op.kind for node in graph.nodes] == ["conv2d", "reshape", "add"]
    assert graph.outputs[0].shape == (1, 4, 5)


def test_reshapes_around_a_product_of_rows_vanish() -> None:
    """[1, 10, 12] to [10, 12] and back, as onnxruntime's optimizer writes a Gemm of tokens."""
    q = Qdq()
    x = q.op("Reshape", [q.input((1, 10, 12)), q.integers(10, 12)], 0.05, 3)
    x = q.op("Gemm", [x, q.weights((12, 7))], 0.3, 4)
    x = q.op("Reshape", [x, q.integers(1, 10, 7)], 0.3, 4)
    x = q.op("Add", [x, q.weights((7,))], 0.3)
    assert [node.op.kind for node in graph_of(q.model(x)).nodes] == ["fully_connected", "add"]


def test_a_clamp_behind_an_operator_is_its_activation() -> None:
    q = Qdq()
    graph = graph_of(q.model(onnx_images.conv_then("Clip", 0.0, 6.0)(q)))
    assert graph.nodes[0].op == Conv2D(act="relu6")
    q = Qdq()
    graph = graph_of(q.model(onnx_images.add_then_relu(q)))
    assert graph.nodes[0].op == Add(act="relu")


def test_a_clamp_no_value_reaches_disappears() -> None:
    q = Qdq()
    graph = graph_of(q.model(onnx_images.conv_then("Clip", -1000.0, 1000.0)(q)))
    assert kinds_of(graph) == ["conv2d"]


def test_a_chain_of_float_operators_is_a_table_with_the_name_people_know() -> None:
    q = Qdq()
    (node,) = graph_of(q.model(onnx_tokens.erf_gelu(q))).nodes
    assert isinstance(node.op, Lookup)
    assert node.op.name == "gelu"


def test_a_variance_on_eight_bits_is_computed_exactly() -> None:
    """onnxruntime's quantizer knows Add alone of a layer normalization in parts: 256 variances."""
    q = Qdq()
    x = q.input((1, 10, 12))
    d = q.node("Sub", [x, q.node("ReduceMean", [x], axes=[-1])])
    square = q.node("Pow", [d, q.constant(np.array(2, np.float32))])
    variance = q.op("ReduceMean", [square], 0.15, -128, axes=[-1])
    floor = q.op("Add", [variance, q.weights((), 1e-7)], 0.15, -128)
    y = q.requantized(q.node("Div", [d, q.node("Sqrt", [floor])]), 0.03, 3)
    graph = graph_of(q.model(y))
    assert kinds_of(graph) == ["layer_norm"]
    tensor, output = graph.inputs[0], graph.outputs[0]
    stored = q.random.integers(-128, 128, tensor.shape).astype(np.int8)
    real = tensor.scale * (stored.astype(np.float64) - tensor.zero_point)
    normal = (real - real.mean(-1, keepdims=True)) / real.std(-1, keepdims=True)
    exact = np.clip(normal / output.scale + output.zero_point, -128, 127)
    (met,) = reference.run(graph, [stored])
    assert np.abs(met - exact).max() <= 0.51


def test_a_bias_on_another_scale_is_brought_to_that_of_the_products() -> None:
    q = Qdq()
    data = np.array([100, -50], np.int32)
    bias = q.stored(data, 0.003, 0, 0)
    x = q.op("Gemm", [q.input((1, 4)), q.weights((2, 4), 0.02), bias], 0.3, transB=1)
    graph = graph_of(q.model(x))
    assert graph.nodes[0].inputs[2].values().tolist() == [300, -150]


def test_constants_read_twice_are_one_tensor() -> None:
    q = Qdq()
    weights = q.weights((12, 12))
    x = q.op("MatMul", [q.op("MatMul", [q.input((1, 10, 12)), weights], 0.3), weights], 0.9)
    graph = graph_of(q.model(x))
    first, second = graph.nodes
    assert first.inputs[1] is second.inputs[1]


def test_weights_read_in_both_directions_are_two_tensors() -> None:
    q = Qdq()
    weights = q.weights((12, 12))
    x = q.op("Gemm", [q.input((1, 12)), weights], 0.3)
    graph = graph_of(q.model(q.op("Gemm", [x, weights], 0.9, transB=1)))
    first, second = (node.inputs[1].values() for node in graph.nodes)
    np.testing.assert_array_equal(first, second.T)


def test_patches_cut_by_moves_are_read_from_an_image_with_channels_last() -> None:
    q = Qdq()
    graph = optimize(graph_of(q.model(onnx_tokens.patches(q))))
    assert [node.op.kind for node in graph.nodes] == ["conv2d"]
    assert graph.inputs[0].shape == (1, 8, 12, 3)
    assert graph.nodes[0].op == Conv2D(stride=(4, 4))


def test_weights_with_a_zero_point_are_taken_where_int8_holds_them() -> None:
    q = Qdq()
    data = np.array([[10, -100], [117, 0]], np.int8)
    x = q.op("Gemm", [q.input((1, 2)), q.stored(data, 0.02, 0, 10)], 0.3)
    weights = graph_of(q.model(x)).nodes[0].inputs[1]
    assert weights.values().tolist() == [[0, 107], [-110, -10]]
    assert weights.zero_point == 0


def test_layers_are_called_as_the_file_calls_them() -> None:
    q = Qdq()
    x = q.input((1, 4))
    made = onnx.helper.make_node("Gemm", [x, q.weights((4, 2))], ["out"], "/blocks.0/fc1/Gemm")
    q.nodes.append(made)
    graph = graph_of(q.model(q.requantized("out", 0.3, 0)))
    assert graph.nodes[0].name == "blocks.0/fc1"
    assert graph.nodes[0].origin == "node 3 Gemm"


def test_data_beside_the_model_is_read(tmp_path: Path) -> None:
    q = Qdq()
    model = q.model(onnx_images.conv(q))
    inside = graph_of(model)
    onnx.save(
        model,
        str(tmp_path / "m.onnx"),
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=64,
    )
    graph = read_model(tmp_path / "m.onnx")
    for met, wanted in zip(graph.constants(), inside.constants(), strict=True):
        np.testing.assert_array_equal(met.values(), wanted.values())


def test_a_survey_has_a_row_per_operator_but_the_quantizers() -> None:
    q = Qdq()
    model = q.model(onnx_tokens.attention(q))
    rows = open_onnx(model.SerializeToString(), "a.onnx").survey.rows
    assert [row.operator for row in rows] == [
        *("MatMul", "Reshape", "Transpose") * 2,
        *("MatMul", "Softmax", "MatMul", "Reshape", "Transpose", "MatMul", "Transpose", "Reshape"),
    ]
    assert all(row.supported and row.what == "" for row in rows)
    assert rows[0].where == "a.onnx, node 3 MatMul 'matmul_9'"
    assert rows[0].output_shape == (1, 5, 8)


def test_a_model_is_read_by_path(tmp_path: Path) -> None:
    q = Qdq()
    path = tmp_path / "small.onnx"
    path.write_bytes(q.model(onnx_tokens.matmul(q)).SerializeToString())
    graph = read_model(path)
    assert (graph.name, graph.source) == ("small", "small.onnx")
