# SPDX-License-Identifier: Apache-2.0
"""Changes samples in one place, and catches the refusal of the changed model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcuforge.compiler.builders.tflite_writer import (
    Field,
    ModelSpec,
    OperatorSpec,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.errors import CompileError
from tests.golden.case import Case, Operand
from tests.models.case_model import case_model, case_spec
from tests.models.odd_writer import odd_tensor, write_odd
from tests.models.samples import SAMPLES

AGAIN = "export the model again"  # how the hint to a contradictory file begins


def refusal(model: bytes) -> CompileError:
    """Return the refusal of a model; its three lines must be printed in their order."""
    with pytest.raises(CompileError) as caught:
        read_tflite(model)
    error = caught.value
    assert str(error).splitlines() == [
        f"error: {error.what}",
        f"where: {error.where}",
        f"try:   {error.hint}",
    ]
    return error


def sample_case(name: str) -> Case:
    return next(s.case for s in SAMPLES if s.case.name == name)


def with_options(name: str, **fields: Field) -> bytes:
    """Write a sample with some options changed."""
    case = sample_case(name)
    table, options = case.options or ("", {})
    return case_model(replace(case, options=(table, dict(options) | fields)))


def with_input(name: str, place: int, operand: Operand) -> bytes:
    """Write a sample with one input replaced."""
    case = sample_case(name)
    inputs = tuple(operand if i == place else o for i, o in enumerate(case.inputs))
    return case_model(replace(case, inputs=inputs))


def with_output(name: str, operand: Operand) -> bytes:
    """Write a sample with its output replaced."""
    return case_model(replace(sample_case(name), outputs=(operand,)))


def with_tensor(sample: str, place: int, **fields: object) -> bytes:
    """Write a sample with some fields of one tensor changed."""
    spec = case_spec(sample_case(sample))
    tensors = list(spec.tensors)
    tensors[place] = odd_tensor(tensors[place], **fields)
    return write_odd(replace(spec, tensors=tuple(tensors)))


def with_operator(name: str, **fields: object) -> bytes:
    """Write a sample with some fields of its one operator changed."""
    spec = case_spec(sample_case(name))
    operator = replace(spec.operators[0], **fields)  # type: ignore[arg-type]
    return write_model(replace(spec, operators=(operator,)))


def with_graph(**fields: object) -> bytes:
    """Write the RELU sample with some fields of the model changed."""
    spec = case_spec(sample_case("RELU"))
    return write_model(replace(spec, **fields))  # type: ignore[arg-type]


def one_operator(op: str, custom: str = "") -> bytes:
    """Write a model of one operator that the front end does not know."""
    tensors = (TensorSpec("x", (1, 6), "int8", (0.1,)), TensorSpec("y", (1, 6), "int8", (0.1,)))
    operator = OperatorSpec(op, (0,), (1,), None, custom)
    return write_model(ModelSpec(tensors, (operator,), (0,), (1,)))


def expect_refusal(model: bytes, what: str, where: str, hint: str) -> None:
    """Assert how `what` and `hint` begin, and that `where` names the file and the operator."""
    error = refusal(model)
    assert error.what.startswith(what)
    assert where in error.where
    assert error.where.startswith("model.tflite, ")
    assert error.hint.startswith(hint)
