# SPDX-License-Identifier: Apache-2.0
"""Small convolutional graphs, made layer by layer."""

from __future__ import annotations

from mcuforge.compiler.graph import Graph, Node
from mcuforge.compiler.ops.add import Add
from mcuforge.compiler.ops.conv2d import Conv2D
from mcuforge.compiler.ops.depthwise_conv2d import DepthwiseConv2D
from mcuforge.compiler.ops.mean import Mean
from mcuforge.compiler.ops.tables.relu import Relu
from mcuforge.compiler.tensors import Quant, Tensor
from tests.unit.compiler.graphs import constant, tensor


class Net:
    """Grows a graph; every method adds a node and returns its output."""

    def __init__(self, *shape: int, name: str = "net") -> None:
        self.name = name
        self.x = tensor("x", (1, *shape))
        self.nodes: list[Node] = []

    def conv(self, x: Tensor, channels: int, kernel: int = 3, stride: int = 1) -> Tensor:
        """A convolution padded to keep the size (before the stride)."""
        out = self._out((x.shape[1] - 1) // stride + 1, (x.shape[2] - 1) // stride + 1, channels)
        weights = constant(f"w{len(self.nodes)}", (channels, kernel, kernel, x.shape[3]), W)
        pad = kernel // 2
        op = Conv2D((stride, stride), (pad, pad, pad, pad))
        return self._add(op, (x, weights), out)

    def depthwise(self, x: Tensor, kernel: int = 3, stride: int = 1) -> Tensor:
        """A depthwise convolution padded likewise."""
        out = self._out((x.shape[1] - 1) // stride + 1, (x.shape[2] - 1) // stride + 1, x.shape[3])
        weights = constant(f"w{len(self.nodes)}", (1, kernel, kernel, x.shape[3]), W)
        pad = kernel // 2
        return self._add(DepthwiseConv2D((stride, stride), (pad,) * 4), (x, weights), out)

    def relu(self, x: Tensor) -> Tensor:
        """A rectifier."""
        return self._add(Relu("relu"), (x,), self._out(*x.shape[1:]))

    def sum(self, a: Tensor, b: Tensor) -> Tensor:
        """An addition."""
        return self._add(Add(), (a, b), self._out(*a.shape[1:]))

    def mean(self, x: Tensor) -> Tensor:
        """The mean over the image."""
        return self._add(Mean((1, 2)), (x,), tensor(f"t{len(self.nodes)}", (1, x.shape[3])))

    def graph(self, *outputs: Tensor) -> Graph:
        """All of it."""
        return Graph(self.name, (self.x,), outputs, tuple(self.nodes), f"{self.name}.tflite")

    def _out(self, *shape: int) -> Tensor:
        return tensor(f"t{len(self.nodes)}", (1, *shape))

    def _add(
        self,
        op: Conv2D | DepthwiseConv2D | Relu | Add | Mean,
        inputs: tuple[Tensor, ...],
        out: Tensor,
    ) -> Tensor:
        self.nodes.append(Node(f"to_{out.name}", op, inputs, out, f"operator {len(self.nodes)}"))
        return out


W = Quant((0.02,), 0)


def chain_of_convs(count: int, size: int = 12, channels: int = 4) -> Graph:
    """3x3 convolutions one after another."""
    net = Net(size, size, channels)
    x = net.x
    for _ in range(count):
        x = net.conv(x, channels)
    return net.graph(x)


def residual_net(size: int = 16, channels: int = 8) -> Graph:
    """Two residual blocks, the second with a stride and a 1x1 shortcut, and a mean."""
    net = Net(size, size, 3)
    x = net.conv(net.x, channels)
    x = net.sum(net.conv(net.conv(x, channels), channels), x)
    main = net.conv(net.conv(x, 2 * channels, stride=2), 2 * channels)
    x = net.sum(main, net.conv(x, 2 * channels, kernel=1, stride=2))
    return net.graph(net.mean(x))
