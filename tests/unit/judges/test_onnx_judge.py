# SPDX-License-Identifier: Apache-2.0
"""An ONNX model's judges: our own reference in processes of its own, onnxruntime beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mcuforge.compiler import reference
from mcuforge.compiler.graph import Graph, Node, Port
from mcuforge.compiler.judges import onnx as onnx_judge
from mcuforge.compiler.judges import own
from mcuforge.compiler.judges.child import patience
from mcuforge.compiler.judges.choose import judge
from mcuforge.compiler.judges.onnx import OnnxJudge, peer_name
from mcuforge.compiler.judges.own import OwnReference, interleaved, processes_for
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor
from mcuforge.errors import CompileError
from mcuforge.flow.data import random_samples
from tests.unit.compiler.graphs import chain, constant, graph, relu, tensor

NHWC, NCHW, TO_NHWC = (1, 4, 5, 3), (1, 3, 4, 5), (0, 2, 3, 1)
SCALE, ZERO = 0.1, -5


def rectifier(dtype: str = "float32") -> onnx.ModelProto:
    """Quantize, rectify, quantize again: NCHW, float32 or raw 8-bit at both ends."""
    kinds = {"float32": TensorProto.FLOAT, "int8": TensorProto.INT8, "uint8": TensorProto.UINT8}
    inner = np.uint8 if dtype == "uint8" else np.int8
    shift = 128 if dtype == "uint8" else 0
    kind = kinds[dtype]
    scale = numpy_helper.from_array(np.array(SCALE, np.float32), "scale")
    zero = numpy_helper.from_array(np.array(ZERO + shift, inner), "zero")
    nodes = [
        helper.make_node("DequantizeLinear", ["xq", "scale", "zero"], ["xr"]),
        helper.make_node("Relu", ["xr"], ["yr"]),
        helper.make_node("QuantizeLinear", ["yr", "scale", "zero"], ["yq"]),
    ]
    if dtype == "float32":
        nodes.insert(0, helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["xq"]))
        nodes.append(helper.make_node("DequantizeLinear", ["yq", "scale", "zero"], ["y"]))
    ends = ("x", "y") if dtype == "float32" else ("xq", "yq")
    made = helper.make_graph(
        nodes,
        "rectifier",
        [helper.make_tensor_value_info(ends[0], kind, NCHW)],
        [helper.make_tensor_value_info(ends[1], kind, NCHW)],
        [scale, zero],
    )
    imports = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=imports, ir_version=8)


def as_read(dtype: str = "float32") -> Graph:
    """What a front end makes of it: int8, NHWC, the port saying how the file has both ends."""
    quant = Quant((float(np.float32(SCALE)),), ZERO)
    x, y = Tensor("x", NHWC, DType.INT8, quant), Tensor("y", NHWC, DType.INT8, quant)
    port = Port(dtype, NCHW, TO_NHWC, 128 if dtype == "uint8" else 0)
    made = graph([x], [relu(x, y)], [y])
    return replace(made, format="onnx", ports=MappingProxyType({"x": port, "y": port}))


def judged(folder: Path, dtype: str, samples: int = 9) -> tuple[Graph, Array, OnnxJudge]:
    """A judge at work on the rectifier, the graph, and its input."""
    path = folder / "rectifier.onnx"
    path.write_bytes(rectifier(dtype).SerializeToString())
    made = as_read(dtype)
    x = random_samples(made, samples).inputs[0]
    found = judge(made, path, [x])
    assert isinstance(found, OnnxJudge)
    return made, x, found


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
def test_both_answer_in_the_graphs_form(tmp_path: Path, dtype: str) -> None:
    made, x, judging = judged(tmp_path, dtype)
    with judging:
        answers = judging.answers()
    assert answers.reference.startswith("mcuforge's own integer reference (exact) and onnxruntime")
    assert answers.peer is not None
    assert answers.peer.name == f"{peer_name()}, CPU, graph optimizations off"
    for sample, mine, peer in zip(x, answers.outputs[0], answers.peer.outputs[0], strict=True):
        want = reference.run(made, [sample])[0]
        np.testing.assert_array_equal(mine, want)
        np.testing.assert_array_equal(peer, want)
        assert peer.dtype == np.int8


def test_a_model_may_keep_its_data_in_a_file_beside_it(tmp_path: Path) -> None:
    made = as_read()
    x = random_samples(made, 2).inputs
    model = rectifier()
    path = tmp_path / "split.onnx"
    onnx.save(model, path, save_as_external_data=True, location="split.data", size_threshold=0)
    assert (tmp_path / "split.data").is_file()
    with judge(made, path, x) as judging:
        answers = judging.answers()
    assert answers.peer is not None
    np.testing.assert_array_equal(answers.peer.outputs[0], answers.outputs[0])


def test_a_file_onnxruntime_refuses_is_three_lines(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(rectifier().SerializeToString()[:60])
    made = as_read()
    with (
        judge(made, path, random_samples(made, 1).inputs) as judging,
        pytest.raises(CompileError) as caught,
    ):
        judging.answers()
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("error: onnxruntime ")
    assert " failed: " in lines[0]
    assert lines[1] == f"where: {path}"
    assert len(lines) == 3


def test_outputs_of_another_size_than_the_file_says_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rectifier.onnx"
    path.write_bytes(rectifier().SerializeToString())
    made = as_read()
    x = random_samples(made, 1).inputs
    other = Tensor("y", (1, 4, 5, 2), DType.INT8, made.outputs[0].quant)
    with OnnxJudge(made, path, x) as judging:
        judging._graph = replace(made, outputs=(other,))
        with pytest.raises(CompileError, match=r"gives output 0 of shape \[1, 3, 4, 5\]"):
            judging.answers()


def test_onnxruntime_reports_to_nobody(tmp_path: Path) -> None:
    """It keeps a number of the machine and a file of events where it is about to send them."""
    file, home = tmp_path / "rectifier.onnx", tmp_path / "home"
    onnx.save(rectifier(), file)
    home.mkdir()
    program = (
        "import sys, numpy as np\n"
        "from mcuforge.compiler.judges.onnx import run_onnxruntime\n"
        f"run_onnxruntime(open(sys.argv[1], 'rb').read(), [np.zeros((1, *{NCHW}), np.float32)])\n"
    )
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(home)}
    subprocess.run([sys.executable, "-c", program, file], env=kept, check=True, timeout=60)
    assert [str(path) for path in home.rglob("*")] == []


def test_without_onnxruntime_the_hint_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_judge, "PACKAGE", "no_such_runtime")
    with pytest.raises(CompileError, match="onnxruntime is not installed") as caught:
        judged(tmp_path, "float32")
    assert caught.value.hint == "pip install onnxruntime"


def test_leaving_early_ends_every_process_and_folder(tmp_path: Path) -> None:
    _, _, judging = judged(tmp_path, "float32")
    with judging:
        children = [judging._child, *judging._own._children]
        folders = [child.folder for child in children]
        assert all(folder.is_dir() for folder in folders)
    assert all(child.process.poll() is not None for child in children)
    assert not any(folder.exists() for folder in folders)


def test_our_reference_is_the_same_in_any_number_of_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = chain(3)
    x = random_samples(made, 11).inputs[0]
    want = np.stack([reference.run(made, [sample])[0] for sample in x])
    for processes in (1, 3):
        monkeypatch.setattr(own, "processes_for", lambda _, n=processes: n)
        with OwnReference(made, [x], "of a test") as judge_of:
            assert len(judge_of._children) == processes
            answers = judge_of.answers()
        np.testing.assert_array_equal(answers.outputs[0], want)
        assert answers.reference == "mcuforge's own integer reference, since of a test"


def test_a_reference_that_dies_is_an_error_of_three_lines() -> None:
    x, out = tensor("x", (1, 7)), tensor("out")
    wrong = graph([x], [Node("sum", Add(), (x, constant("c")), out)], [out])
    with OwnReference(wrong, [np.zeros((1, 1, 7), np.int8)]) as own:
        with pytest.raises(CompileError, match="own integer reference failed: ") as caught:
            own.answers()
        assert len(str(caught.value).splitlines()) == 3


def test_processes_follow_the_samples_and_leave_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert [processes_for(n) for n in (1, 3, 8, 20, 1000)] == [1, 1, 2, 5, 5]
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert processes_for(1000) == 1


def test_parts_are_laid_together_in_the_order_of_the_samples() -> None:
    whole = np.arange(22).reshape(11, 2)
    np.testing.assert_array_equal(interleaved([whole[k::3] for k in range(3)]), whole)


def test_patience_grows_with_the_work() -> None:
    assert patience(0, 1) == 600
    assert patience(5_000_000_000, 100) > 20_000
