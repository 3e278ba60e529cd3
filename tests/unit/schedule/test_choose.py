# SPDX-License-Identifier: Apache-2.0
"""The scheduler: goals, budgets, streamed inputs; every plan replayed."""

from __future__ import annotations

from random import Random

import pytest

from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.candidates import Candidates
from mcuforge.compiler.schedule.choose import Chosen, choose
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.compiler.schedule.estimate import Choice, Estimates
from mcuforge.compiler.schedule.holding import Holding
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.memory import memory_problem
from mcuforge.compiler.schedule.order import orders
from mcuforge.compiler.schedule.planned import PlanOptions
from mcuforge.compiler.schedule.schedule import Execution
from mcuforge.compiler.schedule.search import GOALS, SLACK, Goal, make_schedule
from mcuforge.compiler.schedule.trace import memory_trace
from mcuforge.memplan import greedy
from mcuforge.memplan.problem import Region
from mcuforge.memplan.replay import replay
from tests.models.random_graphs import seeded_model
from tests.unit.schedule.nets import Net, chain_of_convs, residual_net

AMPLE = 1 << 20


def chosen(graph: Graph, goal: Goal, budget: int = AMPLE, streamed: bool = False) -> Chosen:
    found = choose(
        graph,
        Calls("portable"),
        (Region("ram", budget),),
        PlanOptions(goal, streamed=streamed),
        effort=0.0,
    )
    if not found.plan.overflow(found.problem):
        trace = memory_trace(found.schedule, found.plan.placements)
        replay(found.problem, found.plan.placements, trace)
    return found


def cost(found: Chosen) -> float:
    return sum(schedule_costs(found.schedule, "portable"))


@pytest.mark.parametrize("streamed", [False, True])
def test_ram_needs_least_and_speed_costs_least(streamed: bool) -> None:
    graph = residual_net()
    ram, balanced, speed = (
        chosen(graph, goal, streamed=streamed) for goal in ("ram", "balanced", "speed")
    )
    assert ram.plan.peak <= balanced.plan.peak <= speed.plan.peak
    assert cost(speed) <= cost(balanced) <= SLACK * cost(speed)
    assert ram.plan.peak < 0.7 * speed.plan.peak


def narrow_net() -> Graph:
    """Rows of two bytes: row by row, calls cost more than the work."""
    net = Net(32, 2, 1)
    x = net.x
    for _ in range(4):
        x = net.conv(x, 1, kernel=1)
    return net.graph(x)


@pytest.mark.parametrize("streamed", [False, True])
def test_balanced_takes_no_more_instructions_for_less_ram_unless_nothing_else_fits(
    streamed: bool,
) -> None:
    graph = narrow_net()
    ram, balanced, speed = (
        chosen(graph, goal, streamed=streamed) for goal in ("ram", "balanced", "speed")
    )
    assert cost(ram) > 1.2 * cost(speed)
    assert cost(balanced) <= SLACK * cost(speed)
    assert ram.plan.peak < balanced.plan.peak <= speed.plan.peak
    assert not balanced.plan.optimal  # the bound is of every cut, however slow
    tight = chosen(graph, "balanced", budget=ram.plan.peak, streamed=streamed)
    assert tight.plan.peak == ram.plan.peak


def test_speed_runs_whole_layers_where_they_fit() -> None:
    found = chosen(residual_net(), "speed")
    assert all(layer.execution is Execution.WHOLE for layer in found.schedule.layers)


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


@pytest.mark.parametrize("streamed", [False, True])
def test_no_plan_needs_less_than_the_bound_where_sums_are_written_over_a_dying_input(
    streamed: bool,
) -> None:
    net = Net(8, 8, 4)
    found = chosen(net.graph(net.mean(net.conv(net.x, 64))), "ram", streamed=streamed)
    assert any(layer.execution is Execution.ACCUMULATE for layer in found.schedule.layers)
    assert found.plan.lower_bound <= found.plan.peak


@pytest.mark.parametrize("seed", range(8))
def test_no_stage_of_a_random_model_is_placed_in_less_than_is_said_to_be_its_least(
    seed: int,
) -> None:
    graph = read_tflite(write_model(seeded_model(seed)))
    streamed = graph.inputs if seed % 2 else ()
    for nodes in orders(graph, streamed):
        calls = Calls("portable")
        candidates = Candidates(Estimates(graph, nodes, calls))
        for cut in random_cuts(candidates.estimates, Random(seed)):
            schedule = make_schedule(graph, cut, calls, streamed)
            problem = memory_problem(schedule, (Region("ram", AMPLE),))
            plan = greedy.place(problem)
            replay(problem, plan.placements, memory_trace(schedule, plan.placements))
            assert max(choice.least for choice in cut) <= plan.peak
            assert candidates.bound <= plan.peak


def test_what_only_passes_by_a_stage_counts_until_its_last_reader_has_run() -> None:
    net = Net(8, 8, 2)
    graph = net.graph(net.sum(net.conv(net.conv(net.x, 2), 2), net.x))
    holding = Holding(graph, graph.nodes)
    assert [holding.passing(i, i + 1) for i in range(3)] == [0, 128, 0]


def random_cuts(estimates: Estimates, random: Random) -> list[tuple[Choice, ...]]:
    """Four cuts into any stages there are, whether the search would look at them or not."""
    count = len(estimates.nodes)
    cuts = []
    for _ in range(4):
        cut: list[Choice] = []
        while not cut or cut[-1].end < count:
            begin = cut[-1].end if cut else 0
            found = [estimates.whole(begin)] if estimates.nodes[begin].inputs else []
            for end in range(begin + 1, min(begin + 6, count) + 1):
                found += estimates.pipelines(begin, end)
            cut.append(random.choice(found))
        cuts.append(tuple(cut))
    return cuts
