# SPDX-License-Identifier: Apache-2.0
"""Operators on elements that no interpreter runs in int8 are read, and say who judges them."""

from __future__ import annotations

import pytest
from tflite import ActivationFunctionType as Act

from mcuforge.compiler.frontends.tflite import read_tflite
from mcuforge.compiler.ops.base import Op
from mcuforge.compiler.ops.div import Div
from mcuforge.compiler.oracle import unjudged
from tests.golden.case import Case, Field, Operand
from tests.models.tflite_writer import case_model

X, Y = Operand((1, 4, 6), 0.05, -3), Operand((1, 4, 6), 0.1, 2)
Options = tuple[str, dict[str, Field]]


@pytest.mark.parametrize(
    ("name", "inputs", "options", "op"),
    [
        ("DIV", (X, X), ("DivOptions", {}), Div()),
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
