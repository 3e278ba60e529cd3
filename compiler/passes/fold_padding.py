# SPDX-License-Identifier: Apache-2.0
"""Lets convolutions pad on their own instead of reading a padded tensor from memory."""

from dataclasses import replace

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.pad import Pad


def fold_padding(graph: Graph) -> Graph:
    """Move a Pad of height and width with the zero point into the convolutions that read it.

    Exact because a convolution pads with the zero point too. The Pad stays while anything else
    reads it; drop_unread removes it otherwise.
    """
    nodes = tuple(_absorb(graph, node) for node in graph.nodes)
    return graph if nodes == graph.nodes else replace(graph, nodes=nodes)


def _absorb(graph: Graph, node: Node) -> Node:
    if not isinstance(node.op, Conv2D | DepthwiseConv2D):
        return node
    source = graph.writer(node.inputs[0])
    if source is None or not isinstance(source.op, Pad):
        return node
    before, after = source.op.before, source.op.after
    x = source.inputs[0]
    only_image = len(before) == 4 and before[0] == before[3] == after[0] == after[3] == 0
    same_quant = x.quant == source.output.quant and source.op.value == x.zero_point
    if not only_image or not same_quant or x.is_constant:
        return node
    top, left, bottom, right = node.op.pad
    pad = (top + before[1], left + before[2], bottom + after[1], right + after[2])
    return replace(node, op=replace(node.op, pad=pad), inputs=(x, *node.inputs[1:]))
