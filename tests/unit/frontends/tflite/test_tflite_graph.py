# SPDX-License-Identifier: Apache-2.0
"""Whole graphs: names, several inputs and outputs, folded shapes, where constants lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.tflite.reader import open_tflite, read_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.ops.quantize import Quantize
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.verify import verify
from mcuforge.errors import CompileError
from tests.golden.case import Case, Operand
from tests.models.case_model import case_model, case_spec, feed
from tests.models.changed import sample_case, with_tensor
from tests.models.odd_writer import Odd, write_odd
from tests.models.oracle import run_reference
from tests.models.samples import SAMPLES, open_batch_flatten, rows, two_in_two_out, vector


def constants(graph: Graph) -> dict[str, bytes]:
    return {t.name: t.values().tobytes() for t in graph.constants()}


def test_an_open_batch_folds_away_and_the_signature_names_the_edges() -> None:
    model = write_model(open_batch_flatten())
    graph = read_tflite(model, name="flat.tflite")
    verify(graph, "the front end")
    assert (graph.name, graph.source) == ("flat", "flat.tflite")
    assert [node.op.kind for node in graph.nodes] == [
        "quantize",
        "reshape",
        "softmax",
        "dequantize",
    ]
    assert [node.name for node in graph.nodes] == ["quantized", "flatten", "softmax", "dequantize"]
    assert graph.nodes[1].origin == "operator 4 RESHAPE"
    assert [t.name for t in graph.inputs + graph.outputs] == ["x", "probabilities"]
    x = feed((1, 2, 3, 1), "float32", 1)
    assert np.array_equal(reference.run(graph, [x])[0], run_reference(model, [x])[0])


def test_several_inputs_and_outputs_keep_their_order() -> None:
    model = write_model(two_in_two_out())
    graph = read_tflite(model)
    assert [t.name for t in graph.inputs] == ["a", "b"]
    assert [t.name for t in graph.outputs] == ["sum", "product"]
    assert len(graph.nodes[1].inputs) == 2  # the bias is absent
    inputs = [feed((1, 6), "int8", 1), feed((1, 6), "int8", 2)]
    for met, wanted in zip(reference.run(graph, inputs), run_reference(model, inputs), strict=True):
        assert np.array_equal(met, wanted)


@pytest.mark.parametrize("name", ["CONV_2D", "FULLY_CONNECTED", "PADV2", "RESHAPE"])
def test_weights_outside_the_flatbuffer_are_the_weights_inside(name: str) -> None:
    spec = case_spec(next(s.case for s in SAMPLES if s.case.name == name))
    inside, outside = (write_odd(spec, Odd(external=external)) for external in (False, True))
    assert outside[: len(inside)] != inside
    assert constants(read_tflite(outside)) == constants(read_tflite(inside))
    assert [n.op for n in read_tflite(outside).nodes] == [n.op for n in read_tflite(inside).nodes]


def test_constants_are_views_of_the_file_and_cannot_be_changed() -> None:
    weights = read_tflite(case_model(SAMPLES[0].case)).nodes[0].inputs[1].values()
    assert weights.base is not None
    with pytest.raises(ValueError, match="read-only"):
        weights[0] = 1


def test_tensor_names_become_unique_printable_and_never_empty() -> None:
    names = ("", "x", "x", "x_2", "bad\x1b[31m\nname")
    spec = ModelSpec(
        tuple(TensorSpec(name, (1, 6), "int8", (0.1,)) for name in names),
        tuple(OperatorSpec("RELU", (i,), (i + 1,)) for i in range(4)),
        (0,),
        (4,),
    )
    graph = read_tflite(write_model(spec))
    tensors = [graph.inputs[0].name] + [node.output.name for node in graph.nodes]
    assert tensors == ["t0", "x", "x_2", "x_2_2", "bad?[31m?name"]
    assert len({node.name for node in graph.nodes}) == 4
    verify(graph, "the front end")


def test_bytes_that_are_no_utf8_in_a_name_are_replaced() -> None:
    model = with_tensor("RELU", 0, name="QQQQ").replace(b"QQQQ", b"\xff\xfeQ\x80")
    assert read_tflite(model).inputs[0].name == "��Q�"


def test_other_subgraphs_are_ignored() -> None:
    relu = case_spec(sample_case("RELU"))
    assert len(read_tflite(write_odd(relu, Odd(empty_subgraphs=2))).nodes) == 1


def test_an_open_batch_alone_is_accepted() -> None:
    assert read_tflite(with_tensor("RELU", 0, signature=(-1, 6))).inputs[0].shape == (1, 6)


def test_a_masked_slice_keeps_its_two_steps_apart_by_name() -> None:
    case = next(s.case for s in SAMPLES if s.case.name == "STRIDED_SLICE")
    first, second = read_tflite(case_model(case)).nodes
    assert (first.name, second.name) == ("out0", "out0/reshape")
    assert first.output.name == "out0/slice"
    assert first.output is second.inputs[0]
    assert first.origin == second.origin == "operator 0 STRIDED_SLICE"


def test_a_shape_list_of_no_entries_makes_a_scalar() -> None:
    case = Case(
        "scalar",
        "RESHAPE",
        (rows(1, 1), Operand((0,), dtype="int32", data=())),
        (rows(),),
        ("ReshapeOptions", {}),
    )
    graph = read_tflite(case_model(case))
    assert [node.op for node in graph.nodes] == [Reshape()]
    assert graph.outputs[0].shape == ()


def fold_model(op: str, inputs: tuple[TensorSpec, ...], options: OperatorSpec) -> ModelSpec:
    """RESHAPE of (1, 6) to a shape that `op` computes from constants."""
    tensors = (
        TensorSpec("x", (1, 6), "int8", (0.1,)),
        TensorSpec("y", (3, 2), "int8", (0.1,)),
        TensorSpec("shape", (2,), "int32"),
        *inputs,
    )
    places = tuple(range(3, len(tensors)))
    return ModelSpec(
        tensors,
        (
            OperatorSpec(op, places, (2,), options.options),
            OperatorSpec("RESHAPE", (0, 2), (1,), ("ReshapeOptions", {})),
        ),
        (0,),
        (1,),
    )


@pytest.mark.parametrize(
    ("op", "inputs", "options"),
    [
        ("CAST", (vector("c", 3, 2),), None),
        ("CONCATENATION", (vector("a", 3), vector("b", 2)), ("ConcatenationOptions", {"Axis": 0})),
        (
            "GATHER",
            (vector("values", 7, 2, 3), vector("places", 2, 1)),
            ("GatherOptions", {"Axis": 0}),
        ),
        (
            "REDUCE_PROD",
            (
                TensorSpec("v", (2, 2), "int32", data=np.array([[3, 1], [1, 2]], np.int32)),
                vector("axes", 1),
            ),
            ("ReducerOptions", {}),
        ),
        (
            "STRIDED_SLICE",
            (vector("v", 9, 3, 2, 9), vector("b", 1), vector("e", -1), vector("s", 1)),
            ("StridedSliceOptions", {}),
        ),
    ],
)
def test_arithmetic_on_constants_is_folded(
    op: str, inputs: tuple[TensorSpec, ...], options: tuple[str, dict[str, int]] | None
) -> None:
    typed = None if options is None else (options[0], dict(options[1]))
    model = write_model(fold_model(op, inputs, OperatorSpec(op, (), (), typed)))
    graph = read_tflite(model)
    assert [node.op for node in graph.nodes] == [Reshape()]
    x = feed((1, 6), "int8")
    assert np.array_equal(reference.run(graph, [x])[0], run_reference(model, [x])[0])


@pytest.mark.parametrize(
    ("op", "inputs", "options", "what"),
    [
        (
            "GATHER",
            (vector("values", 7, 2, 3), vector("places", 2, 3)),
            ("GatherOptions", {"Axis": 0}),
            "it takes an element outside axis 0, expected 0 to 2",
        ),
        (
            "GATHER",
            (vector("values", *range(100)), vector("places", *range(100))),
            ("GatherOptions", {"Axis": 0}),
            "it takes 100 of 100 values, batch_dims 0; "
            "expected batch_dims 0 and at most 4096 values",
        ),
        (
            "PACK",
            (vector("a", 1), vector("b", 1, 2)),
            ("PackOptions", {"ValuesCount": 2}),
            "its inputs differ in shape, expected one shape",
        ),
    ],
)
def test_arithmetic_on_constants_that_cannot_be_is_refused(
    op: str, inputs: tuple[TensorSpec, ...], options: tuple[str, dict[str, int]], what: str
) -> None:
    typed = (options[0], dict(options[1]))
    model = write_model(fold_model(op, inputs, OperatorSpec(op, (), (), typed)))
    with pytest.raises(CompileError) as caught:
        read_tflite(model)
    assert caught.value.what == what
    assert caught.value.where == f"model.tflite, operator 0 {op} 'shape'"
    assert caught.value.hint.startswith("export the model again")


def test_outputs_that_are_something_else_too_are_copied() -> None:
    """An input, a shape, a constant of each type, and outputs listed twice."""
    spec = fold_model("CAST", (vector("c", 3, 2),), OperatorSpec("CAST", (), ()))
    more = (
        TensorSpec("w", (4,), "int8", (0.1,), data=np.array([3, -4, 5, 6], np.int8)),
        TensorSpec("f", (2, 1), "float32", data=np.array([[0.25], [-3.5]], np.float32)),
        TensorSpec("real", (3, 2), "float32"),
    )
    first = len(spec.tensors)
    dequantize = OperatorSpec("DEQUANTIZE", (1,), (first + 2,))
    changed = replace(
        spec,
        tensors=(*spec.tensors, *more),
        operators=(*spec.operators, dequantize),
        outputs=(1, 0, 2, first, first + 1, first + 2, first + 2, 1, 0),
    )
    model = write_model(changed)
    graph = optimize(read_tflite(model))
    assert len({tensor.name for tensor in (*graph.inputs, *graph.outputs)}) == 10
    x = feed((1, 6), "int8", 3)
    wanted = run_reference(model, [x])
    for met, want in zip(reference.run(graph, [x]), wanted, strict=True):
        assert (met.dtype, met.shape) == (want.dtype, want.shape)
        assert np.array_equal(met, want)


def test_the_signature_of_another_subgraph_names_nothing() -> None:
    model = write_odd(open_batch_flatten(), Odd(signature_subgraph=1, empty_subgraphs=1))
    assert read_tflite(model).inputs[0].name == "serving_default_x:0"


def test_a_survey_lists_every_operator_and_every_problem_at_once() -> None:
    spec = ModelSpec(
        tuple(TensorSpec(n, (1, 6), "int8", (0.1,)) for n in "abcd"),
        (
            OperatorSpec("COS", (0,), (1,)),
            OperatorSpec("RELU", (1,), (2,)),
            OperatorSpec("SIN", (2,), (3,)),
        ),
        (0,),
        (3,),
    )
    rows = open_tflite(write_model(spec), "m.tflite").survey.rows
    assert [(r.index, r.operator, r.supported) for r in rows] == [
        (0, "COS", False),
        (1, "RELU", True),
        (2, "SIN", False),
    ]
    bad, good = rows[0], rows[1]
    assert (bad.what, bad.where) == ("COS is not supported yet", "m.tflite, operator 0 COS 'b'")
    assert bad.hint.startswith("TFLite has it in float32 only")
    assert (good.what, good.hint, good.output, good.dtype) == ("", "", "c", "int8")
    assert good.input_shapes == ((1, 6),)
    assert good.output_shape == (1, 6)


def test_a_survey_lists_the_models_own_problems_first() -> None:
    rows = open_tflite(with_tensor("RELU", 0, signature=(-1, -1)), "m.tflite").survey.rows
    assert [(r.index, r.operator, r.supported) for r in rows] == [
        (-1, "MODEL", False),
        (0, "RELU", True),
    ]


def test_uint8_and_float_edges_are_read_as_quantize_and_dequantize() -> None:
    graph = read_tflite(case_model(next(s.case for s in SAMPLES if s.case.name == "QUANTIZE")))
    assert graph.inputs[0].dtype.value == "float32"
    assert isinstance(graph.nodes[0].op, Quantize)
