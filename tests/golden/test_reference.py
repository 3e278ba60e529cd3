# SPDX-License-Identifier: Apache-2.0
"""First link: reference.py equals TFLite's reference kernels on every golden case of TFLite's.

Operators of our own meaning (ONNX's) are judged in tests/unit/ops, against real numbers.
"""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from numpy.typing import NDArray

from mcuforge.compiler import reference
from mcuforge.compiler.graph import Op
from mcuforge.compiler.ops.common import elementary
from mcuforge.compiler.ops.tables.table import dequantized, quantized
from mcuforge.compiler.schedule.arrival import Arrival
from tests.golden.case import Case
from tests.golden.cases.tables import tanh
from tests.golden.merge import FEEDS, case_graph, case_modules, cases_of, feeds
from tests.models.case_model import case_model
from tests.models.oracle import needs_2_14, run_reference

CASES = [(module, case) for module in case_modules() for case in cases_of(module)]


# tanh at values where C libraries do not give the nearest float, and where a step hangs on it
ROUNDED_APART = next(c for c in tanh.CASES if c.name == "entries that C libraries round apart")
OF_TFLITE = [
    (module, case) for module, case in CASES if isinstance(case, Case) and case is not ROUNDED_APART
]


def c_tanh(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """tanhf of this machine's C library, which the interpreter asks."""
    prototype = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_float)
    function = prototype(("tanhf", ctypes.CDLL(None)))
    return np.array([function(float(v)) for v in x], np.float32)


@pytest.mark.parametrize(
    "case",
    [c for _, c in OF_TFLITE],
    ids=[f"{m}-{c.name}".replace(" ", "-") for m, c in OF_TFLITE],
)
def test_reference_equals_tflite_bit_for_bit(case: Case) -> None:
    model, graph = case_model(case), case_graph(case)
    for kind, inputs in zip(FEEDS, feeds(case, graph), strict=True):
        want = run_reference(model, inputs)
        got = reference.run(graph, inputs)
        for w, g in zip(want, got, strict=True):
            assert g.dtype == w.dtype
            assert g.shape == w.shape
            np.testing.assert_array_equal(g, w, err_msg=f"{case.name}, feed {kind}")


@needs_2_14
def test_only_the_entries_that_the_c_library_rounds_otherwise_are_a_step_away() -> None:
    case = ROUNDED_APART
    model, graph = case_model(case), case_graph(case)
    x, output = graph.inputs[0], graph.outputs[0]
    stored = np.arange(-128, 128, dtype=np.int64)
    theirs = quantized(c_tanh(dequantized(x, stored)), output)
    ours = quantized(elementary.tanh(dequantized(x, stored)), output)
    assert np.abs(theirs - ours).max() <= 1
    for inputs in feeds(case, graph):
        (want,), (got,) = run_reference(model, inputs), reference.run(graph, inputs)
        places = inputs[0].astype(np.int64) + 128
        np.testing.assert_array_equal(got, ours[places])
        np.testing.assert_array_equal(want, theirs[places])


def test_every_operator_has_golden_cases() -> None:
    covered = {type(n.op) for _, case in CASES for n in case_graph(case).nodes}
    missing = _concrete(Op) - covered  # type: ignore[type-abstract]  # asks for subclasses only
    files = {op.__module__.replace("mcuforge.compiler.ops", "tests.golden.cases") for op in missing}
    assert not files, "write the cases of these operators"


def test_the_types_an_operator_says_it_takes_are_those_of_its_cases() -> None:
    known = _concrete(Op)  # type: ignore[type-abstract]  # asks for subclasses only
    said = {op.__name__: {t.value for t in op.input_types} for op in known}
    used: dict[str, set[str]] = {name: set() for name in said}
    for _, case in CASES:
        for node in case_graph(case).nodes:
            used[type(node.op).__name__] |= {t.dtype.value for t in node.activations}
    assert used == said


def test_case_names_are_unique_within_an_operator() -> None:
    for module in case_modules():
        names = [case.name for case in cases_of(module)]
        assert len(set(names)) == len(names), module


def _concrete(kind: type[Op]) -> set[type[Op]]:
    """Operators of compiler/ops, not those that other tests make up."""
    # a streamed input's arrival stands in schedules alone and computes nothing
    children = (child for child in kind.__subclasses__() if child is not Arrival)
    below = {op for child in children for op in _concrete(child)}
    ours = kind.__module__.startswith("mcuforge.") and not kind.__abstractmethods__
    return below | ({kind} if ours else set())
