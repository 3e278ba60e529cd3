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
from mcuforge.compiler.ir import Graph, Node
from mcuforge.compiler.ops.neg import Neg
from mcuforge.compiler.oracle import Oracle, judge, reference_name, unjudged
from mcuforge.compiler.own_reference import OwnReference
from mcuforge.compiler.reference import run
from mcuforge.errors import CompileError
from tests.models.oracle import run_reference
from tests.models.tflite_writer import ModelSpec, OperatorSpec, TensorSpec, feed, write_model
from tests.unit.compiler.graphs import graph, random_inputs, tensor

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


def dense_file(folder: Path, rows: tuple[int, ...]) -> Path:
    """A model of one dense layer with per-channel weights on `rows` of 6."""
    tensors = (
        TensorSpec("x", (*rows, 6), "int8", (0.05,), (3,)),
        TensorSpec("w", (3, 6), "int8", (0.02, 0.01, 0.03), (0, 0, 0), 0, feed((3, 6), "int8")),
        TensorSpec("out", (*rows, 3), "int8", (0.1,), (-4,)),
    )
    keep = ("FullyConnectedOptions", {"KeepNumDims": True})
    operators = (OperatorSpec("FULLY_CONNECTED", (0, 1), (2,), keep),)
    path = folder / "dense.tflite"
    path.write_bytes(write_model(ModelSpec(tensors, operators, (0,), (2,))))
    return path


def test_what_the_interpreter_would_leave_unwritten_is_judged_by_it_and_the_report_says_how(
    tmp_path: Path,
) -> None:
    path = dense_file(tmp_path, (1, 4))
    model = read_model(path)
    x = np.stack([feed((1, 4, 6), "int8", seed) for seed in range(3)])
    with judge(model, path, [x]) as judging:
        answers = judging.answers()
    assert isinstance(judging, Oracle)
    assert answers.reference == (
        f"{reference_name()} (keep_num_dims off and a RESHAPE behind: 1 operator)"
    )
    assert answers.outputs[0].shape == (3, 1, 4, 3)
    for sample, got in zip(x, answers.outputs[0], strict=True):
        np.testing.assert_array_equal(got, run(model, [sample])[0])


def test_a_model_the_interpreter_runs_as_it_is_has_no_note(tmp_path: Path) -> None:
    path = dense_file(tmp_path, (1,))
    with judge(read_model(path), path, [feed((2, 1, 6), "int8")]) as judging:
        assert judging.answers().reference == reference_name()


def negation() -> Graph:
    """What the interpreter has for floats alone."""
    x, out = tensor("x"), tensor("out")
    return graph([x], [Node("neg", Neg(), (x,), out, "operator 7 NEG")], [out])


def test_a_model_the_interpreter_cannot_judge_is_judged_by_our_reference_and_says_so() -> None:
    odd = negation()
    assert unjudged(odd) == "tflite-runtime 2.14 does not run operator 7 NEG in int8"
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
