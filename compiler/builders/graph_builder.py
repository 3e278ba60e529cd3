# SPDX-License-Identifier: Apache-2.0
"""Builds graphs of the compiler layer by layer, without a model file: from shapes alone, or whole.

A network that is only to be costed needs no weights: they are `tensors.unknown`, so the largest
layer takes no memory and no time. Given a seed, the same calls draw weights, and the graph computes
something. Shapes and quantization are the same in both, so that plan and cost are too.

Quantization is that of ONNX files: each result is rounded once. The builder assumes that the values
of an activation spread over SPREAD quantized steps, and chooses the scales of weights so that the
layer's own output spreads as far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from math import prod, sqrt

import numpy as np

from mcuforge.compiler.graph import Activation, Graph, Node, Op
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.average_pool2d import AveragePool2D
from mcuforge.compiler.ops.batch_matmul import BatchMatMul
from mcuforge.compiler.ops.common.window import Pair, resolve_padding
from mcuforge.compiler.ops.concatenation import Concatenation
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.fully_connected import FullyConnected
from mcuforge.compiler.ops.layer_norm import LayerNorm
from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.mul import Mul
from mcuforge.compiler.ops.reshape import Reshape
from mcuforge.compiler.ops.slice import Slice
from mcuforge.compiler.ops.softmax_qdq import SoftmaxQdq
from mcuforge.compiler.ops.tables.gelu import Gelu
from mcuforge.compiler.ops.tables.logistic import Logistic
from mcuforge.compiler.ops.tables.table import TableOp
from mcuforge.compiler.ops.transpose import Transpose
from mcuforge.compiler.tensors import Array, DType, Quant, Tensor, unknown

SPREAD = 40.0  # standard deviation of an activation, in quantized steps
WEIGHT_SPREAD = 32.0  # of int8 weights, drawn normally, as trained ones lie
SCALE = 0.03  # of the input; others are a little larger, each another: so are trained ones
PROBABILITY = Quant((1 / 256,), -128, nearest=True)
IMAGE = Quant((SCALE,), 0, nearest=True)
EPSILON = 1e-6
KEPT = 1 << 14  # weights and biases without values that candidates of a search share
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Tokens:
    """Attention over tokens (1, t, width): heads of `head_width` columns each."""

    heads: int
    head_width: int
    rank: int = 0  # of every projection; 0: one matrix instead of three


class GraphBuilder:
    """Collects nodes; each method adds one layer and returns its output.

    Images are NHWC, tokens (1, t, width). `seed`: of the weights; None for shapes alone. Names are
    given, or follow from the number of nodes so far.
    """

    def __init__(self, name: str, seed: int | None = None) -> None:
        self._name = name
        self._rng = None if seed is None else np.random.default_rng(seed)
        self._nodes: list[Node] = []
        self._inputs: list[Tensor] = []

    def graph(self, *outputs: Tensor) -> Graph:
        """The graph so far, with these outputs."""
        return Graph(
            self._name,
            tuple(self._inputs),
            outputs,
            tuple(self._nodes),
            source=self._name,
            format="onnx",
        )

    def input(self, shape: Shape, quant: Quant = IMAGE) -> Tensor:
        """Add an int8 input."""
        tensor = Tensor(f"input{len(self._inputs)}", shape, DType.INT8, quant)
        self._inputs.append(tensor)
        return tensor

    def conv(
        self,
        x: Tensor,
        filters: int,
        kernel: int | Pair = 3,
        stride: int | Pair = 1,
        *,
        act: Activation = "none",
        same: bool = True,
    ) -> Tensor:
        """Add a convolution with a bias; `same`: padded so that only the stride shrinks it."""
        size, step = _pair(kernel), _pair(stride)
        pads = resolve_padding("same" if same else "valid", x.shape[1:3], size, step, (1, 1))
        weights = (filters, *size, x.shape[3])
        op = Conv2D(step, pads, (1, 1), act)
        shape = (1, *op.window(_shaped(weights)).output_size(x.shape[1:3]), filters)
        return self._weighted(op, x, weights, 0, shape, prod(weights[1:]))

    def depthwise(
        self,
        x: Tensor,
        kernel: int | Pair = 3,
        stride: int | Pair = 1,
        *,
        act: Activation = "none",
    ) -> Tensor:
        """Add a depthwise convolution with a bias, padded so that only the stride shrinks it."""
        size, step = _pair(kernel), _pair(stride)
        pads = resolve_padding("same", x.shape[1:3], size, step, (1, 1))
        weights = (1, *size, x.shape[3])
        op = DepthwiseConv2D(step, pads, (1, 1), act)
        shape = (1, *op.window(_shaped(weights)).output_size(x.shape[1:3]), x.shape[3])
        return self._weighted(op, x, weights, 3, shape, prod(size))

    def linear(self, x: Tensor, features: int, *, bias: bool = True) -> Tensor:
        """Add a fully connected layer over the last axis."""
        shape, weights = (*x.shape[:-1], features), (features, x.shape[-1])
        return self._weighted(FullyConnected(), x, weights, 0, shape, x.shape[-1], bias=bias)

    def low_rank(self, x: Tensor, features: int, rank: int) -> Tensor:
        """Add a linear layer as three factors: in x rank, rank x rank, rank x out. 0: one matrix.

        MCUFormer's decomposition (Liang et al., NeurIPS 2023).
        """
        if rank:
            x = self.linear(self.linear(x, rank, bias=False), rank, bias=False)
        return self.linear(x, features)

    def add(self, a: Tensor, b: Tensor, *, act: Activation = "none") -> Tensor:
        """Add two tensors of one shape."""
        return self._node(Add(act=act), (a, b), a.shape, self._after(act))

    def multiply(self, a: Tensor, b: Tensor) -> Tensor:
        """Multiply `a` by `b`, which is as large, or has one element per channel."""
        return self._node(Mul(), (a, b), a.shape, a.quant or IMAGE)

    def positions(self, x: Tensor) -> Tensor:
        """Add a constant of one image's or one sequence's shape: position embeddings."""
        shape = x.shape[1:]
        constant = self._constant("position", shape, DType.INT8, IMAGE, spread=WEIGHT_SPREAD)
        return self._node(Add(), (x, constant), x.shape, self._after())

    def max_pool(self, x: Tensor, kernel: int = 2, stride: int = 2) -> Tensor:
        """Add max pooling without padding."""
        op = MaxPool2D((kernel, kernel), (stride, stride))
        return self._node(op, (x,), _pooled(x, kernel, stride), x.quant or IMAGE)

    def average_pool(self, x: Tensor, kernel: int = 2, stride: int = 2) -> Tensor:
        """Add average pooling without padding."""
        op = AveragePool2D((kernel, kernel), (stride, stride))
        return self._node(op, (x,), _pooled(x, kernel, stride), x.quant or IMAGE)

    def mean(self, x: Tensor, axes: tuple[int, ...], *, keep: bool = False) -> Tensor:
        """Average over `axes`, kept as 1 or dropped."""
        kept = [1 if i in axes else n for i, n in enumerate(x.shape) if keep or i not in axes]
        return self._node(Mean(axes), (x,), tuple(kept), x.quant or IMAGE)

    def reshape(self, x: Tensor, shape: Shape) -> Tensor:
        """Give the same bytes another shape."""
        return self._node(Reshape(), (x,), shape, x.quant or IMAGE)

    def transpose(self, x: Tensor, perm: tuple[int, ...]) -> Tensor:
        """Order the axes anew."""
        return self._node(Transpose(perm), (x,), tuple(x.shape[i] for i in perm), x.quant or IMAGE)

    def concatenate(self, parts: Sequence[Tensor], axis: int) -> Tensor:
        """Join tensors of one quantization along `axis`."""
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        return self._node(Concatenation(axis), tuple(parts), tuple(shape), parts[0].quant or IMAGE)

    def class_token(self, x: Tensor) -> Tensor:
        """Put a constant token in front of tokens (1, t, width)."""
        shape, quant = (1, 1, x.shape[2]), x.quant or IMAGE
        token = self._constant("class_token", shape, DType.INT8, quant, spread=WEIGHT_SPREAD)
        return self.concatenate((token, x), 1)

    def first_token(self, x: Tensor) -> Tensor:
        """Take the first of tokens (1, t, width): (1, width)."""
        op = Slice((0, 0, 0), (1, 1, 1))
        token = self._node(op, (x,), (1, 1, x.shape[2]), x.quant or IMAGE)
        return self.reshape(token, (1, x.shape[2]))

    def layer_norm(self, x: Tensor) -> Tensor:
        """Normalize over the last axis."""
        width = x.shape[-1:]
        gamma = self._constant("gamma", width, DType.FLOAT32, None, spread=0.1, centre=1.0)
        beta = self._constant("beta", width, DType.FLOAT32, None, spread=0.1)
        return self._node(LayerNorm(EPSILON), (x, gamma, beta), x.shape, self._after())

    def gelu(self, x: Tensor) -> Tensor:
        """Add a GELU."""
        return self._table(Gelu(), x, self._after())

    def sigmoid(self, x: Tensor) -> Tensor:
        """Add a sigmoid."""
        return self._table(Logistic(), x, PROBABILITY)

    def softmax(self, x: Tensor) -> Tensor:
        """Add a softmax over the last axis."""
        return self._node(SoftmaxQdq(), (x,), x.shape, PROBABILITY)

    def attention(self, x: Tensor, tokens: Tokens) -> Tensor:
        """Add multi-head self-attention over (1, t, width), its output projection included."""
        _, count, width = x.shape
        heads, columns = tokens.heads, tokens.head_width
        # in the order of onnxruntime's quantizer, which decides what is in memory at the same time
        parts = [x, x, x]
        if tokens.rank:
            for _ in range(2):
                parts = [self.linear(part, tokens.rank, bias=False) for part in parts]
        parts = [self.linear(part, heads * columns) for part in parts]
        q, k, v = [self.reshape(part, (1, count, heads, columns)) for part in parts]
        by_head = (0, 2, 1, 3)
        square = (1, heads, count, count)
        pair = (self.transpose(q, by_head), self.transpose(k, by_head))
        scores = self._node(BatchMatMul(adj_y=True), pair, square, self._after())
        weights = self.softmax(scores)
        values = self.transpose(v, by_head)
        shape = (1, heads, count, columns)
        mixed = self._node(BatchMatMul(), (weights, values), shape, self._after())
        by_token = self.transpose(mixed, by_head)
        joined = self.reshape(by_token, (1, count, heads * columns))
        return self.low_rank(joined, width, tokens.rank)

    def transformer(self, x: Tensor, tokens: Tokens, hidden: int) -> Tensor:
        """Add a block: attention and an MLP, each behind a LayerNorm and added to the stream."""
        x = self.add(x, self.attention(self.layer_norm(x), tokens))
        wide = self.gelu(self.low_rank(self.layer_norm(x), hidden, tokens.rank))
        return self.add(x, self.low_rank(wide, x.shape[2], tokens.rank))

    def squeeze_excite(self, x: Tensor, channels: int) -> Tensor:
        """Scale each channel of an image by a gate: means, two 1x1 convolutions, a sigmoid."""
        means = self.mean(x, (1, 2), keep=True)
        gates = self.conv(self.conv(means, channels, 1, act="relu"), x.shape[3], 1)
        return self.multiply(x, self.sigmoid(gates))

    def _weighted(
        self,
        op: Op,
        x: Tensor,
        shape: Shape,
        axis: int,
        output: Shape,
        products: int,
        *,
        bias: bool = True,
    ) -> Tensor:
        """Add a layer with weights, a scale for each slice of `axis`, and an int32 bias."""
        quant = self._after(getattr(op, "act", "none"))
        channels = shape[axis]
        scale = quant.scale[0] / (x.scale * WEIGHT_SPREAD * sqrt(products))
        number, of_bias = len(self._nodes), scale * x.scale
        inputs: tuple[Tensor, ...] = (
            x,
            self._drawn(_unknown("weights", number, shape, DType.INT8, scale, axis), WEIGHT_SPREAD),
        )
        if bias:
            spread = SPREAD * WEIGHT_SPREAD * sqrt(products) / 10
            added = _unknown("bias", number, (channels,), DType.INT32, of_bias, 0)
            inputs += (self._drawn(added, spread),)
        return self._node(op, inputs, output, quant)

    def _after(self, act: Activation = "none") -> Quant:
        """The quantization of what leaves the next layer, and its activation."""
        return _of_layer(len(self._nodes), 0 if act == "none" else -128)

    def _table(self, op: TableOp, x: Tensor, quant: Quant) -> Tensor:
        return self._node(op, (x,), x.shape, quant)

    def _node(self, op: Op, inputs: tuple[Tensor, ...], shape: Shape, quant: Quant) -> Tensor:
        name = f"{op.kind}{len(self._nodes)}"
        output = Tensor(name, shape, DType.INT8, quant)
        self._nodes.append(Node(name, op, inputs, output, origin=f"layer {len(self._nodes)}"))
        return output

    def _constant(
        self,
        name: str,
        shape: Shape,
        dtype: DType,
        quant: Quant | None,
        *,
        spread: float = 0.0,
        centre: float = 0.0,
    ) -> Tensor:
        """A constant, drawn from a normal distribution with `spread` about `centre`."""
        if dtype is DType.FLOAT32:
            data: Array = np.full(shape, centre, np.float32)  # of a LayerNorm: small, and looked at
        else:
            data = unknown(shape, dtype)
        constant = Tensor(f"{name}{len(self._nodes)}", shape, dtype, quant, data)
        return self._drawn(constant, spread, centre)

    def _drawn(self, constant: Tensor, spread: float, centre: float = 0.0) -> Tensor:
        """The constant with values, if the network has any."""
        if self._rng is None:
            return constant
        drawn = self._rng.standard_normal(constant.shape) * spread + centre
        limit = 127.0 if constant.dtype is DType.INT8 else np.inf
        data = np.clip(drawn, -limit, limit).astype(constant.dtype.numpy)
        return replace(constant, data=data)


@cache
def _of_layer(number: int, zero_point: int) -> Quant:
    """The quantization of what the layer with this number writes."""
    return Quant((SCALE * (1 + (number + 1) / 1024),), zero_point, nearest=True)


@lru_cache(maxsize=KEPT)
def _unknown(name: str, number: int, shape: Shape, dtype: DType, scale: float, axis: int) -> Tensor:
    """Weights or biases of the layer with this number, with one scale for all slices of `axis`."""
    quant = Quant((scale,) * shape[axis], 0, axis)
    return Tensor(f"{name}{number}", shape, dtype, quant, unknown(shape, dtype))


def _pair(size: int | Pair) -> Pair:
    return (size, size) if isinstance(size, int) else size


def _pooled(x: Tensor, kernel: int, stride: int) -> Shape:
    rows, columns = ((side - kernel) // stride + 1 for side in x.shape[1:3])
    return (1, rows, columns, x.shape[3])


def _shaped(shape: Shape) -> Tensor:
    """A tensor of which only the shape is asked for."""
    return Tensor("", shape, DType.INT8)
