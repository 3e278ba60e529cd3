# SPDX-License-Identifier: Apache-2.0
"""Layers of which only padding is read: they never run, and nothing falls over them."""

from __future__ import annotations

import pytest

from mcuforge.compiler.compile import PlanOptions, compile_graph
from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.schedule.cost import schedule_costs
from mcuforge.compiler.schedule.search import GOALS, Goal
from mcuforge.compiler.tensors import Tensor
from tests.unit.compiler.graphs import constant, tensor
from tests.unit.schedule.nets import Net, W


def blind(net: Net, x: Tensor) -> Graph:
    """The net with a convolution last whose only row of windows lies above the image."""
    out = tensor("blind", (1, 1, x.shape[2], 2))
    weights = constant("wb", (2, 1, 1, x.shape[3]), W)
    net.nodes.append(Node("blind", Conv2D((8, 1), (1, 0, 0, 0)), (x, weights), out))
    return net.graph(out)


def of_a_map() -> Graph:
    net = Net(4, 4, 2)
    return blind(net, net.conv(net.x, 4))


def of_a_mean() -> Graph:
    net = Net(4, 4, 2)
    image = tensor("image", (1, 1, 1, 4))
    net.nodes.append(Node("image", Reshape(), (net.mean(net.conv(net.x, 4)),), image))
    return blind(net, image)


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_layer_nobody_needs_a_row_of_compiles(goal: Goal, streamed: bool) -> None:
    for graph in (of_a_map(), of_a_mean()):
        options = PlanOptions(goal, None, streamed)
        found = compile_graph(graph, "portable", 1 << 16, options=options, effort=0.0)
        assert found.plan.lower_bound <= found.arena_bytes
        assert sum(schedule_costs(found.schedule, "portable")) > 0
