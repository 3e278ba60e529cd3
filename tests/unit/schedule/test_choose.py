# SPDX-License-Identifier: Apache-2.0
"""The scheduler: goals, budgets, streamed inputs; every plan replayed."""

from __future__ import annotations

import pytest

from mcuforge.compiler.ir import Graph
from mcuforge.compiler.schedule.choose import Chosen, choose
from mcuforge.compiler.schedule.cost import schedule_cost
from mcuforge.compiler.schedule.order import orders
from mcuforge.compiler.schedule.schedule import Form
from mcuforge.compiler.schedule.search import GOALS, SLACK, Goal
from mcuforge.compiler.schedule.trace import memory_trace
from mcuforge.memplan.problem import Region
from mcuforge.memplan.replay import replay
from tests.unit.schedule.nets import Net, chain_of_convs, residual_net

AMPLE = 1 << 20


def chosen(graph: Graph, goal: Goal, budget: int = AMPLE, streamed: bool = False) -> Chosen:
    found = choose(
        graph, "portable", (Region("ram", budget),), goal=goal, streamed=streamed, exact_seconds=0.0
    )
    if not found.plan.overflow(found.problem):
        trace = memory_trace(found.schedule, found.plan.placements)
        replay(found.problem, found.plan.placements, trace)
    return found


def cost(found: Chosen) -> float:
    return schedule_cost(found.schedule, "portable")


@pytest.mark.parametrize("streamed", [False, True])
def test_ram_needs_least_and_speed_costs_least(streamed: bool) -> None:
    graph = residual_net()
    ram, balanced, speed = (
        chosen(graph, goal, streamed=streamed) for goal in ("ram", "balanced", "speed")
    )
    assert ram.plan.peak <= balanced.plan.peak <= speed.plan.peak
    assert cost(speed) <= cost(balanced) <= SLACK * cost(speed)
    assert ram.plan.peak < 0.7 * speed.plan.peak


def test_speed_runs_whole_layers_where_they_fit() -> None:
    found = chosen(residual_net(), "speed")
    assert all(layer.form is Form.WHOLE for layer in found.schedule.layers)


@pytest.mark.parametrize("goal", GOALS)
def test_the_same_model_on_a_smaller_board_gets_a_plan_that_fits(goal: Goal) -> None:
    graph = residual_net()
    budget = chosen(graph, "ram").plan.peak
    assert chosen(graph, goal, budget).plan.peak <= budget


@pytest.mark.parametrize("goal", GOALS)
def test_when_nothing_fits_the_plan_is_the_least_there_is(goal: Goal) -> None:
    graph = residual_net()
    least = chosen(graph, "ram").plan.peak
    assert chosen(graph, goal, least // 2).plan.peak == least


def test_a_streamed_input_is_a_ring() -> None:
    graph = residual_net()
    resident, streamed = chosen(graph, "ram"), chosen(graph, "ram", streamed=True)
    assert streamed.schedule.rings["x"] == 3
    assert "x" not in resident.schedule.rings
    assert streamed.plan.peak < resident.plan.peak


def test_a_pipelines_output_lies_over_the_rows_its_input_has_given_up() -> None:
    net = Net(32, 8, 4)
    graph = net.graph(net.conv(net.conv(net.x, 16), 4, stride=2))
    found = chosen(graph, "ram")
    whole = sum(t.bytes for t in (net.x, graph.outputs[0]))
    ring = 3 * graph.nodes[0].output.row_bytes
    assert found.schedule.rings == {"t0": 3}
    assert found.plan.peak < whole + ring


def test_orders_are_orders_and_branches_give_more_than_one() -> None:
    net = Net(8, 8, 2)
    wide = net.conv(net.x, 16)
    a, b = net.conv(wide, 2), net.conv(net.x, 2)
    graph = net.graph(net.sum(a, b))
    assert len(orders(chain_of_convs(4), ())) == 1
    found = orders(graph, ())
    assert len(found) > 1
    for order in found:
        made = {"x"}
        for node in order:
            assert {t.name for t in node.activations} <= made
            made.add(node.output.name)
        assert len(order) == len(graph.nodes)
