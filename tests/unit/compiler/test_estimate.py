# SPDX-License-Identifier: Apache-2.0
"""Costs of networks without weights: what suffices, what is needed, and what the plan takes."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from random import Random

import pytest

from mcuforge.compiler.builders.graph_builder import GraphBuilder
from mcuforge.compiler.compile import Memories, plan_graph
from mcuforge.compiler.estimate import FASTER, SLOWER, Cost, Estimator, Target
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.compiler.schedule.estimate import Known
from mcuforge.compiler.schedule.planned import Planned, PlanOptions
from mcuforge.compiler.schedule.segments import segments
from mcuforge.compiler.tensors import Tensor
from mcuforge.memplan.problem import Region
from mcuforge.nas import sampling
from mcuforge.nas.networks import Blocks, HybridNet, Network, ResidualNet, Stage, VitNet
from tests.unit.compiler.graphs import assert_same_meaning

MEGABYTE = 1 << 20
RESNET8 = ResidualNet(16, (Stage(16, 1, 1), Stage(32, 1), Stage(64, 1)))
VIT = VitNet(Blocks(32, (72, 72, 72), (2, 2, 2), 16), patch=4, image=16)
LOW_RANK = VitNet(Blocks(24, (48, 72), (2, 2), 8, rank=10), 4, 12, class_token=True)
HYBRID = HybridNet(8, (Stage(16, 1), Stage(24, 1)), Blocks(32, (64, 32), (2, 2), 16))
NETWORKS: dict[str, Network] = {
    "residual": RESNET8,
    "inverted": sampling.inverted(Random(4)),
    "vit": VIT,
    "low rank": LOW_RANK,
    "hybrid": HYBRID,
    "sequence": sampling.sequence(Random(9)),
}


def target(ram: int = MEGABYTE, flash: int = 16 * MEGABYTE, isa: str = "armv7em") -> Target:
    regions = (Region("ram", ram),)
    return Target(isa, "cortex-m7", Memories(regions, regions), flash)


@cache
def planned(name: str) -> Planned:
    return plan_graph(NETWORKS[name].graph(), "armv7em", MEGABYTE)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_exact_cost_is_that_of_the_plan(name: str) -> None:
    cost = Estimator(target()).cost(NETWORKS[name].graph(), exact=True)
    plan = planned(name)
    assert (cost.tier, cost.arena, cost.refused) == ("plan", plan.arena_bytes, ())
    assert cost.instructions == sum(schedule_costs(plan.schedule, "armv7em"))
    assert cost.ram > cost.arena
    assert cost.fits


@pytest.mark.parametrize("name", NETWORKS)
def test_what_suffices_layer_by_layer_is_no_less_than_the_plan(name: str) -> None:
    cost = Estimator(target()).cost(NETWORKS[name].graph())
    assert (cost.tier, cost.fits) == ("layers", True)
    assert cost.arena >= planned(name).arena_bytes
    exact = Estimator(target()).cost(NETWORKS[name].graph(), exact=True)
    assert cost.flash >= exact.flash  # pipelines and forms are allowed for
    assert cost.flash <= 1.3 * exact.flash
    assert FASTER * cost.instructions <= exact.instructions <= SLOWER * cost.instructions


@pytest.mark.parametrize(
    ("name", "share"),
    [("residual", 1.0), *((name, s) for name in ("inverted", "vit", "hybrid") for s in (0.5, 1.1))],
)
def test_what_fits_is_decided_as_the_plan_decides(name: str, share: float) -> None:
    graph = NETWORKS[name].graph()
    ram = int(share * planned(name).arena_bytes) - 1
    cost = Estimator(target(ram)).cost(graph)
    found = plan_graph(graph, "armv7em", ram)
    assert cost.refused == (() if found.fits else ("ram",)), ram
    if cost.tier in ("sums", "bound"):
        assert ram < cost.arena <= found.arena_bytes


def test_each_limit_refuses_for_itself() -> None:
    graph = RESNET8.graph()
    exact = Estimator(target()).cost(graph, exact=True)
    least = sum(t.bytes for t in graph.inputs)
    assert Estimator(target(ram=least - 1)).cost(graph).refused == ("ram",)
    assert Estimator(target(flash=60_000)).cost(graph).refused == ("flash",)
    slow = replace(target(), max_instructions=exact.instructions / 2)
    assert Estimator(slow).cost(graph).refused == ("instructions",)
    all_three = replace(slow, flash=60_000)
    refused = Estimator(replace(all_three, memories=target(ram=100).memories)).cost(graph).refused
    assert refused == ("flash", "instructions", "ram")
    enough = replace(target(), max_instructions=exact.instructions)
    assert Estimator(enough).cost(graph).fits


def test_a_ram_budget_is_a_limit() -> None:
    peak = planned("residual").arena_bytes
    for budget, fits in ((peak, True), (peak // 2, False)):
        limited = replace(target(), options=PlanOptions(ram_budget=budget))
        assert Estimator(limited).cost(RESNET8.graph()).fits == fits


def test_a_streamed_input_takes_less() -> None:
    streamed = replace(target(), options=PlanOptions(streamed=True))
    graph = RESNET8.graph()
    exact = Estimator(streamed).cost(graph, exact=True)
    assert exact.arena < planned("residual").arena_bytes
    cost = Estimator(streamed).cost(graph)
    assert cost.arena >= exact.arena
    assert cost.fits


def test_a_network_is_cut_where_one_tensor_is_alive() -> None:
    graph = RESNET8.graph()
    parts = segments(graph)
    kinds = ["+".join(node.op.kind for node in part.nodes) for part in parts]
    convs = "conv2d+conv2d+conv2d+add"
    assert kinds == ["conv2d", "conv2d+conv2d+add", convs, convs, "mean", "fully_connected"]
    assert tuple(node for part in parts for node in part.nodes) == graph.nodes
    assert [part.outputs for part in parts[:-1]] == [part.inputs for part in parts[1:]]


def test_behind_the_last_attention_a_class_token_is_cut_alone() -> None:
    graph = LOW_RANK.graph(seed=5)
    parts = segments(graph)
    sliced = next(i for i, part in enumerate(parts) if part.nodes[-1].op.kind == "slice")
    assert any(node.op.kind == "batch_matmul" for node in parts[sliced].nodes)
    assert {t.shape for part in parts[sliced + 1 :] for t in part.inputs} == {(1, 1, 24), (1, 24)}
    assert [part.outputs for part in parts[:-1]] == [part.inputs for part in parts[1:]]
    nodes = tuple(node for part in parts for node in part.nodes)
    assert_same_meaning(graph, replace(graph, nodes=nodes))


def residual_rows(outputs: int) -> Graph:
    """A network whose second tensor of 4,096 bytes may be an output too."""
    build = GraphBuilder("rows")
    x = build.linear(build.input((1, 64)), 4096)
    a = build.linear(x, 4096)
    y = build.add(build.linear(build.linear(a, 256), 4096), x)
    return build.graph(*(y, a)[:outputs])


def rounded(nearest: bool) -> Graph:
    """Two layers that round once, as ONNX does, or twice."""
    graph = ResidualNet(16, (Stage(16, 1, 1),)).graph()
    made: dict[int, Tensor] = {}
    for tensor in (*graph.inputs, *(node.output for node in graph.nodes)):
        assert tensor.quant is not None
        made[id(tensor)] = replace(tensor, quant=replace(tensor.quant, nearest=nearest))
    nodes = tuple(node.rewired(made) for node in graph.nodes)
    inputs, outputs = (tuple(made[id(t)] for t in of) for of in (graph.inputs, graph.outputs))
    return replace(graph, inputs=inputs, outputs=outputs, nodes=nodes)


@pytest.mark.parametrize(
    "pair",
    [
        (partial(residual_rows, 1), partial(residual_rows, 2)),
        (partial(rounded, True), partial(rounded, False)),
    ],
    ids=["an output more", "rounding"],
)
def test_networks_that_differ_in_one_fact_are_not_taken_for_each_other(
    pair: tuple[Callable[[], Graph], Callable[[], Graph]],
) -> None:
    tight = target(10_000, flash=1 << 30)
    alone = [Estimator(tight).cost(make()) for make in pair]
    assert alone[0] != alone[1]
    for order in (pair, pair[::-1]):
        estimator = Estimator(tight)
        found = {make: estimator.cost(make()) for make in order}
        assert [found[make] for make in pair] == alone


def test_equal_segments_are_looked_at_once() -> None:
    estimator = Estimator(target())
    estimator.cost(VIT.graph())
    found = len(estimator._segments)
    deeper = replace(VIT, blocks=replace(VIT.blocks, hidden=(72,) * 9, heads=(2,) * 9))
    estimator.cost(deeper.graph())
    assert len(estimator._segments) == found
    estimator.cost(replace(VIT, classes=11).graph())
    assert len(estimator._segments) == found + 1


def test_costs_depend_on_the_network_alone() -> None:
    random = Random(3)
    graphs: list[Callable[[], Graph]] = [sampling.residual(random).graph for _ in range(4)]
    warm = Estimator(target(40_000))
    for make in (*graphs, *graphs):
        warm.cost(make())
    assert [warm.cost(make()) for make in graphs] == [
        Estimator(target(40_000)).cost(make()) for make in graphs
    ]


def test_layers_whose_flash_depends_on_the_weights_are_named() -> None:
    wide = ResidualNet(16, (Stage(16, 1, 1), Stage(64, 1)))
    cost: Cost = Estimator(target()).cost(wide.graph())
    assert cost.assumed == ("conv2d6",)  # 64 channels times 3 x 3: over 516 products
    assert cost.flash_most == cost.flash + 16 * 4 * (9 + 576)  # a block of filters becomes two
    assert Estimator(target(isa="rv32")).cost(wide.graph()).assumed == ()
    wider = ResidualNet(16, (Stage(16, 1, 1), Stage(264, 1)))
    large: Cost = Estimator(target()).cost(wider.graph())
    assert "conv2d6" not in large.assumed  # 2,376 products: taken to be large


def test_least_ram_may_take_many_instructions() -> None:
    graph = NETWORKS["sequence"].graph()
    options = PlanOptions("ram")
    exact = Estimator(replace(target(), options=options)).cost(graph, exact=True)
    for limit in (exact.instructions - 1, exact.instructions):
        limited = replace(target(), options=options, max_instructions=limit)
        assert Estimator(limited).cost(graph).fits == (limit == exact.instructions)


def test_sums_are_below_every_plan_where_constants_are_shared() -> None:
    build = GraphBuilder("equal")
    x = build.input((1, 4, 4, 512))
    for _ in range(12):
        x = build.depthwise(x)
    graph = build.graph(x)
    exact = Estimator(target()).cost(graph, exact=True)
    fits = Estimator(replace(target(), flash=exact.flash)).cost(graph)
    assert fits.fits
    assert Estimator(target(flash=40_000)).cost(graph).tier == "sums"


def test_layers_that_a_pass_merges_are_no_code_for_sure() -> None:
    build = GraphBuilder("tables")
    x = build.linear(build.input((1, 16)), 16)
    for _ in range(30):
        x = build.gelu(build.sigmoid(x))
    graph = build.graph(build.linear(x, 16))
    exact = Estimator(target()).cost(graph, exact=True)  # one table, three calls
    assert Estimator(target(flash=exact.flash)).cost(graph).fits


def test_slower_kernels_are_called_before_flash_is_refused() -> None:
    graph = ResidualNet(8, (Stage(264, 1, 1),), image=4).graph()  # too wide to share words
    exact = Estimator(target()).cost(graph, exact=True)
    less = replace(target(), flash=exact.flash * 3 // 4)
    found = Estimator(less).cost(graph)
    assert (found.tier, found.fits) == ("layers", True)
    planned = Estimator(less).cost(graph, exact=True)
    assert planned.fits
    assert planned.flash <= found.flash == less.flash
    assert planned.instructions > exact.instructions
    assert Estimator(replace(target(), flash=exact.flash // 4)).cost(graph).refused == ("flash",)


@pytest.mark.parametrize("name", ["residual", "vit", "low rank", "hybrid"])
def test_flash_is_decided_as_the_plan_decides(name: str) -> None:
    graph = NETWORKS[name].graph()
    known = Known()
    full = Estimator(target(), known).cost(graph, exact=True).flash
    decided = set()
    for share in (0.5, 0.7, 0.9, 0.97, 1.1, 1.4):
        short = target(flash=int(share * full))
        cost = Estimator(short, known).cost(graph)
        if cost.tier != "plan":
            assert cost.fits == Estimator(short, known).cost(graph, exact=True).fits, share
            decided.add(cost.fits)
    assert decided == {False, True}


@pytest.mark.parametrize("name", ["residual", "vit"])
def test_weights_make_no_difference(name: str) -> None:
    estimator = Estimator(target())
    graph = NETWORKS[name].graph(seed=2)
    bare = estimator.cost(NETWORKS[name].graph(), exact=True)
    assert estimator.cost(graph, exact=True).arena == bare.arena
    assert estimator.cost(graph, exact=True).flash == bare.flash
