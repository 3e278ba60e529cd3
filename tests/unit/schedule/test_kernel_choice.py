# SPDX-License-Identifier: Apache-2.0
"""The choice of kernels for a layer: the fastest ones, or those with fewer constants."""

from __future__ import annotations

from mcuforge.compiler.graph import Graph
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.compiler.schedule.kernels import Calls, variants
from mcuforge.compiler.schedule.schedule import Execution, Schedule
from mcuforge.compiler.schedule.slim import constant_bytes, slimmed
from tests.schedules import whole_layers
from tests.unit.schedule.nets import Net

ISA = "armv7em"


def small_filters() -> Graph:
    """Layers whose blocks are mostly filled up with zeros: packed, their weights grow."""
    net = Net(8, 8, 3)
    return net.graph(net.conv(net.conv(net.x, 5), 6))


def schedule(graph: Graph) -> Schedule:
    return whole_layers(graph, ISA)


def held(planned: Schedule) -> int:
    return sum(constant_bytes(layer.calls) for layer in planned.layers)


def test_a_convolution_has_packed_and_plain_kernels_and_takes_packed_ones() -> None:
    net = Net(8, 8, 16)
    (node,) = net.graph(net.conv(net.x, 16)).nodes
    kernels = [calls[0].kernel for calls in variants(node, Execution.WHOLE, 8, ISA)]
    assert kernels == ["conv2d_packed_s8", "conv2d_s8"]
    assert Calls(ISA).of(node, Execution.WHOLE, 8)[0].kernel == "conv2d_packed_s8"
    assert Calls("portable").of(node, Execution.WHOLE, 8)[0].kernel == "conv2d_s8"


def test_calls_are_made_once_a_node_form_and_isa() -> None:
    net = Net(8, 8, 16)
    (node,) = net.graph(net.conv(net.x, 16)).nodes
    calls = Calls(ISA)
    whole = calls.of(node, Execution.WHOLE, 8)
    assert calls.of(node, Execution.WHOLE, 8) is whole
    assert calls.of(node, Execution.ROWS, 8) is not whole


def test_constants_shrink_by_what_is_asked_and_cost_instructions() -> None:
    fast = schedule(small_filters())
    slim = slimmed(fast, ISA, 40)
    assert slim is not None
    assert held(slim) <= held(fast) - 40
    assert sum(schedule_costs(slim, ISA)) > sum(schedule_costs(fast, ISA))


def test_the_cheapest_byte_is_saved_first() -> None:
    fast = schedule(small_filters())
    slim = slimmed(fast, ISA, 1)
    assert slim is not None
    changed = [a is not b for a, b in zip(fast.layers, slim.layers, strict=True)]
    assert changed.count(True) == 1


def test_nothing_is_changed_where_that_would_not_be_enough() -> None:
    assert slimmed(schedule(small_filters()), ISA, 1 << 20) is None
