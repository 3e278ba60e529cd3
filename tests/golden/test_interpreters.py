# SPDX-License-Identifier: Apache-2.0
"""What is said of an interpreter's deviations from tflite-runtime 2.14 is right and complete.

Every golden case runs through every installed interpreter. Where Python has 2.14 itself it is the
only one, and test_reference.py compares it on every feed.
"""

from __future__ import annotations

import pytest

from mcuforge.compiler.judges.interpreters import RUNTIME, Interpreter, installed, operator_name
from tests.golden.case import Case
from tests.golden.compare_interpreters import Outcome, outcome
from tests.golden.merge import case_graph, case_modules, cases_of

INTERPRETERS = installed()
MODULES = tuple(m for m in case_modules() if any(isinstance(c, Case) for c in cases_of(m)))


def outcomes(interpreter: Interpreter, module: str) -> list[Outcome]:
    few = 1 if interpreter.distribution == RUNTIME else None
    return [outcome(interpreter, c, few) for c in cases_of(module) if isinstance(c, Case)]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("interpreter", INTERPRETERS, ids=lambda one: one.distribution)
def test_an_interpreter_differs_only_where_it_is_known_to(
    interpreter: Interpreter, module: str
) -> None:
    shown: set[str] = set()
    for found in outcomes(interpreter, module):
        nodes = found.graph.nodes
        if found.unequal:
            # the cases have one operator: what differs is what it is made of
            explained = any(interpreter.explains(node, found.largest) for node in nodes)
            assert explained, (found.case.op, found.case.name, found.unequal, found.largest)
        if interpreter.refuses(nodes):
            assert found.refusal, (found.case.op, found.case.name)
        if found.unequal or found.refusal:
            shown.add(found.case.op)
    # a deviation that no case shows would let an interpreter judge less than it can
    operators = {
        operator_name(n)
        for c in cases_of(module)
        if isinstance(c, Case)
        for n in case_graph(c).nodes
    }
    known = {d.operator for d in interpreter.deviations if not d.rare} & operators
    assert known <= shown
