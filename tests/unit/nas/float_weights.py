# SPDX-License-Identifier: Apache-2.0
"""Random float weights of an architecture, by the names that `onnx_layers` looks for."""

from __future__ import annotations

from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.builders.graph_builder import GraphBuilder
from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.window import Pair
from mcuforge.compiler.tensors import Tensor
from mcuforge.nas.architecture import Architecture, Layers, Task, lay
from mcuforge.nas.graph_layers import GraphLayers

Float = NDArray[np.float32]


def random_weights(architecture: Architecture, task: Task, seed: int) -> dict[str, Float]:
    """Weights that keep activations their size."""
    build = GraphBuilder("shapes", None)
    drawing = Drawing(build, seed)
    layers: Layers[Tensor] = drawing
    lay(layers, architecture, build.input((1, *task.image)), task.classes)
    return drawing.drawn


class Drawing(GraphLayers):
    """Lays a graph for its shapes, and draws the weights of each layer."""

    def __init__(self, build: GraphBuilder, seed: int) -> None:
        super().__init__(build)
        self._rng = np.random.default_rng(seed)
        self.drawn: dict[str, Float] = {}

    def conv(
        self, name: str, x: Tensor, filters: int, kernel: Pair, stride: Pair, act: Activation
    ) -> Tensor:
        self._convolution(name, (filters, x.shape[3], *kernel))
        return super().conv(name, x, filters, kernel, stride, act)

    def depthwise(
        self, name: str, x: Tensor, kernel: Pair, stride: Pair, act: Activation
    ) -> Tensor:
        self._convolution(name, (x.shape[3], 1, *kernel))
        return super().depthwise(name, x, kernel, stride, act)

    def patches(self, name: str, x: Tensor, filters: int, side: Pair) -> Tensor:
        self._convolution(name, (filters, x.shape[3], *side))
        return super().patches(name, x, filters, side)

    def class_token(self, name: str, x: Tensor) -> Tensor:
        self._draw(name, (1, 1, x.shape[2]), 1.0)
        return super().class_token(name, x)

    def positions(self, name: str, x: Tensor, grid: Pair) -> Tensor:
        self._draw(f"{name}.grid", (x.shape[2], *grid), 1.0)
        if x.shape[1] > prod(grid):
            self._draw(f"{name}.class", (1, x.shape[2]), 1.0)
        return super().positions(name, x, grid)

    def norm(self, name: str, x: Tensor) -> Tensor:
        self._draw(f"{name}.gain", x.shape[-1:], 0.1, 1.0)
        self._draw(f"{name}.shift", x.shape[-1:], 0.1)
        return super().norm(name, x)

    def attention(self, name: str, x: Tensor, heads: int, head_width: int, rank: int) -> Tensor:
        width, columns = x.shape[2], heads * head_width
        for part in "qkv":
            self._matrices(f"{name}.{part}", width, columns, rank)
        self._matrices(f"{name}.out", columns, width, rank)
        return super().attention(name, x, heads, head_width, rank)

    def linear(self, name: str, x: Tensor, features: int, rank: int) -> Tensor:
        self._matrices(name, x.shape[-1], features, rank)
        return super().linear(name, x, features, rank)

    def _convolution(self, name: str, shape: tuple[int, ...]) -> None:
        self._draw(f"{name}.weight", shape, sqrt(2 / prod(shape[1:])))
        self._draw(f"{name}.bias", shape[:1], 0.1)

    def _matrices(self, name: str, inputs: int, features: int, rank: int) -> None:
        last = "weight"
        if rank:
            self._draw(f"{name}.down", (rank, inputs), 1 / sqrt(inputs))
            self._draw(f"{name}.core", (rank, rank), 1 / sqrt(rank))
            inputs, last = rank, "up"
        self._draw(f"{name}.{last}", (features, inputs), 1 / sqrt(inputs))
        self._draw(f"{name}.bias", (features,), 0.1)

    def _draw(self, name: str, shape: tuple[int, ...], spread: float, centre: float = 0.0) -> None:
        assert name not in self.drawn, f"two layers are called {name}"
        drawn = self._rng.standard_normal(shape, np.float32)
        self.drawn[name] = drawn * np.float32(spread) + np.float32(centre)
