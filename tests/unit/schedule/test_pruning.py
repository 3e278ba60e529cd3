# SPDX-License-Identifier: Apache-2.0
"""Stages that are not built: they could not have lowered what every plan needs."""

from __future__ import annotations

from math import inf

import pytest

from mcuforge.compiler.builders.tflite_writer import write_model
from mcuforge.compiler.frontends.tflite.reader import read_tflite
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.candidates import Candidates
from mcuforge.compiler.schedule.choose import choose
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.compiler.schedule.estimate import Estimates
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.order import orders
from mcuforge.compiler.schedule.planned import PlanOptions
from mcuforge.compiler.schedule.search import Cut, cut_cost, cuts
from mcuforge.memplan.problem import Region
from tests.models.random_graphs import seeded_model
from tests.unit.schedule.nets import chain_of_convs, residual_net

SEEDS = range(6)


def graphs() -> list[Graph]:
    drawn = [read_tflite(write_model(seeded_model(seed)), f"{seed}.tflite") for seed in SEEDS]
    return [residual_net(), chain_of_convs(6), *drawn]


def candidates(graph: Graph, streamed: bool, *, within: float = 0, most: float = inf) -> Candidates:
    nodes = orders(graph, graph.inputs if streamed else ())[0]
    found = Candidates(Estimates(graph, nodes, Calls("portable")))
    found.within, found.most = within, most
    return found


@pytest.mark.parametrize("streamed", [False, True])
def test_the_bound_is_that_of_all_stages(streamed: bool) -> None:
    fewer = 0
    for graph in graphs():
        pruned, every = candidates(graph, streamed), candidates(graph, streamed, within=inf)
        assert pruned.bound == every.bound
        assert pruned.least_peak == every.least_peak
        fewer += len(pruned.choices) < len(every.choices)
    assert fewer > 2


@pytest.mark.parametrize("streamed", [False, True])
def test_an_order_that_needs_more_than_another_is_given_up_and_no_other(streamed: bool) -> None:
    for graph in graphs():
        known = candidates(graph, streamed)
        for most in (known.bound - 1, known.bound, known.least_peak, 2 * known.least_peak):
            found = candidates(graph, streamed, most=most).bound
            assert found == known.bound if known.bound <= most else found > most


def test_every_stage_that_is_asked_for_is_built() -> None:
    more = 0
    for graph in graphs():
        pruned, every = candidates(graph, streamed=False), candidates(graph, False, within=inf)
        within = 2 * pruned.least_peak
        asked = _stages(candidates(graph, streamed=False, within=within), within)
        assert asked == _stages(every, within)
        more += len(_stages(pruned, within)) < len(asked)
    assert more > 2


def _stages(found: Candidates, within: int) -> set[tuple[int, int, int, float]]:
    stages = ((c.begin, c.end, c.bytes, c.instructions) for c in found.choices)
    return {stage for stage in stages if stage[2] <= within}


def test_speed_uses_the_stages_that_its_budget_has_room_for() -> None:
    for graph in graphs():
        least = candidates(graph, streamed=False).least_peak
        every = candidates(graph, streamed=False, within=inf)
        for budget in (least + 64, 3 * least // 2, 3 * least):
            cut = next(c for c in cuts(every, "speed", budget) if _holds(c) <= budget)
            options = PlanOptions("speed")
            chosen = choose(graph, Calls("portable"), (Region("ram", budget),), options)
            if not chosen.plan.overflow(chosen.problem):
                cost = sum(schedule_costs(chosen.schedule, "portable"))
                assert cost <= cut_cost(cut) * 1.001


def _holds(cut: Cut) -> int:
    return max(choice.bytes for choice in cut)
