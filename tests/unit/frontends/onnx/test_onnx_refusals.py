# SPDX-License-Identifier: Apache-2.0
"""ONNX files that are refused: what is wrong, where it stands, what works instead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.onnx.reader import open_onnx, read_onnx
from mcuforge.errors import CompileError
from tests.models import onnx_images, onnx_tokens
from tests.models.qdq_builder import Qdq

Build = Callable[[Qdq], str]


def refusal(model: onnx.ModelProto | bytes) -> CompileError:
    data = model if isinstance(model, bytes) else model.SerializeToString()
    with pytest.raises(CompileError) as caught:
        read_onnx(data, name="m.onnx")
    return caught.value


def refused(build: Build) -> CompileError:
    q = Qdq()
    return refusal(q.model(build(q)))


def sound() -> onnx.ModelProto:
    q = Qdq()
    return q.model(onnx_images.conv(q))


def float_model() -> onnx.ModelProto:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in ("x", "y")]
    graph = helper.make_graph(nodes, "float", ports[:1], ports[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_a_float_model_is_sent_to_quantize() -> None:
    error = refusal(float_model())
    assert error.what.startswith("this is a float model: 1 operators without a QuantizeLinear")
    assert error.where == "m.onnx"
    assert error.hint.startswith("`mcuforge quantize MODEL --data FILE`")


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("DynamicQuantizeLinear", "the model is quantized dynamically (DynamicQuantizeLinear)"),
        ("MatMulInteger", "the model is quantized dynamically (MatMulInteger)"),
    ],
)
def test_other_kinds_of_quantization_are_named(kind: str, what: str) -> None:
    model = float_model()
    model.graph.node[0].op_type = kind
    error = refusal(model)
    assert error.what == f"{what}, supported: static"
    assert "quant_format=QuantFormat.QDQ" in error.hint


def conv_of(weights: str) -> Build:
    return lambda q: q.op("Conv", [q.input((1, 3, 6, 6)), weights], 0.9)


def lstm(q: Qdq) -> str:
    return q.op("LSTM", [q.input((1, 1, 6)), q.weights((1, 8, 6)), q.weights((1, 8, 2))], 0.9)


def traced_einsum(q: Qdq) -> str:
    inputs = [q.input((1, 4, 4)), q.input((1, 4), name="b")]
    return q.op("Einsum", inputs, 0.9, equation="bii,bi->b")


def cut_to_nothing(q: Qdq) -> str:
    inputs = [q.input((1, 3, 6, 6)), q.weights((3, 4, 2, 2))]
    return q.op("ConvTranspose", inputs, 0.9, pads=[4, 0, 4, 0])


def float_weights(q: Qdq) -> str:
    weights = q.constant(np.ones((4, 3, 1, 1), np.float32))
    return q.op("Conv", [q.input((1, 3, 6, 6)), weights], 0.9)


def asymmetric_weights(q: Qdq) -> str:
    return q.op("Conv", [q.input((1, 3, 6, 6)), q.weights((4, 3, 1, 1), 0.02, 0, 100)], 0.9)


def weights_by_input_channel(q: Qdq) -> str:
    weights = q.weights((4, 3, 1, 1), [0.01, 0.02, 0.03], axis=1)
    return q.op("Conv", [q.input((1, 3, 6, 6)), weights], 0.9)


def integers_as_output(q: Qdq) -> str:
    q.op("Relu", [q.input((1, 4))], 0.1)
    return q.constant(np.arange(3))


def input_output(q: Qdq) -> str:
    q.op("Relu", [q.input((1, 4))], 0.1)
    return "x"


def input_on_two_ways(q: Qdq) -> str:
    x = q.input((1, 4))
    moved = q.op("Sub", ["x", q.constant(np.array(0.5, np.float32))], 0.05, 3)
    return q.op("Add", [x, moved], 0.1)


def unknown_domain(q: Qdq) -> str:
    x = q.input((1, 4))
    return q.requantized(q.node("Relu", [x], 1, "my.company"), 0.1, 0)


def transposed_gemm(q: Qdq) -> str:
    return q.op("Gemm", [q.input((1, 4)), q.weights((1, 2))], 0.3, transA=1)


def scaled_gemm(q: Qdq) -> str:
    return q.op("Gemm", [q.input((1, 4)), q.weights((4, 2))], 0.3, alpha=0.5)


def run_time_weights(q: Qdq) -> str:
    return q.op("Gemm", [q.input((1, 4)), q.input((1, 4), name="w")], 0.3, transB=1)


def cubic_resize(q: Qdq) -> str:
    scales = q.constant(np.array([1, 1, 2, 2], np.float32))
    return q.op("Resize", [q.input((1, 3, 6, 6)), "", scales], 0.05, 3, mode="cubic")


def cropping_resize(q: Qdq) -> str:
    scales = q.constant(np.array([1, 1, 1.7, 2], np.float32))
    options = {"coordinate_transformation_mode": "tf_crop_and_resize", "mode": "linear"}
    return q.op("Resize", [q.input((1, 3, 6, 6)), "", scales], 0.05, 3, **options)


def resized_channels(q: Qdq) -> str:
    scales = q.constant(np.array([1, 2, 2, 2], np.float32))
    return q.op("Resize", [q.input((1, 3, 6, 6)), "", scales], 0.05, 3)


def reflecting_pad(q: Qdq) -> str:
    return q.op("Pad", [q.input((1, 4)), q.integers(1, 0, 0, 0)], 0.05, 3, mode="reflect")


def run_time_indices(q: Qdq) -> str:
    x = q.input((1, 4))
    return q.op("Gather", [x, x], 0.05, 3)


def power_of_two_tensors(q: Qdq) -> str:
    return q.op("Pow", [q.input((1, 4)), q.input((1, 4), name="b")], 0.1)


def other_scale_back(q: Qdq) -> str:
    x = q.op("Relu", [q.input((1, 4))], 0.1)
    return q.dequantized(q.nodes[-1].input[0], 0.2, 0) if x else x


def sixteen_bits(q: Qdq) -> str:
    zero = q.constant(np.array(0, np.uint16))
    scale = q.constant(np.array(0.1, np.float32))
    x = q.node("QuantizeLinear", [q.node("Relu", [q.input((1, 4))]), scale, zero])
    return q.node("DequantizeLinear", [x, scale, zero])


def scale_of(value: float) -> Build:
    return lambda q: q.op("Relu", [q.input((1, 4))], value)


@pytest.mark.parametrize(
    ("build", "what", "where", "hint"),
    [
        (lstm, "LSTM is not supported", "node 4 LSTM", "use convolutions"),
        (traced_einsum, "its equation is 'bii,bi->b', supp", "node 4 Einsum", "write it as MatM"),
        (cut_to_nothing, "its output is [-1, 7] behind", "node 3 ConvTranspose", "crop with a Sl"),
        (float_weights, "the weights are float32, expected constants", "node 2 Conv", "quantize"),
        (asymmetric_weights, "the weights have zero point 100 and", "node 3 Conv", "quantize weig"),
        (
            weights_by_input_channel,
            "the weights have one scale per slice of axis 1, supported here: axis 0",
            "node 3 Conv",
            "quantize the weights per tensor",
        ),
        (integers_as_output, "the output is a constant of int64", "output", "leave it out"),
        (input_output, "the output is an input that nothing quantizes", "output", "leave it out"),
        (input_on_two_ways, "input 'x' is quantized twice", "node 2 Sub", "quantize the input"),
        (unknown_domain, "my.company.Relu is not supported", "node 2 Relu", "export with op"),
        (transposed_gemm, "transA is 1, supported: 0", "node 3 Gemm", "transpose the input"),
        (scaled_gemm, "alpha is 0.5, supported: 1", "node 3 Gemm", "fold it into the weights"),
        (run_time_weights, "the weights are computed at run time", "node 4 Gemm", "write a prod"),
        (cubic_resize, "the mode is 'cubic', supported: nearest", "node 2 Res", "scale with"),
        (cropping_resize, "its coordinates are 'tf_crop_and", "node 2 Resize", "scale with coord"),
        (resized_channels, "it scales [1, 3, 6, 6] to [1, 6, 12", "node 2 Resize", "scale the oth"),
        (reflecting_pad, "it mirrors a dimension of 1", "node 2 Pad", "export the model again"),
        (run_time_indices, "input 1 'dequantizelinear_4' is computed", "node 2 Gat", "all shapes"),
        (power_of_two_tensors, "Pow of two run-time tensors is not", "node 4 Pow", "use Add, Sub"),
        (other_scale_back, "it dequantizes with scale 0.2 what", "node 5 Deq", "export the model"),
        (sixteen_bits, "the activation is uint16, supported", "node 3 Quan", "quantize to 8 bits"),
        (
            scale_of(0.0),
            "a scale is 0, expected a finite number above 0",
            "node 3 Quan",
            "quantize again",
        ),
        (
            scale_of(-1.0),
            "a scale is -1, expected a finite number",
            "node 3 Quan",
            "quantize again",
        ),
        (
            scale_of(float("nan")),
            "a scale is nan, expected a finite",
            "node 3 Quan",
            "quantize again",
        ),
        (
            scale_of(1e-30),
            "the scale is 1e-30, expected at least 1e-12",
            "node 3 Quan",
            "quantize again",
        ),
    ],
)
def test_a_refusal_says_what_where_and_what_works(
    build: Build, what: str, where: str, hint: str
) -> None:
    error = refused(build)
    assert error.what.startswith(what)
    assert error.where.startswith(f"m.onnx, {where}")
    assert error.hint.startswith(hint)


def test_several_refusals_are_counted_and_listed() -> None:
    q = Qdq()
    x = q.input((1, 3, 6, 6))
    for _ in range(2):
        q.op("LSTM", [x, q.weights((3, 4, 2, 2))], 0.9)
    model = q.model(q.op("Relu", [x], 0.1))
    assert refusal(model).hint.endswith("; 1 more refused: `mcuforge ops m.onnx` lists all")
    rows = open_onnx(model.SerializeToString(), "m.onnx").survey.rows
    assert [row.operator for row in rows if not row.supported] == ["LSTM"] * 2
    assert [row.operator for row in rows if row.supported] == ["Relu"]


def test_what_reads_a_refused_result_is_not_refused_for_it() -> None:
    q = Qdq()
    x = lstm(q)
    model = q.model(q.op("Relu", [x], 0.1))
    rows = open_onnx(model.SerializeToString(), "m.onnx").survey.rows
    assert [(row.operator, row.supported) for row in rows] == [
        ("LSTM", False),
        ("Relu", True),
    ]


def changed(change: Callable[[onnx.ModelProto], None]) -> CompileError:
    model = sound()
    change(model)
    return refusal(model)


def test_an_old_or_future_opset_is_refused() -> None:
    for version in (9, 29):
        model = sound()
        model.opset_import[0].version = version
        error = refusal(model)
        assert error.what == f"the model uses opset {version}, supported: 10 to 28"
        assert error.where == "m.onnx"
        assert error.hint.startswith("export or convert it to another opset")


def test_open_and_larger_dimensions_are_refused() -> None:
    def dims(model: onnx.ModelProto) -> list[onnx.TensorShapeProto.Dimension]:
        return list(model.graph.input[0].type.tensor_type.shape.dim)

    error = changed(lambda m: setattr(dims(m)[2], "dim_param", "height"))
    assert error.what == "it leaves dimension 2 open, supported: fixed shapes"
    assert error.where == "m.onnx, input 'x'"
    assert error.hint.startswith("export with fixed shapes and batch 1")
    assert changed(lambda m: setattr(dims(m)[0], "dim_value", 4)).what == (
        "it has batch 4, supported: 1"
    )
    assert changed(lambda m: setattr(dims(m)[2], "dim_value", 10**9)).what.startswith(
        "it has 42000000000 elements, expected at most"
    )


def test_constants_that_contradict_themselves_are_refused() -> None:
    def weights(model: onnx.ModelProto) -> onnx.TensorProto:
        found: onnx.TensorProto = next(t for t in model.graph.initializer if len(t.dims) == 4)
        return found

    def grow(model: onnx.ModelProto) -> None:
        weights(model).dims[0] = 9

    def explode(model: onnx.ModelProto) -> None:
        weights(model).dims[0] = 2**40

    def move(model: onnx.ModelProto) -> None:
        tensor = weights(model)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")

    def double(model: onnx.ModelProto) -> None:
        model.graph.initializer.add().CopyFrom(weights(model))

    assert changed(grow).what.endswith("432 bytes of data, its shape [9, 6, 3, 3] needs 486")
    assert "MiB, expected at most 64 MiB" in changed(explode).what
    assert changed(move).what.endswith("is stored in another file, expected it in the model")
    assert changed(double).what.startswith("two constants have the name")


def test_data_outside_the_models_folder_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(432))
    folder = tmp_path / "models"
    folder.mkdir()
    for place in ("../secret.bin", str(secret)):
        model = sound()
        tensor = next(t for t in model.graph.initializer if len(t.dims) == 4)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=place)
        (folder / "m.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(CompileError) as caught:
            read_model(folder / "m.onnx")
        assert caught.value.what.endswith("expected a file in the model's folder")
        assert caught.value.hint.startswith("put the data file into the model's folder")


def test_nodes_out_of_order_and_in_circles_are_refused() -> None:
    def circle(model: onnx.ModelProto) -> None:
        model.graph.node[0].input[0] = model.graph.node[-1].output[0]

    def twice(model: onnx.ModelProto) -> None:
        model.graph.node.append(model.graph.node[-1])

    error = changed(circle)
    assert error.what.endswith("before anything writes it")
    assert error.where.startswith("m.onnx, node 0 QuantizeLinear")
    assert changed(twice).what.endswith("which already has a value")


def test_truncated_and_random_bytes_are_damaged_files() -> None:
    data = sound().SerializeToString()
    for bad in (data[:100], data[:-7], b"\x08\x08\x3a" + bytes(range(256))):
        error = refusal(bad)
        assert error.what.startswith("the file is damaged")
        assert error.where == "m.onnx"
        assert error.hint == "copy or export the file again"


def test_a_float_chain_without_end_is_refused() -> None:
    q = Qdq()
    x = q.input((1, 4))
    for _ in range(100):
        x = q.node("Tanh", [x])
    error = refusal(q.model(q.requantized(x, 0.1, 0)))
    assert error.what.startswith("65 float operators follow each other")
    assert error.hint == "quantize the operators between them too"


def test_a_constant_with_an_8_bit_float_type_is_named() -> None:
    model = sound()
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 4)
    tensor.data_type = TensorProto.FLOAT8E4M3FN
    assert "is float8e4m3fn, supported: 8-bit" in refusal(model).what


def test_an_unread_input_is_refused() -> None:
    q = Qdq()
    q.inputs.append(helper.make_tensor_value_info("spare", TensorProto.FLOAT, [1, 4]))
    error = refusal(q.model(onnx_tokens.matmul(q)))
    assert error.what == "no computation reads it"
    assert error.where == "m.onnx, input 'spare'"
    assert error.hint == "leave it out of the inputs"


def test_list_constants_are_read_like_raw_ones() -> None:
    model = sound()
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            listed = helper.make_tensor(
                tensor.name, TensorProto.FLOAT, tensor.dims, values.reshape(-1).tolist()
            )
            tensor.CopyFrom(listed)
    graph = read_onnx(model.SerializeToString(), name="m.onnx")
    assert graph.inputs[0].scale == pytest.approx(0.05)
