# SPDX-License-Identifier: Apache-2.0
"""An architecture as a graph of the compiler: of shapes alone, to be costed, or with weights."""

from __future__ import annotations

from mcuforge.compiler.builders.graph_builder import GraphBuilder, Tokens
from mcuforge.compiler.graph import Activation, Graph
from mcuforge.compiler.ops.common.window import Pair
from mcuforge.compiler.tensors import Tensor
from mcuforge.nas.architecture import Architecture, Layers, Task, lay

ONE: Pair = (1, 1)


def graph_of(architecture: Architecture, task: Task, seed: int | None = None) -> Graph:
    """The graph of an architecture, with weights drawn from `seed`, or with shapes alone."""
    build = GraphBuilder("network", seed)
    layers: Layers[Tensor] = GraphLayers(build)
    return build.graph(lay(layers, architecture, build.input((1, *task.image)), task.classes))


class GraphLayers:
    """Lays layers into a GraphBuilder; see architecture.Layers."""

    def __init__(self, build: GraphBuilder) -> None:
        self._build = build

    def shape(self, x: Tensor) -> tuple[int, ...]:
        return x.shape[1:]

    def conv(
        self, name: str, x: Tensor, filters: int, kernel: Pair, stride: Pair, act: Activation
    ) -> Tensor:
        return self._build.conv(x, filters, kernel, stride, act=act)

    def depthwise(
        self, name: str, x: Tensor, kernel: Pair, stride: Pair, act: Activation
    ) -> Tensor:
        return self._build.depthwise(x, kernel, stride, act=act)

    def patches(self, name: str, x: Tensor, filters: int, side: Pair) -> Tensor:
        return self._build.conv(x, filters, side, side, same=side == ONE)

    def add(self, a: Tensor, b: Tensor, act: Activation) -> Tensor:
        return self._build.add(a, b, act=act)

    def tokens(self, x: Tensor) -> Tensor:
        _, rows, columns, width = x.shape
        return self._build.reshape(x, (1, rows * columns, width))

    def class_token(self, name: str, x: Tensor) -> Tensor:
        return self._build.class_token(x)

    def positions(self, name: str, x: Tensor, grid: Pair) -> Tensor:
        return self._build.positions(x)

    def norm(self, name: str, x: Tensor) -> Tensor:
        return self._build.layer_norm(x)

    def attention(self, name: str, x: Tensor, heads: int, head_width: int, rank: int) -> Tensor:
        return self._build.attention(x, Tokens(heads, head_width, rank))

    def linear(self, name: str, x: Tensor, features: int, rank: int) -> Tensor:
        return self._build.low_rank(x, features, rank)

    def gelu(self, x: Tensor) -> Tensor:
        return self._build.gelu(x)

    def mean(self, x: Tensor) -> Tensor:
        return self._build.mean(x, tuple(range(1, len(x.shape) - 1)))

    def first(self, x: Tensor) -> Tensor:
        return self._build.first_token(x)
