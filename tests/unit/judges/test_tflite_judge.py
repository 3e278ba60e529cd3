# SPDX-License-Identifier: Apache-2.0
"""The judge of TFLite models: right answers whichever interpreter is installed, or none."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends import read_model
from mcuforge.compiler.frontends.tflite.file import parse
from mcuforge.compiler.frontends.tflite.flatbuffer import FileBytes
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.judges.answers import Answers
from mcuforge.compiler.judges.child import ChildFailed, import_path
from mcuforge.compiler.judges.choose import judge
from mcuforge.compiler.judges.interpreters import (
    EXACT,
    LITERT,
    MICRO,
    RUNTIME,
    Deviation,
    Interpreter,
    deviations_of,
    installed,
    is_measured,
    load,
)
from mcuforge.compiler.judges.own import NAME, OwnReference
from mcuforge.compiler.judges.tflite import AS_A_WHOLE, Run, TfliteJudge, listed, unjudged
from mcuforge.compiler.judges.witness import differences_of
from mcuforge.compiler.ops.tables.leaky_relu import LeakyRelu
from mcuforge.compiler.ops.tables.neg import Neg
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.reference import run
from mcuforge.compiler.tensors import Array
from tests.golden.cases.tables import tanh
from tests.models.case_model import case_model, feed
from tests.models.oracle import needs_2_14
from tests.unit.compiler.graphs import graph, random_inputs, tensor

DIGITS = Path(__file__).resolve().parents[3] / "examples" / "digits" / "digits_cnn.tflite"
# as if it agreed with 2.14 in every operator; on these models' samples it does, whatever the Python
INTERPRETER = replace(installed()[0], deviations=())
OF_NO_PYTHON = Interpreter("no-such-interpreter", "1.0")


def digits(count: int) -> Array:
    model = read_model(DIGITS)
    return np.stack([random_inputs(model, seed)[0] for seed in range(count)])


def answered(
    path: Path, inputs: Sequence[Array], interpreters: Sequence[Interpreter] = (INTERPRETER,)
) -> Answers:
    with TfliteJudge(read_model(path), path, inputs, interpreters) as judging:
        return judging.answers()


def deviating(*operators: str, refuses: bool = False) -> Interpreter:
    """The installed interpreter, as if it were known to compute these operators otherwise."""
    known = tuple(Deviation(operator, refuses=refuses) for operator in operators)
    return replace(INTERPRETER, deviations=known)


def equals_ours(path: Path, inputs: Sequence[Array], answers: Answers) -> None:
    model = read_model(path)
    for sample in range(len(inputs[0])):
        ours = run(model, [x[sample] for x in inputs])
        for mine, theirs in zip(ours, answers.outputs, strict=True):
            np.testing.assert_array_equal(theirs[sample].reshape(mine.shape), mine)


def test_an_interpreter_that_agrees_judges_alone() -> None:
    x = digits(5)
    answers = answered(DIGITS, [x])
    assert answers.reference == INTERPRETER.name
    assert answers.peer is None
    assert answers.outputs[0].shape[0] == 5
    equals_ours(DIGITS, [x], answers)


def test_our_reference_decides_where_an_operator_is_known_to_be_computed_otherwise() -> None:
    x = digits(3)
    answers = answered(DIGITS, [x], [deviating("SOFTMAX", "FULLY_CONNECTED")])
    assert answers.reference == (
        f"{NAME}, since {INTERPRETER.name} computes operator 8 FULLY_CONNECTED, operator 9 SOFTMAX "
        "differently from tflite-runtime 2.14"
    )
    assert answers.peer is not None
    assert (answers.peer.name, answers.peer.is_near) == (INTERPRETER.name, False)
    assert (answers.peer.operators, answers.peer.unexplained) == ((), ())
    equals_ours(DIGITS, [x], answers)


def test_an_interpreter_that_does_not_run_an_operator_is_not_started() -> None:
    answers = answered(DIGITS, [digits(2)], [deviating("SOFTMAX", refuses=True)])
    assert answers.reference == f"{NAME}, since {INTERPRETER.name} does not run the model"
    assert answers.peer is None


def test_the_first_interpreter_that_agrees_is_chosen() -> None:
    answers = answered(DIGITS, [digits(2)], [deviating("SOFTMAX"), INTERPRETER])
    assert (answers.reference, answers.peer) == (INTERPRETER.name, None)


def test_an_interpreter_that_fails_is_left_out() -> None:
    answers = answered(DIGITS, [digits(2)], [OF_NO_PYTHON, INTERPRETER])
    assert answers.reference.startswith(f"{INTERPRETER.name}; no-such-interpreter 1.0 BUILTIN_REF ")
    assert answers.peer is None


def test_where_all_fail_our_reference_decides_and_says_why() -> None:
    x = digits(2)
    answers = answered(DIGITS, [x], [OF_NO_PYTHON])
    assert answers.reference.startswith(f"{NAME}, since no-such-interpreter 1.0")
    assert "failed: " in answers.reference
    equals_ours(DIGITS, [x], answers)


def test_without_an_interpreter_our_reference_decides() -> None:
    x = digits(2)
    answers = answered(DIGITS, [x], [])
    assert answers.reference == f"{NAME}, since no interpreter of TFLite is installed"
    equals_ours(DIGITS, [x], answers)


@needs_2_14
def test_an_interpreter_that_aborts_is_left_out(tmp_path: Path) -> None:
    """2.14 ends itself on a MUL that broadcasts in five dimensions: GroupNormalization has one."""
    shapes = ((1, 2, 2, 4, 2), (1, 1, 1, 4, 1), (1, 2, 2, 4, 2))
    tensors = tuple(TensorSpec(n, s, "int8", (0.1,)) for n, s in zip("aby", shapes, strict=True))
    operator = OperatorSpec("MUL", (0, 1), (2,), ("MulOptions", {}))
    path = tmp_path / "group.tflite"
    path.write_bytes(write_model(ModelSpec(tensors, (operator,), (0, 1), (2,))))
    inputs = [feed((3, *shape), "int8", seed) for seed, shape in enumerate(shapes[:2])]
    answers = answered(path, inputs, [INTERPRETER])
    assert answers.reference == f"{NAME}, since {INTERPRETER.name} failed: SIGABRT"
    equals_ours(path, inputs, answers)


def test_an_interpreter_that_is_too_slow_is_left_out() -> None:
    with (
        Run(INTERPRETER, DIGITS, [digits(2)]) as at_work,
        pytest.raises(ChildFailed, match="gave no answer in 0 s"),
    ):
        at_work.answer(0.0)


def changed_softmax(model: Graph) -> Graph:
    """`model` with another meaning of one operator than its file."""
    last = model.nodes[-1]
    assert last.origin == "operator 9 SOFTMAX"
    other = replace(last, op=Relu("relu"))
    return replace(model, nodes=(*model.nodes[:-1], other))


def test_the_node_that_differs_is_found_and_none_behind_it() -> None:
    data = DIGITS.read_bytes()
    file = parse(FileBytes(data))
    engine = load(INTERPRETER.distribution, data, file, keep_all=True)
    model = read_tflite(data)
    assert differences_of(model, file, engine, [digits(2)]) == ()
    first = model.nodes[0]
    x, weights, *others = first.inputs
    turned = replace(weights, data=-weights.values())
    mirrored = replace(first, inputs=(x, turned, *others))
    changed = replace(model, nodes=(mirrored, *model.nodes[1:]))
    (found,) = differences_of(changed, file, engine, [digits(2)])
    assert found.node == 0
    assert found.elements > 0
    assert found.largest > 1


def test_a_difference_that_no_operator_explains_is_said_to_be_so() -> None:
    x = digits(2)
    wrong = changed_softmax(read_model(DIGITS))  # the file, which the witness reads, is right
    with TfliteJudge(wrong, DIGITS, [x], [deviating("SOFTMAX")]) as judging:
        peer = judging.answers().peer
    assert peer is not None
    assert peer.operators == ()
    assert peer.unexplained == (AS_A_WHOLE,)


@needs_2_14
def test_a_table_that_the_c_library_rounds_otherwise_is_looked_at_twice(tmp_path: Path) -> None:
    path = tmp_path / "tanh.tflite"
    case = next(c for c in tanh.CASES if c.name == "entries that C libraries round apart")
    path.write_bytes(case_model(case))
    model = read_model(path)
    x = np.stack([np.arange(-128, 128).astype(np.int8).reshape(model.inputs[0].shape)])
    with TfliteJudge(model, path, [x], [INTERPRETER]) as judging:
        first = judging.answers()
        second = judging.review(first)
    assert first.reference == INTERPRETER.name
    ours = run(model, [x[0]])[0]
    if np.array_equal(first.outputs[0][0], ours):
        assert second is first  # this machine's C library gives the nearest float
        return
    np.testing.assert_array_equal(second.outputs[0][0], ours)
    assert second.reference == f"{NAME}, since this machine's {INTERPRETER.name} rounds differently"
    assert second.peer is not None
    assert (second.peer.operators, second.peer.unexplained) == (("operator 0 TANH",), ())


def test_answers_of_ours_that_the_interpreter_shares_are_not_reviewed() -> None:
    with TfliteJudge(read_model(DIGITS), DIGITS, [digits(2)], [INTERPRETER]) as judging:
        answers = judging.answers()
        assert judging.review(answers) is answers


def test_a_wrong_graph_of_ours_does_not_overrule_the_interpreter() -> None:
    with TfliteJudge(
        changed_softmax(read_model(DIGITS)), DIGITS, [digits(2)], [INTERPRETER]
    ) as judging:
        answers = judging.answers()
        assert judging.review(answers) is answers


@pytest.mark.parametrize(
    ("distribution", "released", "operators"),
    [
        (RUNTIME, "2.14.0", set()),
        (LITERT, "1.2.0", set()),
        (LITERT, "1.3.0", {"FULLY_CONNECTED"}),
        (LITERT, "2.0.3", {"FULLY_CONNECTED"}),
        (LITERT, "2.3.0", {"FULLY_CONNECTED"}),
        (LITERT, "9.0.0rc1", {"FULLY_CONNECTED"}),
        (
            MICRO,
            "0.dev20261023182759",
            {"BATCH_MATMUL", "EXP", "FULLY_CONNECTED", "GELU", "HARD_SWISH", "LOGISTIC", "MUL"}
            | {"RELU6", "RELU_N1_TO_1", "TANH"},
        ),
    ],
)
def test_releases_have_the_deviations_that_were_measured(
    distribution: str, released: str, operators: set[str]
) -> None:
    known = deviations_of(distribution, released)
    assert {d.operator for d in known if d.applies is None} == operators


def test_a_deviation_may_hold_for_some_nodes_only() -> None:
    litert = Interpreter(LITERT, "2.3.0", deviations_of(LITERT, "2.3.0"))
    x, out = tensor("x"), tensor("out")
    up, down = (
        Node("leak", LeakyRelu(alpha), (x,), out, "operator 4 LEAKY_RELU") for alpha in (0.1, -0.1)
    )
    assert litert.deviating([up, down]) == (down,)
    assert litert.explains(down, 1.0)
    assert not litert.explains(up, 1.0)


def test_a_rare_deviation_is_one_of_a_step() -> None:
    micro = Interpreter(MICRO, "1", deviations_of(MICRO, "1"))
    (mul,) = (replace(negation().nodes[0], origin="operator 3 MUL"),)
    assert micro.explains(mul, 1.0)
    assert not micro.explains(mul, 2.0)


@pytest.mark.parametrize(
    ("distribution", "released", "measured"),
    [
        (RUNTIME, "2.14.0", True),
        (RUNTIME, "2.5.0", False),
        (LITERT, "1.1.2", False),
        (LITERT, "1.2.0", True),
        (LITERT, "2.3.0", True),
        (LITERT, "2.4.0", False),
        (MICRO, "0.dev20261023182759", True),
        (MICRO, "0.dev20270101000000", False),
    ],
)
def test_releases_that_were_measured_are_known(
    distribution: str, released: str, measured: bool
) -> None:
    assert is_measured(distribution, released) == measured


def test_a_release_that_was_never_measured_stands_beside_our_reference() -> None:
    unknown = replace(INTERPRETER, version="99", measured=False)
    answers = answered(DIGITS, [digits(2)], [unknown])
    assert answers.reference == f"{NAME}, since {unknown.name} was never compared with {EXACT}"
    assert answers.peer is not None
    assert answers.peer.name == unknown.name


def test_many_operators_are_counted() -> None:
    nodes = [replace(negation().nodes[0], origin=f"operator {i} TANH") for i in range(5)]
    assert listed(nodes[:2]) == "operator 0 TANH, operator 1 TANH"
    assert listed(nodes) == "operator 0 TANH, operator 1 TANH, operator 2 TANH and 2 more"


def test_a_users_own_files_are_not_taken_for_pythons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json.py", "numpy.py", "random.py", "mcuforge.py"):
        (tmp_path / name).write_text("raise SystemExit('the wrong module')")
    monkeypatch.chdir(tmp_path)
    answers = answered(DIGITS, [digits(1)])
    assert (answers.reference, len(answers.outputs[0])) == (INTERPRETER.name, 1)


def test_a_relative_path_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here.tflite").write_bytes(DIGITS.read_bytes())
    monkeypatch.chdir(tmp_path)
    answers = answered(Path("here.tflite"), [digits(1)])
    assert (answers.reference, len(answers.outputs)) == (INTERPRETER.name, 1)


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
    answers = answered(path, [b, a])
    assert answers.reference == INTERPRETER.name
    more, less = answers.outputs
    assert set(more.reshape(-1).tolist()) == {5}
    assert set(less.reshape(-1).tolist()) == {-7}


def test_leaving_early_ends_the_process_and_its_folder() -> None:
    with TfliteJudge(read_model(DIGITS), DIGITS, [digits(200)], [INTERPRETER]) as judging:
        at_work = judging._run
        assert isinstance(at_work, Run)
        process, folder = at_work.process, at_work.folder
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
    with TfliteJudge(model, path, [x], [INTERPRETER]) as judging:
        answers = judging.answers()
    words = "(keep_num_dims off and a RESHAPE after it: 1 operator)"
    assert answers.reference == f"{INTERPRETER.name} {words}"
    assert answers.outputs[0].shape == (3, 1, 4, 3)
    for sample, got in zip(x, answers.outputs[0], strict=True):
        np.testing.assert_array_equal(got, run(model, [sample])[0])


def test_a_model_the_interpreter_runs_as_it_is_has_no_note(tmp_path: Path) -> None:
    path = dense_file(tmp_path, (1,))
    answers = answered(path, [feed((2, 1, 6), "int8")])
    assert answers.reference == INTERPRETER.name


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
        assert isinstance(judging, TfliteJudge)
