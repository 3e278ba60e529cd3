# SPDX-License-Identifier: Apache-2.0
"""What was done to a file already is not advised again."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.inliner
import pytest
from onnx import helper

from mcuforge.compiler.builders.onnx_builder import OnnxBuilder
from mcuforge.compiler.builders.static_quantizer import quantize_model
from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.onnx.file import PREPARED
from mcuforge.compiler.frontends.onnx.ops.instead import unsupported
from mcuforge.compiler.frontends.onnx.reader import open_onnx
from mcuforge.compiler.frontends.tflite.ops.instead import IDS
from mcuforge.compiler.frontends.tflite.reader import open_tflite
from mcuforge.errors import Phase, phase_of

FLOAT = onnx.TensorProto.FLOAT


def tflite_hint(types: str, code: str, first: tuple[int, ...] = (1, 6)) -> str:
    """The first hint about three tensors of types (i: int8, f: float32) and an operator."""
    names = {"i": "int8", "f": "float32"}
    tensors = tuple(
        TensorSpec(n, first if n == "x" else (1, 6), names[t], (0.1,) if t == "i" else ())
        for n, t in zip("xyz", types, strict=True)
    )
    operators = (OperatorSpec("RELU", (0,), (1,)), OperatorSpec(code, (1,), (2,)))
    survey = open_tflite(write_model(ModelSpec(tensors, operators, (0,), (2,))), "m").survey
    return survey.refused[0].hint


def test_an_int8_model_is_not_to_be_converted_to_int8() -> None:
    assert tflite_hint("fff", "RELU").startswith("convert to full int8")
    assert tflite_hint("iif", "RELU").startswith("the converter leaves this operator in float")


def test_an_embedding_is_moved_out_of_the_model_as_a_whole() -> None:
    kinds = ("int32", "int32", "bool", "int8", "int8")
    tensors = tuple(
        TensorSpec(n, (1, 6), kind, (0.1,) if kind == "int8" else ())
        for n, kind in zip("ijbwy", kinds, strict=True)
    )
    operators = (
        OperatorSpec("ADD", (0, 0), (1,), ("AddOptions", {})),
        OperatorSpec("GATHER", (3, 1), (4,), ("GatherOptions", {})),
    )
    model = write_model(ModelSpec(tensors, operators, (0, 3), (4,)))
    hints = {row.hint for row in open_tflite(model, "m").survey.refused}
    assert hints == {IDS}


def test_fixed_shapes_are_not_to_be_fixed() -> None:
    fixed, batch = tflite_hint("iii", "CAST"), tflite_hint("iii", "CAST", (4, 6))
    assert fixed.startswith("all shapes of the inputs are fixed already")
    assert batch.startswith("convert with fixed shapes and batch 1")


def quantized_then(op: str, *, open_side: bool = False, domain: str = "") -> onnx.ModelProto:
    """A quantized input, and an operator behind it whose result is not quantized."""
    side = "n" if open_side else 6
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node(op, ["d"], ["y"], domain=domain),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", FLOAT, (1, side))],
        [helper.make_tensor_value_info("y", FLOAT, (1, side))],
        [
            helper.make_tensor("s", FLOAT, (), [0.1]),
            helper.make_tensor("z", onnx.TensorProto.INT8, (), [0]),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def onnx_hint(op: str, *, open_side: bool = False) -> str:
    """The first hint about such a model."""
    model = quantized_then(op, open_side=open_side)
    return open_onnx(model.SerializeToString(), "m.onnx").survey.refused[0].hint


def test_shapes_of_onnx_models_that_are_fixed_are_not_to_be_fixed() -> None:
    assert onnx_hint("ReduceProd").startswith("all shapes of the inputs are fixed already")
    assert "fixed shapes and batch 1" in onnx_hint("ReduceProd", open_side=True)


@pytest.mark.parametrize(
    ("op", "domain", "what", "hint"),
    [
        ("LSTM", "", "LSTM is not supported yet", "use convolutions over time"),
        ("QAttention", "com.microsoft", "QAttention is not supported yet", "quantize to QDQ form"),
        ("FusedConv", "com.microsoft", "FusedConv is not supported: it is of onn", "quantize the"),
        ("TreeEnsemble", "ai.onnx.ml", "TreeEnsemble is not supported: it is of", "replace it"),
        ("Quant", "qonnx.custom_op.general", "Quant is not supported: it is of Q", "export in Q"),
        ("Gelu", "mine", "mine.Gelu is a function that the file defines", "write functions out"),
        ("Relu", "theirs", "theirs.Relu is not supported", "export with operators of ONNX's own"),
        ("Newest", "", "Newest is not supported", "replace it in the model"),
    ],
)
def test_operators_of_others_lead_to_who_wrote_them(
    op: str, domain: str, what: str, hint: str
) -> None:
    refusal = unsupported(op, domain, frozenset({"mine.Gelu"}))
    assert refusal.what.startswith(what)
    assert refusal.hint.startswith(hint)


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (onnx.TensorProto.INT64, "look the vectors up in your own code"),
        (onnx.TensorProto.FLOAT16, "export the model in float32"),
        (onnx.TensorProto.BFLOAT16, "export the model in float32"),
        (onnx.TensorProto.BOOL, "multiply by an input of float32"),
        (onnx.TensorProto.STRING, "feed the model numbers"),
    ],
)
def test_inputs_of_other_types_lead_to_what_they_usually_are(kind: int, hint: str) -> None:
    model = quantized_then("Relu")
    model.graph.input[0].type.tensor_type.elem_type = kind
    (refused,) = open_onnx(model.SerializeToString(), "m.onnx").survey.refused
    assert refused.hint.startswith(hint)


@pytest.mark.parametrize("prepared", [False, True])
def test_constants_are_to_be_folded_once(prepared: bool) -> None:
    net = OnnxBuilder(3, 17)
    weight = net.normal("w", (6, 6), 0.2)
    both = net.node("MatMul", "both", [net.normal("v", (6, 6), 0.2), weight])
    model = net.model("m", net.node("MatMul", "y", [net.input("x", (1, 6)), both]), (1, 6))
    samples = [np.ones((1, 6), np.float32)]
    made = quantize_model(model, samples, optimize=False)
    assert {entry.key: entry.value for entry in made.metadata_props}[PREPARED[0]] == PREPARED[1]
    if not prepared:
        del made.metadata_props[:]
    refused = open_onnx(made.SerializeToString(), "m.onnx").survey.refused
    assert refused[0].what.startswith("it multiplies two constants")
    words = "quant_pre_process ran on this model" if prepared else "fold constants first"
    assert refused[0].hint.startswith(words)
    folded = quantize_model(model, samples)  # what the advice says
    assert not open_onnx(folded.SerializeToString(), "m.onnx").survey.refused


def test_functions_of_a_file_are_read_once_they_are_written_out() -> None:
    model = quantized_then("Half", domain="mine")
    standard, mine = helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)
    nodes = [helper.make_node("Relu", ["a"], ["b"]), helper.make_node("Sigmoid", ["b"], ["c"])]
    model.functions.append(helper.make_function("mine", "Half", ["a"], ["c"], nodes, [standard]))
    model.opset_import.append(mine)
    survey = open_onnx(model.SerializeToString(), "m.onnx").survey
    assert survey.refused[0].what == "mine.Half is a function that the file defines itself"
    inlined = onnx.inliner.inline_local_functions(model)
    assert not open_onnx(inlined.SerializeToString(), "m.onnx").survey.refused


def test_a_compiled_file_is_named_before_what_else_stands_in_the_way() -> None:
    tensors = tuple(TensorSpec(n, (1, 6), "int8", (0.1,)) for n in "xyz")
    operators = (
        OperatorSpec("COS", (0,), (1,)),
        OperatorSpec("CUSTOM", (1,), (2,), None, "ethos-u"),
    )
    survey = open_tflite(write_model(ModelSpec(tensors, operators, (0,), (2,))), "m").survey
    assert survey.first.index == 1
    assert phase_of(survey.first.hint) is Phase.FILE
    assert "1 more refused" in survey.error(1).hint
