# SPDX-License-Identifier: Apache-2.0
"""The least flash an architecture takes: its weights, counted without a graph.

Most architectures of a space are far too large for a small board. They are refused here at a small
part of what building their graph takes.
"""

from __future__ import annotations

from math import prod

from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.window import Pair
from mcuforge.nas.architecture import Architecture, Layers, Task, lay

Shape = tuple[int, ...]


def least_flash(architecture: Architecture, task: Task) -> int:
    """Bytes that the int8 weights take: one each, however they are packed."""
    counts = WeightCounts()
    layers: Layers[Shape] = counts
    lay(layers, architecture, task.image, task.classes)
    return counts.total


class WeightCounts:
    """Lays layers as shapes, and counts their weights; see architecture.Layers."""

    def __init__(self) -> None:
        self.total = 0

    def shape(self, x: Shape) -> Shape:
        return x

    def conv(
        self, name: str, x: Shape, filters: int, kernel: Pair, stride: Pair, act: Activation
    ) -> Shape:
        self.total += filters * prod(kernel) * x[2]
        return (-(-x[0] // stride[0]), -(-x[1] // stride[1]), filters)

    def depthwise(self, name: str, x: Shape, kernel: Pair, stride: Pair, act: Activation) -> Shape:
        self.total += prod(kernel) * x[2]
        return (-(-x[0] // stride[0]), -(-x[1] // stride[1]), x[2])

    def patches(self, name: str, x: Shape, filters: int, side: Pair) -> Shape:
        self.total += filters * prod(side) * x[2]
        return (x[0] // side[0], x[1] // side[1], filters)

    def add(self, a: Shape, b: Shape, act: Activation) -> Shape:
        return a

    def tokens(self, x: Shape) -> Shape:
        return (x[0] * x[1], x[2])

    def class_token(self, name: str, x: Shape) -> Shape:
        return (x[0] + 1, x[1])

    def positions(self, name: str, x: Shape, grid: Pair) -> Shape:
        return x

    def norm(self, name: str, x: Shape) -> Shape:
        return x

    def attention(self, name: str, x: Shape, heads: int, head_width: int, rank: int) -> Shape:
        for _ in range(3):
            self.linear(name, x, heads * head_width, rank)
        return self.linear(name, (x[0], heads * head_width), x[1], rank)

    def linear(self, name: str, x: Shape, features: int, rank: int) -> Shape:
        inputs = x[-1]
        if rank:
            self.total += (inputs + rank) * rank
            inputs = rank
        self.total += inputs * features
        return (*x[:-1], features)

    def gelu(self, x: Shape) -> Shape:
        return x

    def mean(self, x: Shape) -> Shape:
        return x[-1:]

    def first(self, x: Shape) -> Shape:
        return x[1:]
