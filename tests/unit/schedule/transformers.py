# SPDX-License-Identifier: Apache-2.0
"""Vision transformers of any shape, made node by node, in the spellings files come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mcuforge.compiler.graph import Graph, Node, Op
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.layer_norm import LayerNorm
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.mul import Mul
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.softmax import Softmax
from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.tensors import DType, Quant, Tensor
from tests.unit.compiler.graphs import constant, tensor

W = Quant((0.02,))
PROBABILITY = Quant((1 / 256,), -128)


@dataclass(frozen=True)
class Shape:
    """The sizes of a transformer. `head_width`: width / heads unless given."""

    image: int = 16
    patch: int = 4
    width: int = 12
    blocks: int = 1
    heads: int = 3
    mlp: int = 2
    classes: int = 10
    class_token: bool = False
    fused: bool = False  # one projection for queries, keys and values
    turned: bool = False  # keys transposed before the product instead of by it
    scale: bool = False  # queries multiplied by a constant
    bias: bool = False  # a table added to the scores
    low_rank: bool = False  # every linear layer of a block as a pair
    head_width: int | None = None
    name: str = "vit"

    @property
    def side(self) -> int:
        """Patches along one side."""
        return self.image // self.patch

    @property
    def tokens(self) -> int:
        """Rows of the residual stream."""
        return self.side**2 + self.class_token

    @property
    def inner(self) -> int:
        """Width of all heads together."""
        return self.heads * (self.head_width or self.width // self.heads)


def transformer(shape: Shape) -> Graph:
    """The whole network, patch embedding to logits."""
    return _Builder(shape).graph()


class _Builder:
    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.nodes: list[Node] = []

    def graph(self) -> Graph:
        s = self.shape
        image = tensor("image", (1, s.image, s.image, 3))
        grid = (1, s.side, s.side, s.width)
        weights = constant("patch_w", (s.width, s.patch, s.patch, 3), W)
        x = self.add("patches", Conv2D((s.patch, s.patch)), (image, weights), grid)
        x = self.add("tokens", Reshape(), (x,), (1, s.side**2, s.width))
        full = (1, s.tokens, s.width)
        if s.class_token:
            token = constant("class_token", (1, 1, s.width))
            x = self.add("with_class", Concatenation(1), (token, x), full)
        x = self.add("position", Add(), (x, constant("positions", full)), full)
        for i in range(s.blocks):
            x = self.block(f"block{i}", x)
        x = self.norm("last_norm", x)
        if s.class_token:
            x = self.add("class", Slice((0, 0, 0), (1, 1, 1)), (x,), (1, 1, s.width))
            x = self.add("pooled", Reshape(), (x,), (1, s.width))
        else:
            x = self.add("pooled", Mean((1,)), (x,), (1, s.width))
        x = self.linear("logits", x, s.classes)
        return Graph(s.name, (image,), (x,), tuple(self.nodes), f"{s.name}.onnx")

    def block(self, name: str, x: Tensor) -> Tensor:
        s = self.shape
        full = (1, s.tokens, s.width)
        h = self.linear(
            f"{name}_proj", self.attention(name, self.norm(f"{name}_norm1", x)), s.width
        )
        x = self.add(f"{name}_sum1", Add(), (x, h), full)
        h = self.linear(f"{name}_up", self.norm(f"{name}_norm2", x), s.width * s.mlp)
        gelu = Lookup("gelu", tuple(int(max(v, v // 4)) for v in range(-128, 128)))
        h = self.add(f"{name}_gelu", gelu, (h,), h.shape)
        h = self.linear(f"{name}_down", h, s.width)
        return self.add(f"{name}_sum2", Add(), (x, h), full)

    def attention(self, name: str, x: Tensor) -> Tensor:
        s = self.shape
        wide, e = s.inner, s.inner // s.heads
        if s.fused:
            qkv = self.linear(f"{name}_qkv", x, 3 * wide)
            qkv = self.add(f"{name}_apart", Reshape(), (qkv,), (1, s.tokens, 3, s.heads, e))
            turned = (3, 1, s.heads, s.tokens, e)
            qkv = self.add(f"{name}_turn", Transpose((2, 0, 3, 1, 4)), (qkv,), turned)
            parts = []
            for i, part in enumerate("qkv"):
                cut = Slice((i, 0, 0, 0, 0), (1,) * 5)
                one = self.add(f"{name}_{part}_cut", cut, (qkv,), (1, *turned[1:]))
                parts.append(self.add(f"{name}_{part}", Reshape(), (one,), turned[1:]))
            q, k, v = parts
        else:
            q, k, v = (self.heads_of(f"{name}_{part}", x) for part in "qkv")
        if s.scale:
            q = self.add(f"{name}_scaled", Mul(), (q, constant(f"{name}_scale", (1,))), q.shape)
        if s.turned:
            k = self.add(
                f"{name}_k_turned", Transpose((0, 1, 3, 2)), (k,), (1, s.heads, e, s.tokens)
            )
        square = (1, s.heads, s.tokens, s.tokens)
        scores = self.add(f"{name}_scores", BatchMatMul(adj_y=not s.turned), (q, k), square)
        if s.bias:
            table = constant(f"{name}_bias", square)
            scores = self.add(f"{name}_biased", Add(), (scores, table), square)
        shares = self.add(f"{name}_softmax", Softmax(), (scores,), square, PROBABILITY)
        o = self.add(f"{name}_values", BatchMatMul(), (shares, v), (1, s.heads, s.tokens, e))
        o = self.add(f"{name}_back", Transpose((0, 2, 1, 3)), (o,), (1, s.tokens, s.heads, e))
        return self.add(f"{name}_joined", Reshape(), (o,), (1, s.tokens, wide))

    def heads_of(self, name: str, x: Tensor) -> Tensor:
        s = self.shape
        x = self.linear(f"{name}", x, s.inner)
        e = s.inner // s.heads
        x = self.add(f"{name}_split", Reshape(), (x,), (1, s.tokens, s.heads, e))
        return self.add(f"{name}_turn", Transpose((0, 2, 1, 3)), (x,), (1, s.heads, s.tokens, e))

    def norm(self, name: str, x: Tensor) -> Tensor:
        size = x.shape[-1]
        rng = np.random.default_rng(size)
        ones = (0.5 + rng.random(size)).astype(np.float32)
        gamma = Tensor(f"{name}_gamma", (size,), DType.FLOAT32, None, ones)
        beta = Tensor(f"{name}_beta", (size,), DType.FLOAT32, None, ones - 1)
        return self.add(name, LayerNorm(1e-5), (x, gamma, beta), x.shape, Quant((0.03,), 3))

    def linear(self, name: str, x: Tensor, features: int) -> Tensor:
        if self.shape.low_rank and name.startswith("block"):
            rank = 3 * min(features, x.shape[-1]) // 4
            x = self.dense(f"{name}_low", x, rank)
        return self.dense(name, x, features)

    def dense(self, name: str, x: Tensor, features: int) -> Tensor:
        weights = constant(f"{name}_w", (features, x.shape[-1]), W)
        return self.add(name, FullyConnected(), (x, weights), (*x.shape[:-1], features))

    def add(
        self,
        name: str,
        op: Op,
        inputs: tuple[Tensor, ...],
        shape: tuple[int, ...],
        quant: Quant | None = None,
    ) -> Tensor:
        if quant is None:
            moves = isinstance(op, Reshape | Transpose | Slice | Concatenation)
            quant = inputs[-1].quant if moves else Quant((0.1,), -5)
        out = tensor(f"{name}_out", shape, quant=quant)
        self.nodes.append(Node(name, op, inputs, out, f"operator {len(self.nodes)}"))
        return out
