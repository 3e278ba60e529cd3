# SPDX-License-Identifier: Apache-2.0
"""Float ONNX to int8: what is written, what it is said to cost, and what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import StringIO
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from rich.console import Console

from mcuforge import cli
from mcuforge.commands import quantize
from mcuforge.commands.quantize import Request
from mcuforge.compiler.builders import onnx_quantizer
from mcuforge.compiler.builders.onnx_builder import OnnxBuilder
from mcuforge.compiler.builders.onnx_quantizer import fix_batch
from mcuforge.compiler.builders.static_quantizer import quantize_model
from mcuforge.compiler.judges.onnx import run_onnxruntime
from mcuforge.errors import CompileError
from mcuforge.flow import float_model
from mcuforge.flow.data import Samples
from mcuforge.flow.float_model import read_float, spread
from mcuforge.report.model import Answers
from mcuforge.report.progress import Stages
from mcuforge.report.text import print_quantize
from tests.unit.report.documented import documented, fits, leaves

QUIET = Stages(Console(file=StringIO()), quiet=True)
CLASSES = 4


def network(batch: str | int = "n", end: str = "") -> onnx.ModelProto:
    """A convolution, a mean, a layer of four classes on images of 3x8x8; `end`: one op more."""
    net = OnnxBuilder(7, 17)
    x = net.input("image", (1, 3, 8, 8))
    x = net.node("Relu", "relu", [net.conv("conv", x, (8, 3, 3, 3), pad=1)])
    x = net.node("Flatten", "flat", [net.node("GlobalAveragePool", "mean", [x])])
    x = net.gemm("classes", x, 8, CLASSES)
    model = net.model("net", net.node(end, "end", [x]) if end else x, (1, CLASSES))
    for value in (*model.graph.input, *model.graph.output):
        dim = value.type.tensor_type.shape.dim[0]
        if isinstance(batch, str):
            dim.dim_param = batch
        else:
            dim.dim_value = batch
    return model


def images(count: int = 24) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(3).normal(0, 1, (count, 3, 8, 8)).astype(np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(network().SerializeToString())
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Images with the classes that the float model gives them, except the first image."""
    x = images()
    (logits,) = run_onnxruntime(network().SerializeToString(), [x[:, None]])
    y = logits.reshape(len(x), -1).argmax(axis=1)
    y[0] = (y[0] + 1) % CLASSES
    path = tmp_path / "data.npz"
    np.savez(path, x=x, y=y)
    return path


def test_the_file_written_is_int8_with_a_batch_of_one_and_its_cost_is_told(
    model: Path, data: Path, tmp_path: Path
) -> None:
    before = model.read_bytes()
    report = quantize.quantize(Request(model, data, samples=10), QUIET)
    out = tmp_path / "net_int8.onnx"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.npz", "net.onnx", "net_int8.onnx"]
    assert model.read_bytes() == before
    written = onnx.load(out)
    onnx.checker.check_model(written)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {n.op_type for n in written.graph.node}
    assert written.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
    kinds = {c.data_type for c in written.graph.initializer}
    assert TensorProto.INT8 in kinds
    assert TensorProto.UINT8 not in kinds
    assert (report.model.name, report.output.name) == ("net.onnx", "net_int8.onnx")
    assert report.output.bytes == out.stat().st_size
    assert (report.calibration.data, report.calibration.samples) == ("data.npz", 10)
    answers = report.answers
    assert answers.samples == 24
    assert answers.float_accuracy == 23 / 24
    assert answers.int8_accuracy is not None
    assert answers.int8_accuracy > 0.7
    assert answers.accuracy_drop == round(23 / 24 - answers.int8_accuracy, 6)
    console = Console(width=120, record=True, file=StringIO())
    print_quantize(report, console)
    text = console.export_text()
    assert "written:  net.onnx -> net_int8.onnx" in text
    assert "accuracy: float 0.9583, int8 " in text
    assert f"verdict: {report.verdict}" in text


def test_the_command_writes_what_is_documented(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out, file = tmp_path / "x.npz", tmp_path / "out.onnx", tmp_path / "q.json"
    np.savez(data, x=images(5))
    words = ["--out", str(out), "--json", str(file), "--asymmetric", "--per-tensor", "--quiet"]
    arguments = ["mcuforge", "quantize", str(model), "--data", str(data), *words]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    content = json.loads(file.read_text())
    assert ended.value.code == (0 if content["verdict"] == "pass" else 1)
    kinds = documented("quantize")
    found = leaves(content)
    assert all(fits(value, kinds[key]) for key, value in found)
    lists = {"reasons[]", "model.data_files[]", "output.data_files[]"}
    assert {key for key, _ in found} | lists == set(kinds)
    assert content["calibration"] == {
        "data": "x.npz",
        "samples": 5,
        "asymmetric": True,
        "per_channel": False,
        "looks_random": True,
    }
    assert content["answers"]["float_accuracy"] is None
    assert content["answers"]["top1_agreement"] >= 0.6
    scales = {prod(c.dims) for c in onnx.load(out).graph.initializer if "scale" in c.name}
    assert scales == {1}


def test_a_file_that_mcuforge_does_not_read_is_written_and_said_to_be_so(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise CompileError("it has an operator of Mars", f"{path.name}, node 3", "another")

    monkeypatch.setattr(float_model, "read_model", refuse)
    out = tmp_path / "out.onnx"
    report = quantize.quantize(Request(model, data, out=out, min_agreement=0.0), QUIET)
    assert report.verdict == "fail"
    where = "where: out.onnx, node 3"
    assert report.reasons == ("it has an operator of Mars", where, "try: another")
    assert out.is_file()


def test_models_that_answer_differently_fail(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "x.npz"
    x = images(40) + np.random.default_rng(5).normal(0, 9, (40, 3, 1, 1)).astype(np.float32)
    x[0] *= 1e-3  # the one sample to calibrate on: all others are far outside its ranges
    np.savez(data, x=x)
    report = quantize.quantize(Request(model, data, samples=1), QUIET)
    agreement = report.answers.top1_agreement
    assert agreement is not None
    assert agreement < 0.9
    assert not report.calibration.looks_random
    assert report.verdict == "fail"
    what, where, hint = report.reasons
    share = f"{100 * agreement:.2f} % of 40 samples, expected at least 90 %"
    assert what == f"int8 names the class of the float model in {share}"
    assert where == "where: x.npz"
    assert hint.startswith("try: --asymmetric, or more and other samples to calibrate on")
    better = Request(model, data, samples=20)
    assert quantize.quantize(better, QUIET).verdict == "pass", "the remedy works"
    accepted = Request(model, data, samples=1, min_agreement=0.0)
    assert quantize.quantize(accepted, QUIET).verdict == "pass"


def test_noise_is_named_where_answers_are_a_matter_of_chance() -> None:
    differ = answers([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]])
    assert float_model.answer_reasons(differ, 0.9, "x.npz", is_random=True) == [
        "int8 names the class of the float model in 50.00 % of 2 samples, expected at least 90 %",
        "where: x.npz",
        "try: give real samples: x.npz looks random, and classes of noise are a matter of chance",
    ]


def answers(real: list[list[float]], int8: list[list[float]], inputs: int = 9) -> Answers:
    """Both models' outputs compared, for inputs of so many values."""
    x = np.zeros((len(real), inputs), np.float32)
    samples = Samples((x,), None, "data.npz")
    return float_model.compare_answers(np.array(real), np.array(int8), samples)


def test_outputs_that_are_not_classes_are_judged_by_their_error() -> None:
    one = answers([[1.0], [3.0]], [[1.0], [3.5]])
    assert one.top1_agreement is None
    assert one.relative_error == round(0.5**0.5 / 2, 6)
    assert float_model.answer_reasons(one, 0.9, "d", is_random=False) == []
    far = answers([[1.0], [3.0]], [[3.0], [1.0]])
    assert float_model.answer_reasons(far, 0.9, "d", is_random=False)[0] == (
        "int8 answers are off by 200 % of the float answers' spread, expected at most 50 %"
    )
    coded = answers([[1.0, 0.9], [0.0, 2.0]], [[0.9, 1.0], [0.0, 2.0]], inputs=2)
    assert coded.top1_agreement is None, "an autoencoder's output is as long as its input"
    assert answers([[1.0, 1.0]], [[1.0, 2.0]]).relative_error is None, "one sample has no spread"


def test_noise_is_told_from_images_and_tables_are_not_judged() -> None:
    noise = np.random.default_rng(1).uniform(-1, 1, (4, 3, 16, 16)).astype(np.float32)
    blurred = noise + np.roll(noise, 1, 3) + np.roll(noise, 1, 2)
    assert float_model.looks_random([noise])
    assert not float_model.looks_random([blurred])
    assert not float_model.looks_random([noise, blurred])
    assert not float_model.looks_random([np.ones((2, 3, 16, 16), np.float32)])
    assert not float_model.looks_random([noise.reshape(4, -1)])
    assert not float_model.looks_random([])


def test_data_files_count_and_are_named(model: Path, data: Path, tmp_path: Path) -> None:
    big = network()
    onnx.save_model(big, model, save_as_external_data=True, location="net.data", size_threshold=0)
    report = quantize.quantize(Request(model, data, min_agreement=0.0), QUIET)
    assert report.model.data_files == ("net.data",)
    size = model.stat().st_size + (tmp_path / "net.data").stat().st_size
    assert report.model.bytes == size
    assert report.output.data_files == ()
    console = Console(width=160, record=True, file=StringIO())
    print_quantize(report, console)
    said = console.export_text()
    assert f"{size:,} -> {report.output.bytes:,} bytes, with net.data" in said
    assert "data.npz looks random" in said


def refused(folder: Path, request: Request) -> CompileError:
    """The error a request meets; nothing is written."""
    before = sorted(folder.iterdir())
    with pytest.raises(CompileError) as caught:
        quantize.quantize(request, QUIET)
    assert len(str(caught.value).splitlines()) == 3
    assert sorted(folder.iterdir()) == before
    return caught.value


def no_input(model: onnx.ModelProto) -> None:
    del model.graph.input[:]


def whole_numbers(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64


def open_width(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_param = "w"


def batch_of_eight(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[1].op_type = "Relax"


def half_precision(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16


def constant_of(model: onnx.ModelProto, value: float) -> None:
    for constant in model.graph.initializer:
        if constant.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(constant).copy()
            array.flat[0] = value
            constant.CopyFrom(numpy_helper.from_array(array, constant.name))


def mask_of_infinity(model: onnx.ModelProto) -> None:
    constant_of(model, -np.inf)


def diverged(model: onnx.ModelProto) -> None:
    constant_of(model, np.nan)


def data_elsewhere(model: onnx.ModelProto) -> None:
    for constant in model.graph.initializer:
        onnx.external_data_helper.set_external_data(constant, "gone.data")
        constant.ClearField("raw_data")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (half_precision, "input 'image' is float16, expected float32"),
        (mask_of_infinity, "which node 0 Conv reads, holds infinity, which int8 cannot hold"),
        (diverged, "which node 0 Conv reads, holds NaN, expected numbers"),
        (data_elsewhere, "of 'gone.data' cannot be read"),
        (no_input, "the model has no inputs"),
        (whole_numbers, "input 'image' is int64, expected float32"),
        (open_width, "input 'image' has shape [?, 3, 8, ?], expected fixed sizes after the batch"),
        (batch_of_eight, "input 'image' has batch 8, expected 1 or a dynamic one"),
        (unknown_operator, "'s quantizer failed: "),
    ],
)
def test_models_that_cannot_be_quantized_are_refused(
    model: Path, data: Path, tmp_path: Path, change: Callable[[onnx.ModelProto], None], what: str
) -> None:
    changed = network()
    change(changed)
    model.write_bytes(changed.SerializeToString())
    error = refused(tmp_path, Request(model, data))
    assert what in error.what
    assert error.where == str(model)


def test_a_quantized_model_is_refused(model: Path, data: Path, tmp_path: Path) -> None:
    int8 = quantize_model(network(1), [image[None] for image in images(3)])
    model.write_bytes(int8.SerializeToString())
    error = refused(tmp_path, Request(model, data))
    assert error.what.startswith("the model is quantized already (node ")


def test_bounds_that_bound_nothing_are_no_reason_to_refuse(tmp_path: Path) -> None:
    net = OnnxBuilder(7, 17)
    x = net.node(
        "Clip",
        "clip",
        [net.input("image", (1, 3, 8, 8)), net.constant("zero", np.array(0, np.float32))],
    )
    x = net.node("Clip", "all", [x, "", net.constant("most", np.array(np.inf, np.float32))])
    content = net.model("clip", x, (1, 3, 8, 8)).SerializeToString()
    assert len(read_float(content, tmp_path / "clip.onnx").nodes) == 2


def test_data_that_does_not_fit_the_model_is_refused(
    model: Path, data: Path, tmp_path: Path
) -> None:
    np.savez(data, x=images().transpose(0, 2, 3, 1))
    error = refused(tmp_path, Request(model, data))
    assert error.what == "array 'x' has shape [24, 8, 8, 3], expected [n, 3, 8, 8]"
    assert error.hint.startswith("x.transpose(0, 3, 1, 2): ")
    np.savez(data, x=np.full((2, 3, 8, 8), np.nan, np.float32))
    assert "NaN" in refused(tmp_path, Request(model, data)).what
    np.savez(data, x=images(2), y=[0, CLASSES])
    assert "labels 'y' run from 0 to 4" in refused(tmp_path, Request(model, data)).what


def test_what_is_no_model_or_the_model_itself_is_refused(
    model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (
        "the output is the model itself" in refused(tmp_path, Request(model, data, out=model)).what
    )
    other = tmp_path / "net.tflite"
    other.write_bytes(b"\x1c\x00\x00\x00TFL3")
    assert refused(tmp_path, Request(other, data)).what == (
        "this is not an ONNX model, expected a float ONNX model"
    )
    model.write_bytes(b"a list of layers\n")
    assert refused(tmp_path, Request(model, data)).what == (
        "this is a text file, expected a float ONNX model"
    )
    model.write_bytes(network().SerializeToString())
    monkeypatch.setattr(onnx_quantizer, "peer_name", lambda: None)
    assert refused(tmp_path, Request(model, data)).hint == "pip install onnxruntime"


@pytest.mark.parametrize("end", ["Tanh", "Softmax"])
def test_whatever_a_model_ends_in_its_output_is_int8(
    model: Path, data: Path, tmp_path: Path, end: str
) -> None:
    model.write_bytes(network(end=end).SerializeToString())
    report = quantize.quantize(Request(model, data), QUIET)
    assert (report.verdict, report.reasons) == ("pass", ())
    graph = onnx.load(tmp_path / "net_int8.onnx").graph
    (last,) = [n for n in graph.node if graph.output[0].name in n.output]
    assert last.op_type == "DequantizeLinear"


def test_calibration_samples_are_spread_evenly_over_all() -> None:
    assert spread(10, 3) == (0, 4, 9)
    assert spread(3, 10) == (0, 1, 2)
    assert spread(1, 200) == (0,)


def test_an_open_batch_becomes_one_wherever_it_is_named() -> None:
    model = network("batch")
    fix_batch(model)
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_value == 1
