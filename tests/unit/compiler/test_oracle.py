# SPDX-License-Identifier: Apache-2.0
"""The reference interpreter beside us: right answers, and its crashes are errors, not ours."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import oracle
from mcuforge.compiler.answers import import_path
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.ir import Graph, Node, Quant
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.oracle import Oracle, judge, reference_name, unjudged
from mcuforge.compiler.own_reference import OwnReference
from mcuforge.compiler.reference import run
from mcuforge.errors import CompileError
from tests.models.oracle import run_reference
from tests.models.tflite_writer import ModelSpec, OperatorSpec, TensorSpec, write_model
from tests.unit.compiler.graphs import constant, graph, random_inputs, tensor

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite"


def digits(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    graph = read_model(DIGITS)
    return np.stack([random_inputs(graph, seed)[0] for seed in range(count)])


def test_answers_are_the_interpreters_sample_by_sample() -> None:
    x = digits(5)
    with Oracle(DIGITS, [x]) as reference:
        answers = reference.answers()
    assert answers.reference == reference_name()
    assert answers.reference.endswith("BUILTIN_REF")
    assert len(answers.outputs) == 1
    assert answers.outputs[0].shape[0] == 5
    for sample, got in zip(x, answers.outputs[0], strict=True):
        np.testing.assert_array_equal(got, run_reference(DIGITS.read_bytes(), [sample])[0])


def test_a_users_own_files_are_not_taken_for_pythons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json.py", "numpy.py", "random.py", "mcuforge.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    with Oracle(DIGITS, [digits(1)]) as reference:
        assert len(reference.answers().outputs[0]) == 1


def test_a_relative_path_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here.tflite").write_bytes(DIGITS.read_bytes())
    monkeypatch.chdir(tmp_path)
    with Oracle(Path("here.tflite"), [digits(1)]) as reference:
        assert len(reference.answers().outputs) == 1


def test_several_inputs_and_outputs_keep_their_order(tmp_path: Path) -> None:
    tensors = (
        TensorSpec("a", (1, 4), "int8", (0.1,)),
        TensorSpec("b", (1, 4), "int8", (0.1,)),
        TensorSpec("less", (1, 4), "int8", (0.1,)),
        TensorSpec("more", (1, 4), "int8", (0.1,)),
    )
    operators = (OperatorSpec("MINIMUM", (0, 1), (2,)), OperatorSpec("MAXIMUM", (0, 1), (3,)))
    path = tmp_path / "two.tflite"
    path.write_bytes(write_model(ModelSpec(tensors, operators, (1, 0), (3, 2))))
    a, b = np.full((2, 1, 4), 5, np.int8), np.full((2, 1, 4), -7, np.int8)
    with Oracle(path, [b, a]) as reference:
        more, less = reference.answers().outputs
    assert set(more.reshape(-1).tolist()) == {5}
    assert set(less.reshape(-1).tolist()) == {-7}


def test_a_refusal_of_the_interpreter_is_three_lines(tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(DIGITS.read_bytes()[:3000])
    with Oracle(path, [digits(1)]) as reference, pytest.raises(CompileError) as caught:
        reference.answers()
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("error: the reference interpreter (")
    assert " failed: " in lines[0] or "exit status" in lines[0]
    assert lines[1] == f"where: {path}"
    assert len(lines) == 3


def test_an_interpreter_that_is_too_slow_is_named() -> None:
    slow = pytest.raises(CompileError, match="gave no answer in 0 s")
    with Oracle(DIGITS, [digits(2)]) as reference, slow:
        reference.answers(timeout_s=0.0)


def test_without_an_interpreter_the_hint_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oracle, "PACKAGES", ("no_such_interpreter",))
    assert reference_name() is None
    with pytest.raises(CompileError, match="no reference interpreter is installed") as caught:
        Oracle(DIGITS, [digits(1)])
    assert "pip install" in caught.value.hint


def test_leaving_early_ends_the_process_and_its_folder() -> None:
    with Oracle(DIGITS, [digits(200)]) as reference:
        process, folder = reference._child.process, Path(reference._folder.name)
        assert folder.is_dir()
    assert process.poll() is not None
    assert not folder.exists()


def test_pythonpath_is_kept_behind_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    first, *rest = import_path().split(os.pathsep)
    assert (Path(first) / "mcuforge" / "errors.py").is_file()
    assert rest == ["/somewhere"]


def dense(scales: int, rank: int) -> Graph:
    """A dense layer with per-channel or per-tensor weights on rows of 6."""
    shape = (1,) * (rank - 2)
    x, out = tensor("x", (*shape, 2, 6)), tensor("out", (*shape, 2, 3))
    quant = Quant((0.02, 0.01, 0.03)[:scales], 0, 0)
    node = Node("dense", FullyConnected(), (x, constant("w", (3, 6), quant)), out, "operator 7")
    return graph([x], [node], [out])


@pytest.mark.parametrize(("scales", "rank"), [(3, 2), (1, 3), (1, 2)])
def test_the_interpreter_judges_what_it_can(scales: int, rank: int) -> None:
    assert unjudged(dense(scales, rank)) is None


def test_a_convolution_without_bias_is_judged_by_our_reference() -> None:
    x, y = tensor("x", (1, 3, 3, 2)), tensor("y", (1, 3, 3, 4))
    weights = constant("w", (4, 1, 1, 2), Quant((0.1,)))
    node = Node("conv", Conv2D(), (x, weights), y, "operator 3 CONV_2D")
    reason = unjudged(graph([x], [node], [y]))
    assert reason is not None
    assert "operator 3 CONV_2D" in reason


def test_a_model_the_interpreter_cannot_judge_is_judged_by_our_reference_and_says_so() -> None:
    odd = dense(3, 3)
    inputs = np.stack([random_inputs(odd, seed)[0] for seed in range(3)])
    with judge(odd, Path("no such file"), [inputs]) as judging:
        answers = judging.answers()
    assert isinstance(judging, OwnReference)
    assert "own integer reference" in answers.reference
    assert "operator 7" in answers.reference
    for x, got in zip(inputs, answers.outputs[0], strict=True):
        np.testing.assert_array_equal(got, run(odd, [x])[0])


def test_any_other_model_is_judged_by_the_interpreter() -> None:
    with judge(read_model(DIGITS), DIGITS, [digits(1)]) as judging:
        assert isinstance(judging, Oracle)
