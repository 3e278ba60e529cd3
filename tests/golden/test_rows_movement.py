# SPDX-License-Identifier: Apache-2.0
"""Pointwise and movement operators, row by row on the host under sanitizers, equal the reference.

For each ISA those that call a kernel of its folder.

Each golden case that can run by rows is a pipeline of one layer; its tasks are one row, two rows,
three rows and so on, buffers stand apart with poisoned bytes between them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.schedule import (
    Execution,
    Layer,
    Schedule,
    Stage,
    Task,
)
from tests.golden import host
from tests.golden.isas import isa_modules, ring_modules, row_modules
from tests.golden.merge import FEEDS, answers, case_graph, cases_of, feeds, merged
from tests.schedules import whole_layers

MODULES = frozenset(row_modules()) - frozenset(ring_modules())


def growing_tasks(rows: int) -> tuple[Task, ...]:
    """One row, then two, then three, up to all of them."""
    tasks: list[Task] = []
    begin = 0
    while begin < rows:
        end = min(rows, begin + len(tasks) + 1)
        tasks.append(Task(0, begin, end))
        begin = end
    return tuple(tasks)


def by_rows(graph: Graph, isa: str) -> Schedule:
    """Make every layer run row by row that can, the others whole."""
    whole = whole_layers(graph, isa)
    stages = []
    for stage in whole.stages:
        (layer,) = stage.layers
        node = layer.node
        if node.op.row_reads(node.inputs, node.output) is not None:
            calls = node.op.row_calls(node.inputs, node.output, isa)
            rows = Layer(node, Execution.ROWS, calls, layer.scratch_name)
            stage = Stage((rows,), growing_tasks(node.output.rows))
        stages.append(stage)
    return Schedule(graph, tuple(stages), whole.storage, whole.values)


@pytest.mark.parametrize(("isa", "module"), [p for p in isa_modules() if p[1] in MODULES])
def test_rows_in_c_equal_reference(isa: str, module: str, tmp_path: Path) -> None:
    cases = cases_of(module)
    graph = merged(f"rows_{module}", cases)
    schedule = by_rows(graph, isa)
    assert any(stage.is_pipeline and len(stage.tasks) > 1 for stage in schedule.stages)
    sizes = {t.name: t.bytes for t in schedule.graph.inputs}
    sizes |= {layer.node.output.name: layer.node.output.bytes for layer in schedule.layers}
    sizes |= {layer.scratch_name: layer.scratch_bytes for layer in schedule.layers}
    model, gaps = host.redzoned(schedule, sizes)
    program = host.build(model, isa, tmp_path, gaps)
    drawn = [feeds(case, case_graph(case)) for case in cases]
    inputs = [[x for case in drawn for x in case[kind]] for kind in range(len(FEEDS))]
    got = host.run(program, model, inputs)
    for kind, name in enumerate(FEEDS):
        found = iter(got[kind])
        for case in cases:
            for want in answers(case)[kind]:
                where = f"{case.name}, feed {name}"
                np.testing.assert_array_equal(next(found), want.reshape(-1), err_msg=where)
