# SPDX-License-Identifier: Apache-2.0
"""The cost model: a price for every kernel, sane on every operator, quick to ask."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pytest

from mcuforge.compiler.ir import Node
from mcuforge.compiler.isa.layouts import PACKED_KERNELS
from mcuforge.compiler.schedule.cost import PRICES, layer_cost
from mcuforge.compiler.schedule.pipeline import row_layer
from mcuforge.compiler.schedule.schedule import Execution, view_storage
from mcuforge.compiler.schedule.work import Counts
from tests.unit.schedule.nets import Net, residual_net

PORTABLE = Path(__file__).resolve().parents[3] / "runtime_c" / "src" / "portable"
ISAS = ("armv7em", "rv32", "portable")


def whole(node: Node, isa: str = "armv7em") -> float:
    return layer_cost(node, Execution.WHOLE, node.output.rows, isa).of(1)


@pytest.mark.parametrize("isa", sorted(PRICES))
def test_every_kernel_has_prices(isa: str) -> None:
    kernels = {path.stem.rpartition("_")[0] for path in PORTABLE.glob("*.c")}
    packed = {name.rpartition("_")[0] for name in PACKED_KERNELS}
    assert set(PRICES[isa]) == kernels - {"fill"} | packed  # filling is part of padding


@pytest.mark.parametrize("isa", sorted(PRICES))
def test_no_price_is_negative_and_every_kernel_costs_something(isa: str) -> None:
    for prices in PRICES[isa].values():
        assert min(prices) >= 0
        assert max(prices) > 0
        assert len(prices) == len(Counts._fields)


@pytest.mark.parametrize("isa", ISAS)
def test_layers_cost_something_and_more_in_more_tasks(isa: str) -> None:
    graph = residual_net()
    storage = view_storage(graph)
    for node in graph.nodes:
        assert whole(node, isa) > node.output.elements
        row = row_layer(node, storage, isa)
        assert row is not None
        cost = layer_cost(node, row.execution, row.steps, isa)
        assert 0 < cost.of(1) <= cost.of(2) <= cost.of(row.steps)
        assert cost.of(row.steps) < 3 * whole(node, isa)


@pytest.mark.parametrize("isa", ISAS)
def test_more_work_costs_more(isa: str) -> None:
    def conv(size: int, channels: int, kernel: int) -> float:
        net = Net(size, size, channels)
        return whole(net.graph(net.conv(net.x, channels, kernel)).nodes[0], isa)

    def depthwise(size: int, channels: int, kernel: int) -> float:
        net = Net(size, size, channels)
        return whole(net.graph(net.depthwise(net.x, kernel)).nodes[0], isa)

    for cost in (conv, depthwise):
        base = cost(8, 4, 3)
        assert base < cost(9, 4, 3)
        assert base < cost(8, 5, 3)
        assert base < cost(8, 4, 5)


def test_a_convolution_costs_a_few_instructions_a_product() -> None:
    net = Net(16, 16, 64)
    (node,) = net.graph(net.conv(net.x, 64)).nodes
    per_product = whole(node) / node.op.macs(node.inputs, node.output)
    assert 0.5 < per_product < 8  # below: no kernel can; above: no unrolled loop needs


def test_a_layer_is_priced_in_well_under_a_millisecond() -> None:
    nodes = residual_net().nodes
    begin = perf_counter()
    for _ in range(50):
        for node in nodes:
            layer_cost(node, Execution.WHOLE, node.output.rows, "rv32")
    assert perf_counter() - begin < 50 * len(nodes) * 1e-3
    cost = layer_cost(nodes[0], Execution.ROWS, 16, "rv32")
    begin = perf_counter()
    for tasks in range(10_000):
        cost.of(tasks)
    assert perf_counter() - begin < 0.1


def test_rows_nobody_reads_cost_nothing() -> None:
    (node, *_) = residual_net().nodes
    rows = node.output.rows
    cost = layer_cost(node, Execution.ROWS, rows, "armv7em")
    assert cost.of(rows // 2, rows // 2) == pytest.approx(cost.of(rows) / 2)
