# SPDX-License-Identifier: Apache-2.0
"""Every operator prices the kernel that it calls, in each way it can run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcuforge.compiler.calls import Call
from mcuforge.compiler.graph import Node
from mcuforge.compiler.work import Work
from mcuforge.runtime_c.sources import PORTABLE, kernel_names
from tests.golden.merge import case_graph, case_modules, cases_of

PART_OF_PADDING = "fill_s8"  # what it takes is in the price of pad_s8


def ways_of(node: Node) -> Iterator[tuple[tuple[Call, ...], Work]]:
    """The portable calls of a node and the work they are said to do: whole, by rows, adding up."""
    op, inputs, output = node.op, node.inputs, node.output
    yield op.calls(inputs, output, PORTABLE), op.work(inputs, output)
    if op.row_reads(inputs, output) is not None:
        yield op.row_calls(inputs, output, PORTABLE), op.row_work(inputs, output)
    if len(node.activations) == 1:
        rows = node.activations[0].rows
        summed = op.accumulate(inputs, output, PORTABLE, rows)
        if summed is not None:
            yield summed, op.accumulate_work(inputs, output, rows)


@pytest.fixture(scope="module")
def ways() -> list[tuple[str, set[str], str]]:
    """Each way a node of a golden case runs: its operator, the kernels called, the one priced."""
    return [
        (node.op.kind, {call.kernel for call in calls}, work.kernel)
        for module in case_modules()
        for case in cases_of(module)
        for node in case_graph(case).nodes
        if not node.op.is_view
        for calls, work in ways_of(node)
    ]


def test_the_work_of_an_operator_names_the_kernel_it_calls(
    ways: list[tuple[str, set[str], str]],
) -> None:
    wrong = {kind for kind, called, priced in ways if called - {priced, PART_OF_PADDING}}
    assert not wrong, "correct work, row_work or accumulate_work in compiler/ops"


def test_the_golden_cases_call_every_portable_kernel(
    ways: list[tuple[str, set[str], str]],
) -> None:
    called = set().union(*(kernels for _, kernels, _ in ways))
    assert set(kernel_names()) == called, "write cases that call it, or delete the kernel"
