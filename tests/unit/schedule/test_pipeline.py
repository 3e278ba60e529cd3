# SPDX-License-Identifier: Apache-2.0
"""Pipelines: the order of rows, what rings hold, what shares a ring."""

from __future__ import annotations

import pytest

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.schedule.arrival import arrival
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.pipeline import Pipeline, build_pipeline
from mcuforge.compiler.schedule.row_layer import RowLayer, row_layer
from mcuforge.compiler.schedule.schedule import Execution, view_storage
from mcuforge.compiler.tensors import Tensor
from tests.unit.compiler.graphs import constant, tensor
from tests.unit.schedule.nets import Net, W, chain_of_convs, residual_net


def piped(
    graph: Graph, kept: tuple[Tensor, ...] = (), rows: int = 1, eager: bool = False
) -> Pipeline:
    storage = view_storage(graph)
    layers: list[RowLayer] = []
    for node in (arrival(graph.inputs[0]), *graph.nodes):
        layer = row_layer(node, storage, Calls("portable"))
        assert layer is not None
        layers.append(layer)
    return build_pipeline(layers, (*kept, *graph.outputs), rows, eager)


def test_a_ring_holds_the_rows_of_one_window() -> None:
    pipeline = piped(chain_of_convs(3))
    assert pipeline.rings == {"x": 3, "t0": 3, "t1": 3}


@pytest.mark.parametrize(("kernel", "stride", "rows"), [(1, 1, 1), (5, 1, 5), (3, 2, 3), (1, 2, 1)])
def test_a_ring_is_as_high_as_its_readers_kernel(kernel: int, stride: int, rows: int) -> None:
    net = Net(12, 12, 4)
    pipeline = piped(net.graph(net.conv(net.conv(net.x, 4, 1), 4, kernel, stride)))
    assert pipeline.rings["t0"] == rows


def test_a_row_is_made_when_a_later_layer_asks_for_it() -> None:
    pipeline = piped(chain_of_convs(2, size=4))
    order = [(t.layer, t.begin) for t in pipeline.tasks]
    assert order[:8] == [(0, 0), (0, 1), (1, 0), (0, 2), (1, 1), (2, 0), (0, 3), (1, 2)]
    assert [t for t in order if t[0] == 2] == [(2, i) for i in range(4)]


def test_what_is_read_after_the_pipeline_is_no_ring() -> None:
    net = Net(8, 8, 4)
    early = net.conv(net.x, 4)
    pipeline = piped(net.graph(early, net.conv(early, 4)))
    assert set(pipeline.rings) == {"x"}
    assert sum(t.end - t.begin for t in pipeline.tasks if t.layer == 1) == 8


def test_rows_nobody_reads_are_not_made() -> None:
    net = Net(9, 9, 2)
    first = net.conv(net.x, 2)
    out = net.conv(first, 2, kernel=1, stride=4)  # reads rows 0, 4, 8
    pipeline = piped(net.graph(out))
    assert max(t.end for t in pipeline.tasks if t.layer == 1) == 9
    net = Net(8, 8, 2)
    pipeline = piped(net.graph(net.conv(net.conv(net.x, 2), 2, kernel=1, stride=4)))
    assert max(t.end for t in pipeline.tasks if t.layer == 1) == 5  # rows 5 to 7 feed nothing


def test_a_rectifier_works_in_the_ring_of_what_it_rectifies() -> None:
    net = Net(8, 8, 4)
    a = net.conv(net.x, 4)
    b = net.relu(a)
    pipeline = piped(net.graph(net.conv(b, 4)))
    assert pipeline.owner == {a.name: b}
    assert pipeline.rings == {"x": 3, b.name: 3}


def test_a_sum_is_not_put_over_an_operand_somebody_else_reads() -> None:
    net = Net(8, 8, 4)
    a = net.conv(net.x, 4)
    b = net.conv(a, 4, kernel=1)
    pipeline = piped(net.graph(net.conv(net.sum(a, b), 4), net.relu(a)))
    assert a.name not in pipeline.owner
    assert b.name in pipeline.owner


def test_a_mean_adds_up_rows_one_at_a_time() -> None:
    net = Net(8, 8, 4)
    a = net.conv(net.x, 4)
    pipeline = piped(net.graph(net.mean(a)))
    assert pipeline.rings == {"x": 3, a.name: 1}
    assert pipeline.layers[-1].execution is Execution.ACCUMULATE
    assert sum(1 for t in pipeline.tasks if t.layer == 2) == 8


def test_a_residual_branch_lengthens_the_ring_both_branches_read() -> None:
    graph = residual_net()
    pipeline = piped(graph)
    rows = pipeline.rings
    assert rows["t0"] == 3  # the sum reads row r when t0 has been read up to row r + 2
    assert rows["t1"] == 3
    assert "t2" not in rows  # t3 = t2 + t0 is computed in place of t2
    assert sum(rows.values()) < 26


@pytest.mark.parametrize("rows", [2, 3, 100])
def test_more_rows_a_task_means_fewer_tasks_and_longer_rings(rows: int) -> None:
    one, more = piped(residual_net()), piped(residual_net(), rows=rows)
    assert len(more.tasks) < len(one.tasks)
    assert sum(more.rings.values()) > sum(one.rings.values())
    for layer in range(len(one.layers)):
        made = [t for t in more.tasks if t.layer == layer]
        assert [t.begin for t in made[1:]] == [t.end for t in made[:-1]]


@pytest.mark.parametrize("eager", [False, True])
def test_no_task_runs_before_what_it_reads(eager: bool) -> None:
    pipeline = piped(residual_net(), eager=eager)
    made = {layer.node.output.name: 0 for layer in pipeline.layers}
    for task in pipeline.tasks:
        layer = pipeline.layers[task.layer]
        for need in layer.needs:
            assert made[need.buffer.name] >= need.end[task.end - 1]
        if layer.execution is not Execution.ACCUMULATE or task.end == layer.steps:
            made[layer.node.output.name] = (
                1 if layer.execution is Execution.ACCUMULATE else task.end
            )


def test_a_streamed_input_of_which_only_padding_is_read_is_never_asked_for() -> None:
    net = Net(4, 4, 2)
    blind = Conv2D((8, 1), (1, 0, 0, 0))  # its one row of windows lies above the image
    out = tensor("blind", (1, 1, 4, 2))
    net.nodes = [Node("blind", blind, (net.x, constant("wb", (2, 1, 1, 2), W)), out)]
    pipeline = piped(net.graph(out))
    assert pipeline.rings == {"x": 1}
    assert [t.layer for t in pipeline.tasks] == [1]
