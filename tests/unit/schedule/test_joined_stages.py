# SPDX-License-Identifier: Apache-2.0
"""Pipelines that hold less than the stages they could be cut into, though it is easy to miss."""

from __future__ import annotations

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.schedule.choose import Chosen, choose
from mcuforge.compiler.schedule.kernels import Calls
from mcuforge.compiler.schedule.planned import PlanOptions
from mcuforge.compiler.tensors import Quant
from mcuforge.memplan.problem import Region
from tests.unit.compiler.graphs import constant, graph, tensor

WEIGHTS = Quant((0.02,))
TOKENS, WIDTH, FEATURES = 64, 64, 32


def least(net: Graph, *, streamed: bool = False) -> Chosen:
    ample = (Region("ram", 1 << 20),)
    return choose(net, Calls("portable"), ample, PlanOptions("ram", streamed=streamed), effort=0.0)


def features_beside_what_they_are_made_of() -> Graph:
    """Features of every token are an output; they are joined to the tokens too, and averaged."""
    x, features = tensor("x", (1, TOKENS, WIDTH)), tensor("features", (1, TOKENS, FEATURES))
    wide = tensor("wide", (1, TOKENS, WIDTH + FEATURES))
    mean = tensor("mean", (1, WIDTH + FEATURES))
    weights = constant("w", (FEATURES, WIDTH), WEIGHTS)
    nodes = [
        Node("linear", FullyConnected(), (x, weights), features),
        Node("join", Concatenation(2), (features, x), wide),
        Node("average", Mean((1,)), (wide,), mean),
    ]
    return graph([x], nodes, [features, mean])


def one_line_of_a_convolution() -> Graph:
    """Of 14 lines that a convolution could give, line 3 alone is read."""
    x, made = tensor("x", (1, 16, 16, 8)), tensor("made", (1, 14, 14, 8))
    line = tensor("line", (1, 1, 14, 8))
    weights = constant("w", (8, 3, 3, 8), WEIGHTS)
    nodes = [
        Node("convolve", Conv2D(), (x, weights), made),
        Node("cut", Slice((0, 3, 0, 0), (1, 1, 1, 1)), (made,), line),
    ]
    return graph([x], nodes, [line])


def test_an_output_may_be_written_over_tokens_that_a_later_layer_reads_too() -> None:
    found = least(features_beside_what_they_are_made_of())
    assert [len(stage.layers) for stage in found.schedule.stages] == [3]
    assert found.plan.peak < TOKENS * (WIDTH + FEATURES)
    assert found.plan.lower_bound <= found.plan.peak


def test_lines_nobody_reads_are_neither_asked_for_nor_computed() -> None:
    net = one_line_of_a_convolution()
    found = least(net, streamed=True)
    made = net.nodes[0].output
    assert found.schedule.rings[made.name] == 1
    assert sum(layer.node.output is made for layer, _ in found.schedule.steps) < made.rows
    assert found.plan.peak < made.bytes // 2
