# SPDX-License-Identifier: Apache-2.0
"""The writer's files are read by the reference interpreter and computed as asked."""

from __future__ import annotations

import numpy as np
import pytest
import tflite

from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from tests.golden.case import Case, Operand, constant
from tests.models.case_model import case_model, case_spec, feed
from tests.models.odd_writer import write_external
from tests.models.oracle import input_ports, run_reference

CONV = Case(
    "conv",
    "CONV_2D",
    (
        Operand((1, 5, 4, 3), 0.05, 3),
        Operand((2, 3, 3, 3), (0.01, 0.02), data="random"),
        Operand((2,), (0.0005, 0.001), dtype="int32", data="random"),
    ),
    (Operand((1, 3, 2, 2), 0.1, -5),),
    ("Conv2DOptions", {"Padding": tflite.Padding.SAME, "StrideH": 2, "StrideW": 2}),
)


def test_a_case_runs_on_the_reference_kernels() -> None:
    model = case_model(CONV)
    (port,) = input_ports(model)
    assert (port.name, port.shape, port.dtype) == ("in0", (1, 5, 4, 3), "int8")
    (low,) = run_reference(model, [np.full(port.shape, -128, np.int8)])
    (high,) = run_reference(model, [np.full(port.shape, 127, np.int8)])
    assert low.shape == (1, 3, 2, 2)
    assert low.dtype == np.int8
    assert not np.array_equal(low, high)


def test_constants_depend_on_the_case_name_and_the_operand_only() -> None:
    places = (("conv", 1), ("conv", 1), ("other", 1), ("conv", 2))
    first, again, *others = (
        np.asarray(constant(name, index, CONV.inputs[1])) for name, index in places
    )
    assert np.array_equal(first, again)
    assert not any(np.array_equal(first, other) for other in others)


def test_extremes_hold_range_ends_only() -> None:
    data = constant("x", 0, Operand((64,), 0.1, data="extremes"))
    assert data is not None
    assert set(data.tolist()) == {-128, 127}


def test_vector_options_reach_the_reference() -> None:
    case = Case(
        "reshape",
        "RESHAPE",
        (Operand((1, 2, 6), 0.5), Operand((2,), dtype="int32", data=(4, 3))),
        (Operand((4, 3), 0.5),),
        ("ReshapeOptions", {"NewShape": (4, 3)}),
    )
    x = feed((1, 2, 6), "int8")
    (out,) = run_reference(case_model(case), [x])
    assert np.array_equal(out, x.reshape(4, 3))


def test_external_buffers_lie_where_the_buffer_table_says() -> None:
    spec = case_spec(CONV)
    file = write_external(spec)
    buffer = tflite.Model.GetRootAs(file, 0).Buffers(2)  # buffer 0 is empty, tensor 1 follows
    data = file[buffer.Offset() : buffer.Offset() + buffer.Size()]
    weights = spec.tensors[1].data
    assert isinstance(weights, np.ndarray)
    assert data == weights.tobytes()
    assert buffer.DataIsNone()


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "int16", "bool", "int64"])
def test_every_dtype_reaches_the_reference(dtype: str) -> None:
    spec = ModelSpec(
        (TensorSpec("x", (1, 4), dtype), TensorSpec("y", (4, 1), dtype)),
        (OperatorSpec("RESHAPE", (0,), (1,), ("ReshapeOptions", {"NewShape": (4, 1)})),),
        (0,),
        (1,),
    )
    assert input_ports(write_model(spec))[0].dtype == np.dtype(dtype).name
