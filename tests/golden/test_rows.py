# SPDX-License-Identifier: Apache-2.0
"""Window and summing operators row by row through rings, under sanitizers, equal the reference.

In the kernels of an ISA what calls kernels of its own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.graph import Node
from mcuforge.compiler.tensors import Array
from mcuforge.runtime_c.sources import PORTABLE
from tests.golden.isas import ISAS, adds_up, own_kernels, ring_modules
from tests.golden.merge import case_graph, cases_of, feed
from tests.golden.odd_windows import DRAW, drawn_nodes
from tests.golden.rows import RowRun, row_runs, run_rows, summed_runs

WINDOWS = ring_modules()
FEEDS = ("random", "highest", "lowest", "ends")


def golden_nodes(module: str) -> Iterator[tuple[str, Node]]:
    """Every node of the operator's golden cases that reads one tensor."""
    for case in cases_of(module):
        for node in case_graph(case).nodes:
            if len(node.activations) == 1 and not node.op.is_view:
                yield case.name, node


def runs_of(nodes: Iterable[tuple[str, Node]], isa: str) -> Iterator[RowRun]:
    """List every way to run the nodes by rows, and to add up their input in any number of rows."""
    own = own_kernels(isa)
    for name, found in nodes:
        size = found.inputs[0].elements
        parts = [r for r in range(2, size + 1) if size % r == 0]
        summed = (summed_runs(name, found, rows, isa) for rows in parts)
        for run in chain(row_runs(name, found, isa), *summed):
            if any(call.kernel in own for call in run.calls):
                yield run


def of_isas(
    kinds: Iterable[str], nodes: Callable[[str], Iterable[tuple[str, Node]]]
) -> list[tuple[str, str]]:
    """(ISA, kind) where some node of the kind runs by rows in a kernel of that ISA's folder."""
    return [
        (isa, kind)
        for isa in ISAS
        for kind in kinds
        if next(runs_of(nodes(kind), isa), None) is not None
    ]


def assert_equal_the_reference(runs: list[RowRun], isa: str, folder: Path) -> None:
    drawn = [[feed(run.name, run.node.inputs[0], kind) for kind in FEEDS] for run in runs]
    for run, fed, answers in zip(runs, drawn, run_rows(runs, drawn, isa, folder), strict=True):
        for kind, x, got in zip(FEEDS, fed, answers, strict=True):
            values: list[Array] = [x, *(t.values() for t in run.node.inputs[1:])]
            want = run.node.op.evaluate(run.node.inputs, run.node.output, values)
            np.testing.assert_array_equal(got, want.reshape(-1), err_msg=f"{run.name}, {kind}")


@pytest.mark.parametrize("module", WINDOWS)
def test_golden_cases_run_in_several_rows_a_call(module: str) -> None:
    runs = list(runs_of(golden_nodes(module), PORTABLE))
    assert any(run.step > 1 and not run.summed for run in runs)
    summed = any(adds_up(node) for _, node in golden_nodes(module))
    assert any(run.step > 1 and run.summed for run in runs) is summed


@pytest.mark.parametrize(("isa", "module"), of_isas(WINDOWS, golden_nodes))
def test_golden_cases_by_rows_equal_the_reference(isa: str, module: str, tmp_path: Path) -> None:
    assert_equal_the_reference(list(runs_of(golden_nodes(module), isa)), isa, tmp_path)


@pytest.mark.parametrize(("isa", "kind"), of_isas(DRAW, drawn_nodes))
def test_odd_windows_by_rows_equal_the_reference(isa: str, kind: str, tmp_path: Path) -> None:
    assert_equal_the_reference(list(runs_of(drawn_nodes(kind), isa)), isa, tmp_path)
