# SPDX-License-Identifier: Apache-2.0
"""Shapes that converters leave open: inferred from the input, their arithmetic computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    Options,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.tflite.ops.shapes import FOLDS
from mcuforge.compiler.frontends.tflite.reader import open_tflite, read_tflite
from mcuforge.compiler.passes import optimize
from mcuforge.compiler.tensors import Array
from tests.models.case_model import feed
from tests.models.changed import refusal
from tests.models.oracle import run_reference
from tests.models.samples import vector

MASKED_SCALE = 9.30459e35  # of a mask of -2.4e38 in int8


def i32(*values: int) -> Array:
    return np.array(values, np.int32)


def number(value: int) -> Array:
    return np.array(value, np.int32)


def truths(*values: int) -> Array:
    return np.array(values, np.bool_)


def reals(*values: float) -> Array:
    return np.array(values, np.float32)


COMPARED = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
MATRIX = i32(3, 1, 1, 2).reshape(2, 2)
# operator, its constants, its options, the type of what it computes
Computed = tuple[tuple[Array, ...], Options | None, str]
ARITHMETIC: dict[str, Computed] = {
    "ABS": ((i32(-3, 4),), None, "int32"),
    "ADD": ((i32(3, 2**31 - 1), number(1)), ("AddOptions", {}), "int32"),
    "ADD of reals": ((reals(0.1, 2.0), reals(0.2)), ("AddOptions", {}), "float32"),
    "BROADCAST_ARGS": ((i32(1, 3), i32(4, 2, 1)), None, "int32"),
    "BROADCAST_TO": ((i32(1, 2), i32(3, 2)), None, "int32"),
    "CAST": ((reals(1.9, -1.9),), ("CastOptions", {}), "int32"),
    "CAST of truth": ((truths(1, 0),), ("CastOptions", {}), "float32"),
    "CONCATENATION": ((i32(1, 2), i32(3)), ("ConcatenationOptions", {"Axis": 0}), "int32"),
    "DIV": ((i32(7, -7), number(2)), ("DivOptions", {}), "int32"),
    "DIV of reals": ((reals(1.0), reals(3.0)), ("DivOptions", {}), "float32"),
    "EXPAND_DIMS": ((i32(1, 2), number(0)), None, "int32"),
    "FILL": ((i32(2, 3), number(7)), None, "int32"),
    "FLOOR_DIV": ((i32(7, -7), number(2)), None, "int32"),
    "FLOOR_MOD": ((i32(7, -7), number(3)), None, "int32"),
    "GATHER": ((i32(5, 6, 7), i32(2, 0)), ("GatherOptions", {"Axis": 0}), "int32"),
    "LOGICAL_AND": ((truths(1, 1, 0), truths(1, 0, 0)), None, "bool"),
    "LOGICAL_NOT": ((truths(1, 0),), None, "bool"),
    "LOGICAL_OR": ((truths(1, 1, 0), truths(1, 0, 0)), None, "bool"),
    "MAXIMUM": ((i32(1, 5), i32(3, 2)), None, "int32"),
    "MINIMUM": ((i32(1, 5), i32(3, 2)), None, "int32"),
    "MUL": ((i32(3, 2**30), number(4)), ("MulOptions", {}), "int32"),
    "NEG": ((i32(3, -4),), None, "int32"),
    "PACK": ((number(3), number(4)), ("PackOptions", {"ValuesCount": 2}), "int32"),
    "RANGE": ((number(2), number(9), number(3)), None, "int32"),
    "RANK": ((MATRIX,), None, "int32"),
    "REDUCE_ALL": ((truths(1, 0), i32(0)), ("ReducerOptions", {}), "bool"),
    "REDUCE_ANY": ((truths(1, 0), i32(0)), ("ReducerOptions", {}), "bool"),
    "REDUCE_MAX": ((MATRIX, i32(1)), ("ReducerOptions", {"KeepDims": True}), "int32"),
    "REDUCE_MIN": ((MATRIX, i32(0)), ("ReducerOptions", {}), "int32"),
    "REDUCE_PROD": ((MATRIX, i32(1)), ("ReducerOptions", {}), "int32"),
    "RESHAPE": ((MATRIX, i32(-1, 1)), ("ReshapeOptions", {}), "int32"),
    "SELECT": ((truths(1, 0), MATRIX, -MATRIX), None, "int32"),
    "SELECT_V2": ((truths(1, 0), i32(1, 2), number(9)), None, "int32"),
    "SHAPE": ((MATRIX,), ("ShapeOptions", {"OutType": 2}), "int32"),
    "SLICE": ((i32(5, 6, 7), i32(1), i32(-1)), None, "int32"),
    "SQUEEZE": ((i32(5),), ("SqueezeOptions", {}), "int32"),
    "STRIDED_SLICE": (
        (i32(9, 3, 2, 9), i32(1), i32(-1), i32(1)),
        ("StridedSliceOptions", {}),
        "int32",
    ),
    "SUB": ((i32(3, -(2**31)), number(1)), ("SubOptions", {}), "int32"),
    "SUM": ((MATRIX, i32(1)), ("ReducerOptions", {}), "int32"),
    "ZEROS_LIKE": ((i32(3, 4),), None, "int32"),
}
ARITHMETIC |= {name: ((i32(1, 2, 3), number(2)), None, "bool") for name in COMPARED}


def arithmetic(name: str) -> bytes:
    """A model that computes one constant, which its file calls of shape [1], beside a RELU."""
    constants, options, dtype = ARITHMETIC[name]
    tensors = (
        TensorSpec("x", (1, 6), "int8", (0.1,)),
        TensorSpec("y", (1, 6), "int8", (0.1,)),
        TensorSpec("computed", (2,) if name == "SLICE" else (1,), dtype),  # 2.14 believes SLICE's
        *(TensorSpec(f"c{i}", c.shape, c.dtype.name, data=c) for i, c in enumerate(constants)),
    )
    operator = OperatorSpec(name.split()[0], tuple(range(3, len(tensors))), (2,), options)
    return write_model(ModelSpec(tensors, (OperatorSpec("RELU", (0,), (1,)), operator), (0,), (2,)))


@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_on_constants_gives_what_the_interpreter_gives(name: str) -> None:
    model = arithmetic(name)
    met = open_tflite(model, "m.tflite").values.constant(2)
    (wanted,) = run_reference(model, [feed((1, 6), "int8")])
    assert met.shape == wanted.shape
    assert met.dtype == wanted.dtype
    np.testing.assert_array_equal(met, wanted)


def test_every_fold_is_tested() -> None:
    assert {name.split()[0] for name in ARITHMETIC} == set(FOLDS)


REFUSED: dict[str, tuple[str, tuple[Array, ...], Options | None, str]] = {
    "division by zero": ("FLOOR_DIV", (i32(1), number(0)), None, "it divides by zero"),
    "fused": (
        "ADD",
        (i32(1), i32(2)),
        ("AddOptions", {"FusedActivationFunction": 1}),
        "it fuses relu into arithmetic on shapes",
    ),
    "shapes that differ": ("ADD", (i32(1, 2), i32(1, 2, 3)), None, "shapes [2], [3] differ"),
    "a huge fill": ("FILL", (i32(1 << 20, 1 << 20), number(0)), None, "'computed' has 10995116"),
    "a fill of nothing": (
        "FILL",
        (i32(0, 3), number(0)),
        None,
        "it gives a tensor of shape",
    ),
    "endless": ("RANGE", (number(0), number(9999), number(1)), None, "it lists 9999 values"),
    "no step": ("RANGE", (number(0), number(9), number(0)), None, "its start, limit and delta"),
    "beyond the end": ("SLICE", (i32(1, 2), i32(1), i32(4)), None, "it takes [1] to [5] of [2]"),
    "reshaped": ("RESHAPE", (i32(1, 2), i32(3)), None, "it gives 2 values the shape [3]"),
    "squeezed": (
        "SQUEEZE",
        (i32(1, 2),),
        ("SqueezeOptions", {"SqueezeDims": (0,)}),
        "it drops dimensions [0] of [2]",
    ),
    "not finite": ("CAST", (reals(float("inf")),), None, "it casts inf, expected finite numbers"),
    "no broadcast": ("BROADCAST_ARGS", (i32(2), i32(3)), None, "shapes [2] and [3] do not"),
    "nothing to reduce": ("REDUCE_MAX", (i32(), i32(0)), None, "'c0' has shape [0], expected 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_arithmetic_that_cannot_be_is_refused(name: str) -> None:
    op, constants, options, what = REFUSED[name]
    tensors = (
        TensorSpec("x", (1, 6), "int8", (0.1,)),
        TensorSpec("y", (3, 2), "int8", (0.1,)),
        TensorSpec("computed", (2,), "int32"),
        *(TensorSpec(f"c{i}", c.shape, c.dtype.name, data=c) for i, c in enumerate(constants)),
    )
    operators = (
        OperatorSpec(op, tuple(range(3, len(tensors))), (2,), options),
        OperatorSpec("RESHAPE", (0, 2), (1,), ("ReshapeOptions", {})),
    )
    error = refusal(write_model(ModelSpec(tensors, operators, (0,), (1,))))
    assert error.what.startswith(what)
    assert f"operator 0 {op} 'computed'" in error.where


def dense_on_tokens() -> bytes:
    """Dense on 3-D inputs as converters write it where the batch is open: rank 2, all of it [1, 1].

    Its shape is computed from SHAPE of the input; a second Dense reads it without dimensions.
    """
    rng = np.random.default_rng(3)
    weights = rng.integers(-127, 128, (5, 8)).astype(np.int8)
    x = TensorSpec("x", (1, 12, 8), "int8", (0.05,), (3,), signature=(-1, 12, 8))
    y = TensorSpec("y", (1, 1, 1), "int8", (0.9,), (-5,), signature=(-1, -1, -1))
    tensors = (
        x,
        TensorSpec("shape", (3,), "int32"),
        vector("first", 0, 1),
        vector("axis", 0),
        vector("columns", 8),
        vector("features", 5),
        TensorSpec("batch_and_tokens", (2,), "int32"),
        TensorSpec("rows", (), "int32"),
        TensorSpec("column", (), "int32", data=np.array(8, np.int32)),
        TensorSpec("flat", (2,), "int32"),
        TensorSpec("full", (3,), "int32"),
        replace(x, name="flattened", shape=(1, 1), signature=(-1, -1)),
        TensorSpec("weights", (5, 8), "int8", (0.02,), data=weights),
        replace(y, name="product", shape=(1, 1), signature=(-1, -1)),
        y,
    )
    operators = (
        OperatorSpec("SHAPE", (0,), (1,), ("ShapeOptions", {"OutType": 2})),
        OperatorSpec("GATHER", (1, 2), (6,), ("GatherOptions", {"Axis": 0})),
        OperatorSpec("REDUCE_PROD", (6, 3), (7,), ("ReducerOptions", {})),
        OperatorSpec("PACK", (7, 8), (9,), ("PackOptions", {"ValuesCount": 2})),
        OperatorSpec("CONCATENATION", (6, 5), (10,), ("ConcatenationOptions", {"Axis": 0})),
        OperatorSpec("RESHAPE", (0, 9), (11,), None),
        OperatorSpec("FULLY_CONNECTED", (11, 12), (13,), ("FullyConnectedOptions", {})),
        OperatorSpec("RESHAPE", (13, 10), (14,), None),
    )
    return write_model(ModelSpec(tensors, operators, (0,), (14,)))


def test_placeholders_of_an_open_batch_are_not_believed() -> None:
    model = dense_on_tokens()
    graph = read_tflite(model)
    assert [(n.op.kind, n.output.shape) for n in graph.nodes] == [
        ("reshape", (12, 8)),
        ("fully_connected", (12, 5)),
        ("reshape", (1, 12, 5)),
    ]
    x = feed((1, 12, 8), "int8", 4)
    np.testing.assert_array_equal(reference.run(graph, [x])[0], run_reference(model, [x])[0])


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_the_zeros_that_a_recurrent_layer_starts_from_are_constants(dtype: str) -> None:
    """SHAPE, STRIDED_SLICE, PACK and FILL where the batch is open; then QUANTIZE, if in float."""
    zero = np.array(3 if dtype == "int8" else 0, dtype)
    scale = (0.05,) if dtype == "int8" else None
    tensors = (
        TensorSpec("x", (1, 6), "int8", (0.05,), (3,), signature=(-1, 6)),
        TensorSpec("shape", (2,), "int32"),
        vector("begin", 0),
        vector("end", 1),
        vector("strides", 1),
        TensorSpec("batch", (), "int32"),
        TensorSpec("units", (), "int32", data=np.array(6, np.int32)),
        TensorSpec("dims", (2,), "int32"),
        TensorSpec("zero", (), dtype, scale, (3,), data=zero),
        TensorSpec("state", (1, 1), dtype, scale, (3,), signature=(-1, -1)),
        TensorSpec("stored", (1, 1), "int8", (0.05,), (3,), signature=(-1, -1)),
        TensorSpec("y", (1, 6), "int8", (0.06,), (3,), signature=(-1, 6)),
    )
    cut = ("StridedSliceOptions", {"ShrinkAxisMask": 1})
    operators = (
        OperatorSpec("SHAPE", (0,), (1,), ("ShapeOptions", {"OutType": 2})),
        OperatorSpec("STRIDED_SLICE", (1, 2, 3, 4), (5,), cut),
        OperatorSpec("PACK", (5, 6), (7,), ("PackOptions", {"ValuesCount": 2})),
        OperatorSpec("FILL", (7, 8), (9,)),
        *((OperatorSpec("QUANTIZE", (9,), (10,)),) if dtype == "float32" else ()),
        OperatorSpec("ADD", (0, 10 if dtype == "float32" else 9), (11,), ("AddOptions", {})),
    )
    model = write_model(ModelSpec(tensors, operators, (0,), (11,)))
    graph = optimize(read_tflite(model))
    assert len(graph.nodes) == 1
    x = feed((1, 6), "int8", 4)
    np.testing.assert_array_equal(reference.run(graph, [x])[0], run_reference(model, [x])[0])


def masked_scores(factor: float) -> bytes:
    """Scores put on the scale of a mask constant, the constant where they are masked, softmax."""
    mask = np.tril(np.ones((1, 1, 4, 4), np.bool_))
    scaled = TensorSpec("scaled", (1, 2, 4, 4), "int8", (MASKED_SCALE,), (127,))
    lowest = np.array(-128, np.int8)
    tensors = (
        TensorSpec("x", (1, 2, 4, 4), "int8", (0.1085,), (-7,)),
        TensorSpec("factor", (), "int8", (factor,), (-128,), data=np.array(127, np.int8)),
        scaled,
        TensorSpec("mask", mask.shape, "bool", data=mask),
        replace(scaled, name="never", shape=(), data=lowest),
        replace(scaled, name="masked"),
        TensorSpec("y", (1, 2, 4, 4), "int8", (1 / 256,), (-128,)),
    )
    operators = (
        OperatorSpec("MUL", (0, 1), (2,), ("MulOptions", {})),
        OperatorSpec("SELECT_V2", (3, 2, 4), (5,), ("SelectV2Options", {})),
        OperatorSpec("SOFTMAX", (5,), (6,), ("SoftmaxOptions", {"Beta": 1.0})),
    )
    return write_model(ModelSpec(tensors, operators, (0,), (6,)))


@pytest.mark.parametrize("factor", [0.001386, 1e30])
def test_masked_scores_have_probability_0(factor: float) -> None:
    model = masked_scores(factor)
    graph = read_tflite(model)
    x = feed((1, 2, 4, 4), "int8", 9)
    (met,), (wanted,) = reference.run(graph, [x]), run_reference(model, [x])
    np.testing.assert_array_equal(met, wanted)
    assert (met[..., np.triu(np.ones((4, 4), np.bool_), 1)] == -128).all()
