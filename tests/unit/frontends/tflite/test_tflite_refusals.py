# SPDX-License-Identifier: Apache-2.0
"""Models whose tensors or graph cannot be: what, where, and one thing that works."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.passes import optimize
from tests.golden.case import Case, Operand
from tests.models.case_model import case_model, case_spec
from tests.models.changed import (
    AGAIN,
    expect_refusal,
    one_operator,
    refusal,
    sample_case,
    with_graph,
    with_operator,
    with_tensor,
)
from tests.models.samples import rows

INT8 = "convert to full int8: converter.optimizations"


def float_row(**fields: object) -> Operand:
    return replace(Operand((1, 6), dtype="float32"), **fields)  # type: ignore[arg-type]


FLOAT_DENSE = case_model(
    Case(
        "float",
        "FULLY_CONNECTED",
        (float_row(), Operand((4, 6), dtype="float32", data="random")),
        (Operand((1, 4), dtype="float32"),),
        ("FullyConnectedOptions", {}),
    )
)
HYBRID_DENSE = case_model(
    Case(
        "hybrid",
        "FULLY_CONNECTED",
        (float_row(), Operand((4, 6), 0.1, data="random")),
        (Operand((1, 4), dtype="float32"),),
        ("FullyConnectedOptions", {}),
    )
)
HALF_WEIGHTS = write_model(
    ModelSpec(
        (
            TensorSpec("w16", (4,), "float16", data=np.ones(4, np.float16)),
            TensorSpec("w", (4,), "float32"),
            TensorSpec("x", (1, 4), "float32"),
            TensorSpec("y", (1, 4), "float32"),
        ),
        (OperatorSpec("DEQUANTIZE", (0,), (1,)), OperatorSpec("ADD", (2, 1), (3,))),
        (2,),
        (3,),
    )
)
CASES: dict[str, tuple[bytes, str, str, str]] = {
    "float model": (
        FLOAT_DENSE,
        "it computes in float32, supported: int8",
        "model.tflite, operator 0 FULLY_CONNECTED 'out0'",
        INT8,
    ),
    "dynamic range": (
        HYBRID_DENSE,
        "it computes in float32 with int8 weights (dynamic-range quantization), supported: int8",
        "operator 0 FULLY_CONNECTED",
        INT8,
    ),
    "float16 weights": (
        HALF_WEIGHTS,
        "'w16' is float16, supported: int8, uint8, int32, int64 and float32",
        "operator 0 DEQUANTIZE 'w'",
        "full-integer instead of float16 quantization",
    ),
    "int16 activations": (
        case_model(Case("int16", "RELU", (float_row(dtype="int16"),), (float_row(dtype="int16"),))),
        "'in0' is int16, supported: int8, uint8, int32, int64 and float32",
        "input 0 'in0'",
        "convert with int8 activations",
    ),
    "int4 weights": (
        with_tensor("FULLY_CONNECTED", 1, dtype="int4", data=bytes(12)),
        "'in1' is int4, supported",
        "operator 0 FULLY_CONNECTED 'out0'",
        "convert with int8 weights",
    ),
    "uint8 and int8": (
        case_model(
            Case("uint8", "TANH", (Operand((1, 6), 0.1, 8, "uint8"),), (rows(1, 6),)),
        ),
        "TANH mixes uint8 and int8, expected one of both",
        "operator 0 TANH",
        AGAIN,
    ),
    "int32 arithmetic": (
        case_model(
            Case(
                "int32",
                "ADD",
                (Operand((1, 6), dtype="int32"), Operand((1, 6), dtype="int32")),
                (Operand((1, 6), dtype="int32"),),
            )
        ),
        "it computes on int32, supported: int8",
        "operator 0 ADD",
        "move arithmetic on shapes and indices out of the model",
    ),
    "unknown operator": (
        one_operator("COS"),
        "COS is not supported",
        "operator 0 COS 'y'",
        "TFLite has it in float32 only",
    ),
    "operator without a replacement": (
        one_operator("DILATE"),
        "DILATE is not supported yet",
        "operator 0 DILATE 'y'",
        "replace it in the model: `mcuforge ops` lists",
    ),
    "operator with variables that nothing writes": (
        write_model(
            ModelSpec(
                tuple(TensorSpec(n, (1, 6), "int8", (0.1,)) for n in "xsy"),
                (OperatorSpec("SVDF", (0, 1), (2,)),),
                (0,),
                (2,),
            )
        ),
        "SVDF is not supported yet",
        "operator 0 SVDF",
        "use convolutions over time",
    ),
    "operator newer than the schema": (
        write_model(
            replace(case_spec(sample_case("RELU")), operators=(OperatorSpec(250, (0,), (1,)),))
        ),
        "builtin 250 is not supported",
        "operator 0 builtin 250",
        "replace it in the model",
    ),
    "custom operator": (
        one_operator("CUSTOM", "TFLite_Detection_PostProcess"),
        "custom 'TFLite_Detection_PostProcess' is not supported",
        "operator 0 custom 'TFLite_Detection_PostProcess' 'y'",
        "end the model before it, and choose boxes",
    ),
    "custom operator of somebody": (
        one_operator("CUSTOM", "MyOperator"),
        "custom 'MyOperator' is known to its maker alone",
        "operator 0 custom 'MyOperator' 'y'",
        "replace it by builtin operators",
    ),
    "file compiled by Vela": (
        one_operator("CUSTOM", "ethos-u"),
        "the file is compiled by Vela for an Arm Ethos-U",
        "operator 0 custom 'ethos-u' 'y'",
        "give the .tflite file that vela was given",
    ),
    "file compiled for a Coral": (
        one_operator("CUSTOM", "edgetpu-custom-op"),
        "the file is compiled for a Coral Edge TPU",
        "operator 0 custom 'edgetpu-custom-op' 'y'",
        "give the .tflite file that edgetpu_compiler was given",
    ),
    "file compiled by LiteRT": (
        one_operator("CUSTOM", "DISPATCH_OP"),
        "the file is compiled ahead of time by LiteRT for an accelerator",
        "operator 0 custom 'DISPATCH_OP' 'y'",
        "give the .tflite file that LiteRT's compiler was given",
    ),
    "StableHLO": (
        one_operator("STABLEHLO_ADD"),
        "STABLEHLO_ADD is not supported yet",
        "operator 0 STABLEHLO_ADD 'y'",
        "convert to TFLite's builtin operators",
    ),
    "state": (
        one_operator("READ_VARIABLE"),
        "it keeps state between inferences, which is not supported yet",
        "operator 0 READ_VARIABLE 'y'",
        "make the state an input and an output",
    ),
    "flex operator": (
        one_operator("CUSTOM", "FlexErf"),
        "custom 'FlexErf' is an operator of TensorFlow, not of TFLite",
        "operator 0 custom 'FlexErf'",
        "convert with builtin operators only",
    ),
    "control flow": (
        one_operator("WHILE"),
        "WHILE is not supported",
        "operator 0 WHILE",
        "write the loop out",
    ),
    "shape arithmetic at run time": (
        one_operator("CAST"),
        "CAST works on run-time values, supported: on shapes only",
        "operator 0 CAST",
        "all shapes of the inputs are fixed already",
    ),
    "open dimension": (
        with_tensor("RELU", 0, signature=(-1, -1)),
        "'in0' leaves dimension 1 open: [-1, -1], supported: fixed shapes",
        "model.tflite, input 0 'in0'",
        "convert with fixed shapes and batch 1",
    ),
    "variable": (
        with_tensor("RELU", 0, variable=True),
        "'in0' is a variable that keeps its value between inferences",
        "input 0 'in0'",
        "unroll the recurrent layer",
    ),
    "sparse weights": (
        with_tensor("FULLY_CONNECTED", 1, sparse=True),
        "'in1' is stored as a sparse tensor, supported: dense",
        "operator 0 FULLY_CONNECTED",
        "convert without tf.lite.Optimize.EXPERIMENTAL_SPARSITY",
    ),
    "zero dimension": (
        with_tensor("RELU", 0, shape=(1, 0)),
        "'in0' has shape [1, 0], expected 1 or more in each dimension",
        "input 0 'in0'",
        "convert with fixed shapes",
    ),
    "negative dimension": (
        with_tensor("RELU", 0, shape=(1, -6)),
        "'in0' has shape [1, -6], expected 1 or more in each dimension",
        "input 0 'in0'",
        "convert with fixed shapes",
    ),
    "huge activation": (
        case_model(Case("huge", "RELU", (rows(1, 1 << 27),), (rows(1, 1 << 27),))),
        "'in0' takes 128.0 MiB, expected at most 64 MiB",
        "input 0 'in0'",
        "use a smaller input resolution or fewer channels",
    ),
    "constant shorter than its shape": (
        with_tensor("FULLY_CONNECTED", 1, data=bytes(23)),
        "'in1' has 23 bytes of data, its shape [4, 6] needs 24",
        "operator 0 FULLY_CONNECTED",
        "export or copy the file again",
    ),
    "custom quantization scales": (
        with_tensor("RELU", 0, scale=(0.1, 0.2), zero_point=(0, 0), axis=5),
        "'in0' has scales along axis 5, but 2 dimensions",
        "input 0 'in0'",
        AGAIN,
    ),
    "scales that miss slices": (
        with_tensor("RELU", 0, scale=(0.1, 0.2), zero_point=(0, 0), axis=1),
        "'in0' has 2 scales for 6 slices of axis 1",
        "input 0 'in0'",
        AGAIN,
    ),
    "zero points that miss scales": (
        with_tensor("FULLY_CONNECTED", 1, scale=(0.1,) * 4, zero_point=(0, 0, 0)),
        "'in1' has 3 zero points for 4 scales",
        "operator 0 FULLY_CONNECTED",
        AGAIN,
    ),
    "zero points that differ": (
        with_tensor("FULLY_CONNECTED", 1, scale=(0.1,) * 4, zero_point=(0, 0, 1, 0)),
        "'in1' has zero points from 0 to 1, supported: one for all",
        "operator 0 FULLY_CONNECTED",
        "quantize per-channel weights symmetrically",
    ),
    "custom quantization scheme": (
        with_tensor("RELU", 0, custom_scheme=True),
        "'in0' is quantized by a custom scheme, supported: scales",
        "input 0 'in0'",
        INT8,
    ),
    "zero point out of range": (
        with_tensor("RELU", 0, zero_point=(128,)),
        "'in0' has zero point 128, expected -128 to 127 for int8",
        "input 0 'in0'",
        AGAIN,
    ),
    "no scale": (
        with_tensor("RELU", 0, scale=None),
        "tensor 'in0' has no scale",
        "operator 0 RELU",
        "convert with full-integer quantization",
    ),
    "read before written": (
        with_graph(
            operators=(OperatorSpec("RELU", (2,), (1,)), OperatorSpec("RELU", (0,), (2,))),
            tensors=tuple(TensorSpec(n, (1, 6), "int8", (0.1,)) for n in ("x", "y", "z")),
        ),
        "it reads 'z' before anything writes it",
        "operator 0 RELU 'y'",
        AGAIN,
    ),
    "written twice": (
        with_graph(operators=(OperatorSpec("RELU", (0,), (1,)), OperatorSpec("RELU", (0,), (1,)))),
        "it writes 'out0', which already has a value",
        "operator 1 RELU 'out0_2'",
        AGAIN,
    ),
    "input overwritten": (
        with_operator("RELU", outputs=(0,)),
        "it writes 'in0', which already has a value",
        "operator 0 RELU 'in0'",
        AGAIN,
    ),
    "one tensor written twice": (
        with_operator("RELU", outputs=(1, 1)),
        "it writes one tensor twice",
        "operator 0 RELU",
        AGAIN,
    ),
    "no inputs": (
        with_graph(inputs=()),
        "the model has no input",
        "model.tflite, its inputs",
        AGAIN,
    ),
    "no outputs": (
        with_graph(outputs=()),
        "the model has no output",
        "model.tflite, its outputs",
        AGAIN,
    ),
    "input given twice": (
        with_graph(inputs=(0, 0)),
        "it is listed twice among the inputs",
        "input 1 'in0'",
        AGAIN,
    ),
    "constant as input": (
        write_model(replace(case_spec(sample_case("FULLY_CONNECTED")), inputs=(0, 2))),
        "'in2' is both an input and a constant",
        "input 1 'in2'",
        AGAIN,
    ),
    "output nobody writes": (
        with_graph(operators=()),
        "no operator writes 'out0'",
        "output 0 'out0'",
        AGAIN,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_says_what_where_and_what_to_try(name: str) -> None:
    expect_refusal(*CASES[name])


@pytest.mark.parametrize(
    ("scale", "met"),
    [(0.0, "0"), (-1.0, "-1"), (float("nan"), "nan"), (float("inf"), "inf")],
)
def test_a_scale_that_is_no_scale_is_refused(scale: float, met: str) -> None:
    error = refusal(with_tensor("RELU", 0, scale=(scale,)))
    assert error.what.startswith(f"'in0' has scale {met}")
    assert "more refused" not in error.hint  # the operator that reads it is not a second problem
    assert error.what.endswith(", expected above 0 and up to 3.40282e+38")
    assert error.where == "model.tflite, input 0 'in0'"
    assert error.hint.startswith("quantize again with a representative dataset")


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_a_scale_beyond_what_an_operator_computes_on_is_refused(scale: float) -> None:
    error = refusal(with_tensor("RELU", 0, scale=(scale,)))
    assert error.what == f"'in0' has scale {scale:g}, expected above 1e-12 and up to 1e+12"
    assert error.where == "model.tflite, operator 0 RELU 'out0'"


def test_what_nothing_reads_may_have_any_scale_and_be_any_operator() -> None:
    tensors = tuple(
        TensorSpec(name, (1, 6), "int8", (scale,))
        for name, scale in (
            ("x", 0.1),
            ("dead", 4.6e-41),
            ("deader", 0.1),
            ("more", 0.1),
            ("y", 0.1),
        )
    )
    operators = (
        OperatorSpec("RELU", (0,), (1,)),
        OperatorSpec("UNIQUE", (1,), (2,)),
        OperatorSpec("RELU", (2,), (3,)),
        OperatorSpec("RELU", (0,), (4,)),
    )
    graph = optimize(read_tflite(write_model(ModelSpec(tensors, operators, (0,), (4,)))))
    assert [node.output.name for node in graph.nodes] == ["y"]


def test_an_odd_scale_of_a_bias_does_not_matter() -> None:
    graph = read_tflite(with_tensor("FULLY_CONNECTED", 2, scale=(float("nan"),)))
    assert graph.nodes[0].inputs[2].quant is None


def test_tiny_scales_of_dead_filters_are_accepted() -> None:
    scales = (0.01, 1e-30, 1e-42, 0.02)
    graph = read_tflite(with_tensor("FULLY_CONNECTED", 1, scale=scales, zero_point=(0,) * 4))
    quant = graph.nodes[0].inputs[1].quant
    assert quant is not None
    assert len(quant.scale) == 4
    assert min(quant.scale) > 0.0


def test_the_first_refusal_says_how_many_more_there_are() -> None:
    spec = ModelSpec(
        tuple(TensorSpec(n, (1, 6), "int8", (0.1,)) for n in "abcd"),
        tuple(OperatorSpec("COS", (i,), (i + 1,)) for i in range(3)),
        (0,),
        (3,),
    )
    error = refusal(write_model(spec))
    assert error.hint.endswith("; 2 more refused: `mcuforge ops model.tflite` lists all")
