# SPDX-License-Identifier: Apache-2.0
"""Operators on elements that no interpreter runs in int8 are read, and say who judges them."""

from __future__ import annotations

import pytest
from tflite import ActivationFunctionType as Act

from mcuforge.compiler.frontends.tflite import read_tflite
from mcuforge.compiler.ops.base import Op
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.ops.log import Log
from mcuforge.compiler.ops.neg import Neg
from mcuforge.compiler.ops.sqrt import Sqrt
from mcuforge.compiler.ops.square import Square
from mcuforge.compiler.ops.sum import Sum
from mcuforge.compiler.oracle import unjudged
from mcuforge.errors import CompileError
from tests.golden.case import Case, Field, Operand
from tests.models.tflite_writer import case_model

X, Y = Operand((1, 4, 6), 0.05, -3), Operand((1, 4, 6), 0.1, 2)
TWO = Operand((1,), 2.0 / 127.0, data=(127,))
Options = tuple[str, dict[str, Field]]


@pytest.mark.parametrize(
    ("name", "inputs", "options", "op"),
    [
        ("DIV", (X, X), ("DivOptions", {}), Div()),
        ("LOG", (X,), None, Log()),
        ("SQRT", (X,), None, Sqrt()),
        ("NEG", (X,), ("NegOptions", {}), Neg()),
        ("SQUARE", (X,), ("SquareOptions", {}), Square()),
        ("POW", (X, TWO), ("PowOptions", {}), Square()),
        ("DIV", (X, X), ("DivOptions", {"FusedActivationFunction": Act.RELU6}), Div("relu6")),
    ],
)
def test_an_operator_without_a_reference_is_read_and_judged_by_our_own(
    name: str, inputs: tuple[Operand, ...], options: Options | None, op: Op
) -> None:
    graph = read_tflite(case_model(Case("one", name, inputs, (Y,), options)))
    (node,) = graph.nodes
    assert node.op == op
    assert unjudged(graph) == f"tflite-runtime 2.14 does not run operator 0 {name} in int8"


def test_a_sum_is_read_and_judged_by_our_own_since_the_reference_misreads_it() -> None:
    axes = Operand((2,), dtype="int32", data=(-1, 1))
    case = Case("one", "SUM", (X, axes), (Operand((1,), 0.1, 2),), ("ReducerOptions", {}))
    graph = read_tflite(case_model(case))
    assert graph.nodes[0].op == Sum((1, 2))
    assert unjudged(graph) == "tflite-runtime 2.14 takes the int8 of operator 0 SUM for uint8"


@pytest.mark.parametrize(
    ("exponent", "what"),
    [
        (Operand((1,), 3.0 / 127.0, data=(127,)), "the exponent is 3, supported: 2"),
        (Operand((2,), 1.0, data=(2, 1)), "the exponent is 2, 1, supported: 2"),
        (Operand((1,), 1.0), "'in1' is computed at run time, wanted a constant"),
    ],
)
def test_powers_other_than_squares_are_refused(exponent: Operand, what: str) -> None:
    case = Case("one", "POW", (X, exponent), (Y,), ("PowOptions", {}))
    with pytest.raises(CompileError) as caught:
        read_tflite(case_model(case))
    assert what in caught.value.what
