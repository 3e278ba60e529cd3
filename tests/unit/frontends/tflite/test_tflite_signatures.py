# SPDX-License-Identifier: Apache-2.0
"""Files of several subgraphs: all are listed, one is read, and the judge runs the same one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import ModelSpec, OperatorSpec, TensorSpec
from mcuforge.compiler.frontends import read_model, survey_model
from mcuforge.compiler.frontends.tflite.reader import open_tflite
from mcuforge.compiler.judges.judgeable import judgeable
from mcuforge.errors import CompileError
from tests.models.case_model import feed
from tests.models.odd_writer import write_several
from tests.models.oracle import run_reference


def one(operator: str, signed: bool = True) -> ModelSpec:
    """A model of one operator on [1, 6]."""
    tensors = (
        TensorSpec("x", (1, 6), "int8", (0.1,)),
        TensorSpec("w", (1, 6), "int8", (0.1,), data=np.arange(6, dtype=np.int8)),
        TensorSpec("y", (1, 6), "int8", (0.1,)),
    )
    operators = (OperatorSpec(operator, (0, 1), (2,), None),)
    names = (("input",), ("output",)) if signed else None
    return ModelSpec(tensors, operators, (0,), (2,), names)


TWO = {"first": one("MAXIMUM"), "second": one("MINIMUM")}


@pytest.fixture
def two(tmp_path: Path) -> Path:
    path = tmp_path / "two.tflite"
    path.write_bytes(write_several(TWO))
    return path


@pytest.mark.parametrize(
    ("asked", "signature", "kind"),
    [
        (None, "key_first", "maximum"),
        ("key_first", "key_first", "maximum"),
        ("key_second", "key_second", "minimum"),
    ],
)
def test_one_of_several_signatures_is_read_and_judged(
    two: Path, asked: str | None, signature: str, kind: str
) -> None:
    graph = read_model(two, asked)
    assert (graph.signature, graph.signatures) == (signature, ("key_first", "key_second"))
    assert [node.op.kind for node in graph.nodes] == [kind]
    assert [tensor.name for tensor in (*graph.inputs, *graph.outputs)] == ["input", "output"]
    runs = judgeable(two.read_bytes(), graph.signature)
    assert runs.changes == ("signature key_second made the first" if kind == "minimum" else "")
    x = feed((1, 6), "int8", 2)
    (met,), (wanted,) = reference.run(graph, [x]), run_reference(runs.model, [x])
    np.testing.assert_array_equal(met, wanted)


def test_subgraphs_without_a_signature_are_listed_by_name(tmp_path: Path) -> None:
    path = tmp_path / "unsigned.tflite"
    path.write_bytes(write_several({name: replace(s, signature=None) for name, s in TWO.items()}))
    assert read_model(path).signatures == ("first", "second")
    assert read_model(path, "second").nodes[0].op.kind == "minimum"


def test_a_signature_that_the_file_lacks_is_refused(two: Path) -> None:
    with pytest.raises(CompileError) as caught:
        read_model(two, "third")
    assert caught.value.what == "the file has no signature 'third', it has key_first, key_second"
    assert (caught.value.where, caught.value.hint) == ("two.tflite", "--signature key_first")


def test_a_refusal_names_the_other_signatures() -> None:
    data = write_several({"bad": one("UNIQUE"), "good": one("MINIMUM")})
    with pytest.raises(CompileError) as caught:
        open_tflite(data, "m.tflite").graph()
    assert caught.value.hint.endswith(
        "the file has 2 signatures, this is key_bad of key_bad, key_good: --signature chooses"
    )


def test_a_subgraph_that_another_one_calls_is_no_entry() -> None:
    main = one("MAXIMUM")
    call = OperatorSpec("CALL_ONCE", (), (), ("CallOnceOptions", {"InitSubgraphIndex": 1}))
    data = write_several(
        {"main": replace(main, operators=(call, *main.operators)), "init": one("MINIMUM", False)}
    )
    assert open_tflite(data, "m.tflite").model.signatures == ("key_main",)


def test_a_survey_says_which_signature_it_is_of(two: Path) -> None:
    survey = survey_model(two, "key_second")
    assert (survey.signature, len(survey.rows)) == ("key_second", 1)


def test_an_onnx_file_has_no_signatures(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"\x08\x08\x12\x00")
    with pytest.raises(CompileError) as caught:
        read_model(path, "main")
    assert caught.value.what == "the file has no signature 'main', it has none"
