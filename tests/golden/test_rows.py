# SPDX-License-Identifier: Apache-2.0
"""Window and summing operators row by row through rings, under sanitizers, equal the reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.ir import Array, Node
from tests.golden.merge import case_graph, cases_of, feed
from tests.golden.odd_windows import DRAW, drawn_nodes
from tests.golden.rows import RowRun, row_runs, run_rows, summed_runs

WINDOWS = (
    "conv2d", "depthwise_conv2d", "average_pool2d", "max_pool2d", "resize_nearest",
    "fully_connected", "mean", "sum",
)  # fmt: skip
SUMMED = ("average_pool2d", "depthwise_conv2d", "fully_connected", "mean", "sum")
FEEDS = ("random", "highest", "lowest", "ends")


def golden_nodes(module: str) -> Iterator[tuple[str, Node]]:
    """Every node of the operator's golden cases that reads one tensor."""
    for case in cases_of(module):
        for node in case_graph(case).nodes:
            if len(node.activations) == 1 and not node.op.is_view:
                yield case.name, node


def runs_of(nodes: Iterator[tuple[str, Node]]) -> list[RowRun]:
    """Every way to run the nodes by rows, and to add up their input in any number of rows."""
    runs: list[RowRun] = []
    for name, found in nodes:
        runs += row_runs(name, found)
        size = found.inputs[0].elements
        for rows in (r for r in range(2, size + 1) if size % r == 0):
            runs += summed_runs(name, found, rows)
    return runs


def assert_equal_the_reference(runs: list[RowRun], folder: Path) -> None:
    drawn = [[feed(run.name, run.node.inputs[0], kind) for kind in FEEDS] for run in runs]
    for run, fed, answers in zip(runs, drawn, run_rows(runs, drawn, folder), strict=True):
        for kind, x, got in zip(FEEDS, fed, answers, strict=True):
            values: list[Array] = [x, *(t.values() for t in run.node.inputs[1:])]
            want = run.node.op.evaluate(run.node.inputs, run.node.output, values)
            np.testing.assert_array_equal(got, want.reshape(-1), err_msg=f"{run.name}, {kind}")


@pytest.mark.parametrize("module", WINDOWS)
def test_golden_cases_by_rows_equal_the_reference(module: str, tmp_path: Path) -> None:
    runs = runs_of(golden_nodes(module))
    assert any(run.step > 1 and not run.summed for run in runs)
    assert any(run.step > 1 and run.summed for run in runs) is (module in SUMMED)
    assert_equal_the_reference(runs, tmp_path)


@pytest.mark.parametrize("kind", DRAW)
def test_odd_windows_by_rows_equal_the_reference(kind: str, tmp_path: Path) -> None:
    runs = runs_of(drawn_nodes(kind))
    assert runs
    assert_equal_the_reference(runs, tmp_path)
