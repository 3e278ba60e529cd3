# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs lie where peripherals reach them; the rest where it is fastest."""

from __future__ import annotations

import pytest

from mcuforge.compiler.compile import PlanOptions, compile_graph
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.heat import favour_hot, touches
from mcuforge.compiler.schedule.memory import memory_problem
from mcuforge.compiler.schedule.search import GOALS, Goal
from mcuforge.memplan import greedy
from mcuforge.memplan.problem import Region
from tests.schedules import whole_layers
from tests.unit.schedule.nets import Net, chain_of_convs, residual_net

SRAM, CCM = Region("sram", 1 << 20, 2), Region("ccm", 1 << 20, 3, dma=False)


def homes(
    graph: Graph,
    *regions: Region,
    budget: int | None = None,
    streamed: bool = False,
    goal: Goal = "balanced",
) -> tuple[set[str], set[str]]:
    """The regions of inputs and outputs, and those of all else."""  # fmt: skip
    options = PlanOptions(goal, budget, streamed)
    found = compile_graph(graph, "portable", regions, options=options, effort=0.0)
    assert found.fits
    ends = {found.schedule.buffer(t).name for t in (*found.graph.inputs, *found.graph.outputs)}
    places = found.plan.placements
    return (
        {places[name].region for name in ends},
        {place.region for name, place in places.items() if name not in ends},
    )


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_peripherals_touch_is_kept_out_of_memory_they_do_not_reach(
    goal: Goal, streamed: bool
) -> None:
    graph = residual_net()
    elsewhere = {"ccm"} if goal == "speed" else {"sram"}  # alone it takes fewer bytes
    assert homes(graph, SRAM, CCM, streamed=streamed, goal=goal) == ({"sram"}, elsewhere)
    fast = Region("ccm", 1 << 20, 3)
    assert homes(graph, SRAM, fast, streamed=streamed, goal=goal) == ({"ccm"}, {"ccm"})


def test_a_budget_is_cut_from_what_inputs_do_not_need() -> None:
    graph = chain_of_convs(3)
    least = compile_graph(graph, "portable", (SRAM,), effort=0.0).arena_bytes
    small = Region("ccm", least - 64, 3, dma=False)
    assert homes(graph, SRAM, small, budget=least) == ({"sram"}, {"sram"})
    assert homes(graph, SRAM, CCM, budget=least) == ({"sram"}, {"sram"})


def test_a_budget_is_cut_from_the_slowest_memory_first() -> None:
    graph = chain_of_convs(3)
    tightly = Region("tcm", 1 << 20, 3)
    assert homes(graph, SRAM, tightly, budget=1 << 20) == ({"tcm"}, {"tcm"})


def test_the_hottest_buffer_takes_the_fast_memory_from_a_larger_cold_one() -> None:
    net = Net(8, 8, 4)
    hot = net.conv(net.conv(net.x, 1), 1)  # 64 bytes, nine reads of each
    schedule = whole_layers(net.graph(net.sum(net.conv(hot, 4), net.x)), "portable")
    regions = (Region("slow", 4096), Region("fast", 256, speed=1))
    problem = memory_problem(schedule, regions)
    count = touches(schedule)
    hottest = max(problem.buffers, key=lambda b: count[b.name] / b.bytes)
    free, favoured = greedy.place(problem), favour_hot(problem, schedule, greedy.place)[1]
    assert free.placements[hottest.name].region == "slow"
    assert favoured.placements[hottest.name].region == "fast"
    assert not favoured.overflow(problem)


def test_where_nothing_is_reached_there_is_nothing_to_choose() -> None:
    assert homes(residual_net(), CCM)[0] == {"ccm"}
