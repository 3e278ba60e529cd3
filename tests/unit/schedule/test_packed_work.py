# SPDX-License-Identifier: Apache-2.0
"""What packed kernels are said to do, against the loops of their C."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import pytest

from mcuforge.compiler.builders.graph_builder import GraphBuilder, Tokens
from mcuforge.compiler.graph import Node
from mcuforge.compiler.isa import find_instruction_set
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.schedule.cost import layer_cost, layer_work
from mcuforge.compiler.schedule.schedule import Execution
from mcuforge.compiler.work import NONE, Work
from tests.unit.schedule.nets import Net

CONV, DEPTHWISE, VECTOR = (
    f"{name}_packed_s8" for name in ("conv2d", "depthwise_conv2d", "fully_connected")
)


def work(node: Node, isa: str, kernel: str) -> Work:
    return layer_work(node, Execution.ROWS, node.output.rows, isa, kernel)


def conv(size: int, channels: int, filters: int, kernel: int = 3, stride: int = 1) -> Node:
    build = GraphBuilder("net")
    x = build.input((1, size, size, channels))
    return build.graph(build.conv(x, filters, kernel, stride)).nodes[0]


def depthwise(size: int, channels: int, kernel: int, stride: int = 1) -> Node:
    build = GraphBuilder("net")
    x = build.input((1, size, size, channels))
    return build.graph(build.depthwise(x, kernel, stride)).nodes[0]


def linear(features: int, filters: int) -> Node:
    build = GraphBuilder("net")
    return build.graph(build.linear(build.input((1, features)), filters)).nodes[0]


@pytest.mark.parametrize(("isa", "depth"), [("armv7em", 12), ("rv32", 12), ("helium", 16)])
def test_filters_are_as_long_as_they_are_packed(isa: str, depth: int) -> None:
    node = conv(6, 1, 8)  # 9 products per output
    assert work(node, isa, CONV).fixed.tap == 36 * 8 * depth


def test_every_row_is_looked_up_and_a_vector_of_tokens_is_a_row() -> None:
    build = GraphBuilder("net")
    tokens = build.graph(build.linear(build.input((1, 30, 16)), 8)).nodes[0]
    assert work(tokens, "armv7em", CONV).fixed.row == 30
    assert work(conv(6, 16, 8), "armv7em", CONV).fixed.row == 6


def test_windows_beside_the_image_are_gathered_slowly() -> None:
    counts = work(conv(6, 4, 8), "armv7em", CONV).fixed
    assert counts.edge == (36 - 16) * 3  # rows of taps of the windows on the border
    assert counts.gathered + counts.padding == 36 * 9 * 4
    assert counts.padding == 36 * 9 * 4 - 16 * 16 * 4  # 16 taps of 18 on the image, both ways
    assert work(conv(6, 4, 8, kernel=1), "armv7em", CONV).fixed.edge == 0


@pytest.mark.parametrize("isa", ["armv7em", "helium"])
def test_a_pixel_left_over_of_two_is_computed_alone(isa: str) -> None:
    found = work(conv(8, 16, 8, kernel=1), isa, CONV)
    assert found.at_once == 2
    assert found.left_over(4) == NONE
    assert found.left_over(5).rest == -found.left_over(5).tap == 8 * 16


def test_rv32_computes_three_pixels_left_over_as_four_and_others_alone() -> None:
    found = work(conv(8, 16, 12, kernel=1), "rv32", CONV)
    assert found.at_once == 4
    one, two, three = (found.left_over(pixels) for pixels in (1, 2, 3))
    assert one.rest == 16 * 16  # 12 filters are two blocks of eight
    assert two == one.times(2)
    assert (three.rest, three.tap) == (0, 12 * 16)


def test_what_onnx_rounds_once_is_not_rounded_twice() -> None:
    assert work(conv(8, 4, 4), "armv7em", CONV).fixed.twice == 0
    net = Net(8, 8, 4)
    (node,) = net.graph(net.conv(net.x, 4)).nodes  # as a TFLite file has it
    assert isinstance(node.op, Conv2D)
    assert work(node, "armv7em", CONV).fixed.twice == node.output.elements


def test_depthwise_outputs_clamped_at_the_zero_point_share_a_shift() -> None:
    net = Net(8, 8, 8)
    (node,) = net.graph(net.depthwise(net.x, 3)).nodes
    assert isinstance(node.op, DepthwiseConv2D)
    clamped = replace(node, op=replace(node.op, act="relu"))
    for of, own in ((node, node.output.elements), (clamped, 0)):
        assert work(of, "armv7em", DEPTHWISE).fixed.twice == own


def test_only_small_filters_slide_on_rv32() -> None:
    for node, slides in (
        (depthwise(8, 8, 3), True),
        (depthwise(8, 8, 3, 2), True),
        (depthwise(8, 8, 5), False),
    ):
        counts = work(node, "rv32", DEPTHWISE).fixed
        taps = prod(node.inputs[1].shape[1:3]) * node.output.elements
        assert (counts.tap, counts.rest) == ((taps, 0) if slides else (0, taps))
    assert work(depthwise(8, 8, 3, 2), "rv32", DEPTHWISE).fixed.piece == 4 * 4 * 8
    assert work(depthwise(8, 8, 3), "armv7em", DEPTHWISE).fixed.tap == 0


@pytest.mark.parametrize(
    ("isa", "kernel", "read"),
    [
        ("armv7em", 3, 8 + 1),  # in fours, and a single last one
        ("armv7em", 5, 24 + 1),
        ("helium", 3, 10),  # in pairs
        ("rv32", 5, 25),
    ],
)
def test_taps_of_depthwise_filters_are_read_together(isa: str, kernel: int, read: int) -> None:
    counts = work(depthwise(8, 16, kernel), isa, DEPTHWISE).fixed
    assert counts.rest + counts.carried * 4 == 8 * 8 * 16 * read


def test_depthwise_windows_of_a_row_share_one_list_of_taps() -> None:
    counts = work(depthwise(8, 16, 3), "armv7em", DEPTHWISE).fixed
    assert counts.window == 6 * (1 + 2) + 2 * 8  # a row: its run, and the borders; at the top: all
    assert counts.edge == 3 * counts.window
    assert work(depthwise(8, 16, 5), "rv32", DEPTHWISE).fixed.window == 64


def test_columns_side_by_side_are_taken_in_groups_of_32_where_their_sum_is_known() -> None:
    build = GraphBuilder("net")
    x = build.input((1, 6, 96))
    nodes = build.graph(build.attention(x, Tokens(1, 56))).nodes
    scores, mixed = (
        node.op.work(node.inputs, node.output).fixed
        for node in nodes
        if node.op.kind == "batch_matmul"
    )
    assert (scores.gathered, scores.shared, scores.piece) == (0, 0, 6 * 3 * 4)  # 6 columns, 56 deep
    assert (mixed.carried, mixed.gathered, mixed.shared) == (36 * 24, 36 * 8, 36 * 32)
    assert scores.summed == mixed.summed == 0  # no zero points


def test_two_pixels_of_eight_channels_are_one_block_of_helium() -> None:
    eight = work(depthwise(8, 8, 3), "helium", DEPTHWISE).fixed
    sixteen = work(depthwise(8, 16, 3), "helium", DEPTHWISE).fixed
    assert (eight.run, sixteen.run) == (64 - 18, 64)


def test_vectors_are_multiplied_in_blocks_of_four_or_eight() -> None:
    assert work(linear(20, 10), "armv7em", VECTOR).fixed.tap == 12 * 20
    assert work(linear(20, 10), "helium", VECTOR).fixed.tap == 12 * 32
    rv32 = work(linear(20, 10), "rv32", VECTOR).fixed
    assert (rv32.tap, rv32.rest) == (8 * 20, 2 * 20)


@pytest.mark.parametrize("isa", ["armv7em", "rv32", "helium"])
def test_a_cost_has_what_each_task_leaves_over(isa: str) -> None:
    node = conv(5, 16, 16, kernel=1)
    found = work(node, isa, CONV)
    price = find_instruction_set(isa).price(CONV)
    cost = layer_cost(node, Execution.ROWS, 5, isa, CONV)
    left = sum(n * p for n, p in zip(found.left_over(5), price, strict=True))
    assert left > 0
    assert cost.of(5) - cost.of(1) == pytest.approx(
        4 * price.call
        + 5 * left
        - sum(n * p for n, p in zip(found.left_over(25), price, strict=True))
    )
