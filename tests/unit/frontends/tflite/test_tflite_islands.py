# SPDX-License-Identifier: Apache-2.0
"""Float arithmetic between DEQUANTIZE and QUANTIZE becomes a table with the reference's answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from tflite import ActivationFunctionType as Act

from mcuforge.compiler import reference
from mcuforge.compiler.builders.tflite_writer import (
    ModelSpec,
    OperatorSpec,
    Options,
    TensorSpec,
    write_model,
)
from mcuforge.compiler.frontends.tflite.ops.islands import FUNCTIONS
from mcuforge.compiler.frontends.tflite.ops.table import ARMS
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.judges.tflite import unjudged
from mcuforge.compiler.ops.dequantize import Dequantize
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.passes import optimize
from mcuforge.errors import CompileError
from tests.models.oracle import run_reference

SHAPE = (1, 4, 64)
EVERY = np.arange(-128, 128).astype(np.int8).reshape(SHAPE)
RELU6 = {"FusedActivationFunction": Act.RELU6}


@dataclass
class Island:
    """A model of one int8 input "x", dequantized as tensor 1, growing operator by operator."""

    scale: float = 0.05
    zero_point: int = 3
    tensors: list[TensorSpec] = field(default_factory=list)
    operators: list[OperatorSpec] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add(TensorSpec("x", SHAPE, "int8", (self.scale,), (self.zero_point,)))
        self.then("DEQUANTIZE", 0)

    def add(self, tensor: TensorSpec) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def number(self, *values: float) -> int:
        data = np.array(values, np.float32)
        return self.add(TensorSpec(f"c{len(self.tensors)}", data.shape, "float32", data=data))

    def then(self, name: str, *inputs: int, options: Options | None = None) -> int:
        out = self.add(TensorSpec(f"f{len(self.tensors)}", SHAPE, "float32"))
        self.operators.append(OperatorSpec(name, inputs, (out,), options))
        return out

    def model(self, last: int, scale: float, zero_point: int = 0) -> bytes:
        out = self.add(TensorSpec("y", SHAPE, "int8", (scale,), (zero_point,)))
        operators = (*self.operators, OperatorSpec("QUANTIZE", (last,), (out,)))
        return write_model(ModelSpec(tuple(self.tensors), operators, (0,), (out,)))


def equals_the_reference(model: bytes, name: str) -> None:
    """One table on the board, and its answers for all of the input's values."""
    graph = read_tflite(model)
    assert unjudged(graph) is None
    (node,) = optimize(graph).nodes
    assert isinstance(node.op, Lookup)
    assert node.op.name == name
    (got,), (want,) = reference.run(graph, [EVERY]), run_reference(model, [EVERY])
    np.testing.assert_array_equal(got, want)
    assert len(np.unique(got)) > 1


ONE_INPUT: dict[str, Options | None] = {
    "ABS": ("AbsOptions", {}),
    "EXP": ("ExpOptions", {}),
    "LOGISTIC": None,
    "NEG": ("NegOptions", {}),
    "RELU": None,
    "RELU6": None,
    "RELU_N1_TO_1": None,
    "SQUARE": ("SquareOptions", {}),
    "TANH": None,
}
TWO_INPUTS: dict[str, Options] = {
    "ADD": ("AddOptions", RELU6),
    "DIV": ("DivOptions", RELU6),
    "MAXIMUM": ("MaximumMinimumOptions", {}),
    "MINIMUM": ("MaximumMinimumOptions", {}),
    "MUL": ("MulOptions", {"FusedActivationFunction": Act.RELU}),
    "POW": ("PowOptions", {}),
    "SUB": ("SubOptions", {"FusedActivationFunction": Act.RELU_N1_TO_1}),
}
GROWING = ("EXP", "SQUARE")
OF_POSITIVES = ("LOG", "RSQRT", "SQRT")


@pytest.mark.parametrize("scale", [0.05, 0.0031, 0.13])
@pytest.mark.parametrize("name", ONE_INPUT)
def test_a_function_of_one_element(name: str, scale: float) -> None:
    island = Island(scale)
    last = island.then(name, 1, options=ONE_INPUT[name])
    equals_the_reference(
        island.model(last, 0.0371 if scale < 0.1 or name not in GROWING else 0.9, 5), name.lower()
    )


@pytest.mark.parametrize("name", TWO_INPUTS)
def test_an_element_and_a_number(name: str) -> None:
    island = Island()
    last = island.then(name, 1, island.number(2.0), options=TWO_INPUTS[name])
    equals_the_reference(island.model(last, 0.04, 5), name.lower())


@pytest.mark.parametrize("name", OF_POSITIVES)
def test_a_function_of_positive_elements(name: str) -> None:
    island = Island(0.05, -128)
    above = island.then("ADD", 1, island.number(0.001), options=("AddOptions", {}))
    last = island.then(name, above)
    equals_the_reference(island.model(last, 0.03, 5), f"add_{name.lower()}")


@pytest.mark.parametrize("exponent", [-0.5, 0.5, 1.7, 3.0])
def test_powers_are_those_of_the_c_library(exponent: float) -> None:
    island = Island(0.013, -128)
    above = island.then("ADD", 1, island.number(0.1), options=("AddOptions", {}))
    last = island.then("POW", above, island.number(exponent), options=("PowOptions", {}))
    equals_the_reference(island.model(last, 0.02, -50), "add_pow")


def test_a_number_over_an_element_and_a_chain_with_a_loop() -> None:
    island = Island(0.013, -128)
    above = island.then("ADD", 1, island.number(0.1), options=("AddOptions", {}))
    inverse = island.then("DIV", island.number(1.0), above, options=("DivOptions", {}))
    root = island.then("SQRT", inverse)
    last = island.then("MUL", root, above, options=("MulOptions", {}))
    equals_the_reference(island.model(last, 0.02, -50), "div_sqrt_mul")


def test_quotients_beyond_any_number_saturate() -> None:
    island = Island(0.05, 0)
    last = island.then("DIV", island.number(1.0), 1, options=("DivOptions", {}))
    graph = read_tflite(island.model(last, 0.1, 3))
    (got,) = reference.run(graph, [EVERY])
    assert got.reshape(-1)[128] == 127


def quotient(divisor: tuple[int, ...], square: bool = False) -> bytes:
    """One dequantized tensor, or its square, over another."""
    island = Island()
    b = island.add(TensorSpec("b", divisor, "int8", (0.03,), (-128,)))
    real = island.add(TensorSpec("real", divisor, "float32"))
    island.operators.append(OperatorSpec("DEQUANTIZE", (b,), (real,)))
    above = island.then("SQUARE", 1, options=("SquareOptions", {})) if square else 1
    last = island.then("DIV", above, real, options=("DivOptions", RELU6))
    out = island.add(TensorSpec("y", SHAPE, "int8", (0.05,), (-100,)))
    operators = (*island.operators, OperatorSpec("QUANTIZE", (last,), (out,)))
    return write_model(ModelSpec(tuple(island.tensors), operators, (0, b), (out,)))


@pytest.mark.parametrize("divisor", [SHAPE, (1, 4, 1)])
def test_a_quotient_of_two_tensors_is_within_a_step_of_the_floats(divisor: tuple[int, ...]) -> None:
    model = quotient(divisor)
    graph = read_tflite(model)
    (node,) = optimize(graph).nodes
    assert node.op == Div("relu6")
    b = np.random.default_rng(0).integers(-127, 128, divisor).astype(np.int8)
    (got,), (want,) = reference.run(graph, [EVERY, b]), run_reference(model, [EVERY, b])
    assert np.abs(got.astype(np.int64) - want.astype(np.int64)).max() <= 1
    assert (got != want).mean() < 0.02


def refusal(model: bytes) -> CompileError:
    with pytest.raises(CompileError) as caught:
        read_tflite(model)
    return caught.value


def test_a_quotient_of_what_was_computed_before_is_refused() -> None:
    error = refusal(quotient(SHAPE, square=True))
    assert (error.what, "operator 3 DIV" in error.where) == (
        "DIV computes in float32, supported: int8",
        True,
    )


def test_several_numbers_are_refused() -> None:
    island = Island()
    numbers = island.number(*np.linspace(0.5, 2.0, 64))
    last = island.then("MUL", 1, numbers, options=("MulOptions", {}))
    assert refusal(island.model(last, 0.1)).what == "it computes in float32, supported: int8"


def test_operators_that_know_no_tables_are_refused() -> None:
    island = Island()
    root = island.then("ABS", 1, options=("AbsOptions", {}))
    last = island.then("SOFTMAX", root, options=("SoftmaxOptions", {"Beta": 1.0}))
    error = refusal(island.model(last, 0.1))
    assert error.what == "SOFTMAX computes in float32, supported: int8"


def test_an_output_in_float_is_refused() -> None:
    island = Island()
    last = island.then("ABS", 1, options=("AbsOptions", {}))
    model = write_model(ModelSpec(tuple(island.tensors), tuple(island.operators), (0,), (last,)))
    error = refusal(model)
    assert error.what == f"'f{last}' is computed in float32, supported: int8"
    assert f"output 0 'f{last}'" in error.where


def test_a_dequantized_output_beside_the_table_stays() -> None:
    island = Island()
    last = island.then("ABS", 1, options=("AbsOptions", {}))
    out = island.add(TensorSpec("y", SHAPE, "int8", (0.05,), (0,)))
    operators = (*island.operators, OperatorSpec("QUANTIZE", (last,), (out,)))
    model = write_model(ModelSpec(tuple(island.tensors), operators, (0,), (out, 1)))
    graph = optimize(read_tflite(model))
    assert {type(node.op) for node in graph.nodes} == {Lookup, Dequantize}


def test_elu_which_2_14_does_not_have() -> None:
    island = Island(0.05)
    graph = read_tflite(island.model(island.then("ELU", 1), 0.03, -80))
    (node,) = (n for n in graph.nodes if isinstance(n.op, Lookup))
    assert isinstance(node.op, Lookup)
    x = node.inputs[0]
    real = x.scale * (np.arange(-128, 128) - x.zero_point)
    wanted = np.where(real < 0, np.expm1(np.minimum(real, 0)), real) / node.output.scale - 80
    assert np.abs(np.array(node.op.table) - np.clip(wanted, -128, 127)).max() < 0.501


def test_every_function_is_tested_and_an_operator_of_the_table() -> None:
    assert set(FUNCTIONS) == {*ONE_INPUT, *TWO_INPUTS, *OF_POSITIVES, "ELU"}
    assert set(FUNCTIONS) <= set(ARMS)
