# SPDX-License-Identifier: Apache-2.0
"""The cost model: a price for every kernel, sane on every operator, quick to ask."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from time import process_time

import pytest

from mcuforge.compiler.builders.graph_builder import GraphBuilder
from mcuforge.compiler.graph import Node
from mcuforge.compiler.isa import INSTRUCTION_SETS, find_instruction_set
from mcuforge.compiler.isa.instruction_set import price_file, prices
from mcuforge.compiler.schedule.cost import layer_cost
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.row_layer import row_layer
from mcuforge.compiler.schedule.schedule import Execution, view_storage
from mcuforge.compiler.tensors import Quant
from mcuforge.errors import InternalError
from mcuforge.runtime_c.sources import kernel_names, kernels_dir
from tests.unit.schedule.nets import Net, residual_net

ISAS = tuple(isa.name for isa in INSTRUCTION_SETS)


def whole(node: Node, isa: str = "armv7em", kernel: str = "") -> float:
    return layer_cost(node, Execution.WHOLE, node.output.rows, isa, kernel).of(1)


@pytest.mark.parametrize("isa", ISAS)
def test_every_kernel_has_a_price(isa: str) -> None:
    unpriced = set(kernel_names(isa)) - set(prices(isa)) - {"fill_s8"}  # a part of pad_s8's price
    assert not unpriced, (
        f"add a line for each to compiler/isa/{isa}/prices.toml: "
        "python -m scripts.calibrate_cost fit BOARD"
    )


@pytest.mark.parametrize("isa", ISAS)
def test_price_files_name_kernels_there_are_in_order(isa: str) -> None:
    text = price_file(isa).read_text(encoding="utf-8")
    listed = [kernel for kernel in tomllib.loads(text) if kernel != "like"]
    assert listed == sorted(set(listed) & set(kernel_names(isa)))


@pytest.mark.parametrize("isa", ISAS)
def test_no_price_is_negative_and_every_kernel_costs_something(isa: str) -> None:
    for price in prices(isa).values():
        assert min(price) >= 0
        assert max(price) > 0


def test_an_unpriced_kernel_and_an_unknown_instruction_set_are_errors_of_ours() -> None:
    with pytest.raises(InternalError, match=r"'new_s8' has no price on rv32.*calibrate_cost fit"):
        find_instruction_set("rv32").price("new_s8")
    with pytest.raises(InternalError, match=r"'avr', known: portable, .*calibrate_cost fit"):
        find_instruction_set("avr")


def test_instruction_sets_are_the_folders_of_kernels() -> None:
    assert set(ISAS) == {path.parent.name for path in kernels_dir().glob("*/*.c")}


@pytest.mark.parametrize("isa", ISAS)
def test_layers_cost_something_and_more_in_more_tasks(isa: str) -> None:
    graph = residual_net()
    storage = view_storage(graph)
    for node in graph.nodes:
        assert whole(node, isa) > node.output.elements
        row = row_layer(node, storage, Calls(isa))
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


def test_channels_that_round_differently_cost_a_little_more_not_what_portable_code_does() -> None:
    def cost(least: float, isa: str, kernel: str = "conv2d_packed_s8") -> float:
        build = GraphBuilder("net")
        build.conv(build.input((1, 16, 16, 16)), 32, 1)
        (node,) = build.graph().nodes
        x, weights, *bias = node.inputs
        unit = node.output.scale / x.scale  # of weights, for a factor of 1
        quant = Quant((unit * least, *[unit * 2.0**-8] * 31), 0, 0)
        return whole(replace(node, inputs=(x, replace(weights, quant=quant), *bias)), isa, kernel)

    once, mixed = cost(2.0**-8, "armv7em"), cost(2.0**-13, "armv7em")
    assert once * 1.2 < mixed < once * 2.5
    assert mixed < cost(2.0**-13, "portable", "") / 3
    assert cost(2.0**-13, "rv32") == cost(2.0**-8, "rv32")  # each has its own shift there anyway


def test_a_layer_is_priced_in_well_under_a_millisecond() -> None:
    nodes = residual_net().nodes
    begin = process_time()
    for _ in range(50):
        for node in nodes:
            layer_cost(node, Execution.WHOLE, node.output.rows, "rv32")
    assert process_time() - begin < 50 * len(nodes) * 1e-3
    cost = layer_cost(nodes[0], Execution.ROWS, 16, "rv32")
    begin = process_time()
    for tasks in range(10_000):
        cost.of(tasks)
    assert process_time() - begin < 0.1


def test_rows_nobody_reads_cost_nothing() -> None:
    (node, *_) = residual_net().nodes
    rows = node.output.rows
    cost = layer_cost(node, Execution.ROWS, rows, "armv7em")
    assert cost.of(rows // 2, rows // 2) == pytest.approx(cost.of(rows) / 2)
