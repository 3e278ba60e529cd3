# SPDX-License-Identifier: Apache-2.0
"""Small nodes with windows golden cases do not have: padding beyond the kernel, odd dilation."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import numpy as np

from mcuforge.compiler.graph import Node, Op
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.resize_nearest import ResizeNearest
from mcuforge.compiler.tensors import DType, Quant, Tensor
from mcuforge.errors import Refusal

DRAWN = 40  # nodes of each kind
QUANT = Quant((0.05,), 7)

Rng = np.random.Generator


@cache
def drawn_nodes(kind: str) -> tuple[tuple[str, Node], ...]:
    """Draw small nodes with any window a model file may state, without those that are refused."""
    rng = np.random.default_rng(zlib.crc32(kind.encode()))
    drawn: list[tuple[str, Node]] = []
    while len(drawn) < DRAWN:
        node = DRAW[kind](rng)
        try:
            node.op.check(node.inputs, node.output)
        except Refusal:
            continue
        shapes = [t.shape for t in node.inputs]
        drawn.append((f"{kind} drawn {len(drawn)}: {node.op} {shapes}", node))
    return tuple(drawn)


def image(rng: Rng) -> Tensor:
    height, width, channels = (int(n) for n in rng.integers(1, (10, 6, 5)))
    return Tensor("x", (1, height, width, channels), DType.INT8, QUANT)


def pair(rng: Rng, most: int) -> tuple[int, int]:
    a, b = rng.integers(1, most + 1, 2)
    return int(a), int(b)


def pads(rng: Rng, most: int) -> tuple[int, int, int, int]:
    a, b, c, d = rng.integers(0, most + 1, 4)
    return int(a), int(b), int(c), int(d)


def constant(rng: Rng, shape: tuple[int, ...]) -> Tensor:
    data = rng.integers(-128, 128, shape).astype(np.int8)
    return Tensor("w", shape, DType.INT8, Quant((0.02,)), data)


def node(op: Op, *inputs: Tensor, shape: tuple[int, ...], quant: Quant = QUANT) -> Node:
    return Node("n", op, inputs, Tensor("y", shape, DType.INT8, quant))


def conv(rng: Rng) -> Node:
    x = image(rng)
    op = Conv2D(pair(rng, 3), pads(rng, 5), pair(rng, 3))
    groups = int(rng.choice([g for g in range(1, 5) if x.shape[3] % g == 0]))
    filters = groups * int(rng.integers(1, 4))
    weights = constant(rng, (filters, *pair(rng, 4), x.shape[3] // groups))
    return windowed(op, x, weights, op.window(weights).output_size, filters)


def depthwise(rng: Rng) -> Node:
    x = image(rng)
    op = DepthwiseConv2D(pair(rng, 3), pads(rng, 5), pair(rng, 3))
    kernel = (x.shape[1] if rng.random() < 0.5 else int(rng.integers(1, 5)), pair(rng, 4)[1])
    weights = constant(rng, (1, *kernel, x.shape[3] * int(rng.integers(1, 3))))
    return windowed(op, x, weights, op.window(weights).output_size, weights.shape[3])


def windowed(
    op: Op,
    x: Tensor,
    weights: Tensor,
    size: Callable[[tuple[int, ...]], tuple[int, int]],
    channels: int,
) -> Node:
    """Make a node of the window's output size, or 1x1, to be refused, if it does not fit."""
    try:
        height, width = size(x.shape[1:3])
    except Refusal:
        height, width = 1, 1
    shape = (1, height, width, channels)
    return node(op, x, weights, shape=shape, quant=Quant((2.0,), -3))


def pool(rng: Rng) -> Node:
    x = image(rng)
    height = x.shape[1] if rng.random() < 0.5 else int(rng.integers(1, 5))
    kernel = (height, pair(rng, 4)[1])
    kind = AveragePool2D if rng.random() < 0.7 else MaxPool2D
    op = kind(kernel, pair(rng, 3), pads(rng, 3))
    return windowed_pool(op, x)


def windowed_pool(op: AveragePool2D | MaxPool2D, x: Tensor) -> Node:
    try:
        height, width = op.window.output_size(x.shape[1:3])
    except Refusal:
        height, width = 1, 1
    return node(op, x, shape=(1, height, width, x.shape[3]))


def mean(rng: Rng) -> Node:
    shape = (1, *(int(n) for n in rng.integers(1, 7, 3)))
    axes = tuple(a for a in range(4) if rng.random() < 0.5)
    x = Tensor("x", shape, DType.INT8, QUANT)
    kept = tuple(1 if a in axes else n for a, n in enumerate(shape))
    dropped = tuple(n for a, n in enumerate(shape) if a not in axes)
    return node(Mean(axes), x, shape=kept if rng.random() < 0.7 else dropped)


def linear(rng: Rng) -> Node:
    tokens, features, outputs = (int(n) for n in rng.integers(1, (4, 13, 6)))
    x = Tensor("x", (1, tokens, features), DType.INT8, QUANT)
    weights = constant(rng, (outputs, features))
    return node(FullyConnected(), x, weights, shape=(1, tokens, outputs), quant=Quant((0.3,), 1))


def resize(rng: Rng) -> Node:
    x = image(rng)
    size = (int(n) for n in rng.integers(1, (13, 9)))
    align, half = ((False, False), (True, False), (False, True))[int(rng.integers(3))]
    return node(ResizeNearest(align, half), x, shape=(1, *size, x.shape[3]))


DRAW: Mapping[str, Callable[[Rng], Node]] = MappingProxyType(
    {
        "conv2d": conv,
        "depthwise_conv2d": depthwise,
        "pool": pool,
        "resize_nearest": resize,
        "mean": mean,
        "fully_connected": linear,
    }
)
