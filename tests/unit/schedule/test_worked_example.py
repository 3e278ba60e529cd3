# SPDX-License-Identifier: Apache-2.0
"""The numbers of the worked example in ARCHITECTURE.md, section "Stripes"."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcuforge.compiler.compile import Compiled, PlanOptions, compile_graph
from mcuforge.compiler.graph import Graph
from mcuforge.memplan.problem import Buffer, Overlap
from scripts.live_tensor_peak import live_tensor_peak
from tests.unit.schedule.nets import Net

TEXT = (Path(__file__).resolve().parents[3] / "ARCHITECTURE.md").read_text(encoding="utf-8")


def example() -> Graph:
    """8x8x3 -> 3x3 convolution -> rectifier -> 3x3 convolution with stride 2 -> 4x4x8."""
    net = Net(8, 8, 3)
    graph = net.graph(net.conv(net.relu(net.conv(net.x, 8)), 8, stride=2))
    y = replace(graph.outputs[0], name="y")
    conv, relu, half = graph.nodes
    nodes = (
        replace(conv, name="conv"),
        replace(relu, name="relu"),
        replace(half, name="half", output=y),
    )
    return replace(graph, name="stripes", outputs=(y,), nodes=nodes)


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_graph(example(), "portable", 1 << 20)


def test_rows_read_by_the_convolution_with_stride_2() -> None:
    node = example().nodes[2]
    reads = node.op.row_reads(node.inputs, node.output)
    assert reads is not None
    assert reads[0] is not None
    assert reads[0].first.tolist() == [0, 1, 3, 5]
    assert reads[0].end.tolist() == [2, 4, 6, 8]


def test_one_pipeline_whose_ring_is_three_rows_shared_by_two_tensors(compiled: Compiled) -> None:
    (stage,) = compiled.schedule.stages
    assert stage.is_pipeline
    assert compiled.schedule.rings == {"relu": 3}
    assert compiled.schedule.storage["conv"].name == "relu"


def test_every_row_is_made_once_in_the_order_the_text_shows(compiled: Compiled) -> None:
    (stage,) = compiled.schedule.stages
    order = "".join(str(task.layer) for task in stage.tasks)
    assert order == "01012" + "01012" * 3
    assert all(task.end == task.begin + 1 for task in stage.tasks)
    assert sum(task.layer == 0 for task in stage.tasks) == 8


def test_the_problem_is_three_buffers_and_one_distance(compiled: Compiled) -> None:
    problem, plan = compiled.problem, compiled.plan
    assert problem.buffers == (
        Buffer("x", 192, 0, 3, 4),
        Buffer("relu", 192, 0, 3, 4),
        Buffer("y", 128, 0, 3, 4),
    )
    assert problem.overlaps == (Overlap("x", "y", -128, -8),)
    places = {name: place.offset for name, place in plan.placements.items()}
    assert places == {"relu": 0, "y": 192, "x": 200}
    assert plan.optimal


def test_bytes_with_stripes_without_and_with_nothing_at_all(compiled: Compiled) -> None:
    speed = compile_graph(example(), "portable", 1 << 20, options=PlanOptions(goal="speed"))
    assert not speed.schedule.rings
    assert compiled.arena_bytes == 392
    assert speed.arena_bytes == 552
    assert live_tensor_peak(example()) == 1024


def test_the_text_shows_the_code_that_is_generated(compiled: Compiled) -> None:
    _, _, section = TEXT.partition("## Stripes")
    source = {line.strip() for line in compiled.model.files["model.c"].splitlines()}
    _, _, rest = section.partition("```c\n")
    shown = [line.strip() for line in rest.partition("```")[0].splitlines()]
    assert len(shown) > 10
    assert [line for line in shown if line not in source] == []
