# SPDX-License-Identifier: Apache-2.0
"""Operators on elements that no interpreter runs in int8 say who judges them, and their limits."""

from __future__ import annotations

import pytest

from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.judges.tflite import unjudged
from mcuforge.errors import CompileError
from tests.golden.case import Case, Operand
from tests.models.case_model import case_model
from tests.models.elementwise_samples import UNJUDGED
from tests.models.samples import ROW, Sample


@pytest.mark.parametrize("sample", UNJUDGED, ids=lambda s: s.case.name)
def test_an_operator_without_a_reference_is_judged_by_our_own(sample: Sample) -> None:
    operator = f"operator 0 {sample.case.op}"
    misread = f"tflite-runtime 2.14 takes the int8 of {operator} for uint8"
    missing = f"tflite-runtime 2.14 does not run {operator} in int8"
    reason = unjudged(read_tflite(case_model(sample.case)))
    assert reason == (misread if sample.case.op == "SUM" else missing)


@pytest.mark.parametrize(
    ("exponent", "what"),
    [
        (Operand((1,), 3.0 / 127.0, data=(127,)), "the exponent is 3, supported: 2"),
        (Operand((2,), 1.0, data=(2, 1)), "the exponent is 2, 1, supported: 2"),
        (Operand((1,), 1.0), "'in1' is computed at run time"),
    ],
)
def test_powers_other_than_squares_are_refused(exponent: Operand, what: str) -> None:
    case = Case("one", "POW", (ROW, exponent), (ROW,), ("PowOptions", {}))
    with pytest.raises(CompileError) as caught:
        read_tflite(case_model(case))
    assert what in caught.value.what
