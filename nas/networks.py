# SPDX-License-Identifier: Apache-2.0
"""Families of networks as data: a description of one network is a few numbers, and its graph.

The families are those that an architecture search for microcontrollers asks for: residual and
inverted-residual CNNs, hybrids of convolutions and tokens, vision transformers (low rank included)
and 1-D convolutions. `graph()` takes a seed for random weights, or None for a graph that can be
costed only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mcuforge.compiler.builders.graph_builder import GraphBuilder, Tokens
from mcuforge.compiler.graph import Graph
from mcuforge.compiler.tensors import Tensor

CLASSES = 10


class Network(Protocol):
    """The description of one network."""

    def graph(self, seed: int | None = None) -> Graph:
        """Its graph, with weights drawn from `seed`, or with shapes alone."""
        ...


@dataclass(frozen=True)
class Stage:
    """`depth` blocks of `width` channels; the first one has the `stride`."""

    width: int
    depth: int
    stride: int = 2
    kernel: int = 3
    expansion: int = 1  # of inverted residuals


@dataclass(frozen=True)
class ResidualNet:
    """A stem, stages of residual blocks of two 3x3 convolutions, a mean and a classifier.

    He et al., "Deep Residual Learning for Image Recognition", section 4.2; ResNet-8 of MLPerf Tiny
    is stem 16 and stages of 16, 32 and 64 channels, one block each.
    """

    stem: int
    stages: tuple[Stage, ...]
    image: int = 32
    classes: int = CLASSES

    def graph(self, seed: int | None = None) -> Graph:
        """Its graph; see Network."""
        build = GraphBuilder("residual", seed)
        x = build.input((1, self.image, self.image, 3))
        x = build.conv(x, self.stem, act="relu")
        for stage in self.stages:
            for block in range(stage.depth):
                x = residual_block(build, x, stage.width, 1 if block else stage.stride)
        return _classified(build, x, self.classes)


@dataclass(frozen=True)
class InvertedNet:
    """A stem, stages of inverted residuals, a 1x1 convolution, a mean and a classifier.

    Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 1.
    """

    stem: int
    stages: tuple[Stage, ...]
    last: int  # channels of the last 1x1 convolution; 0: there is none
    image: int = 32
    stem_stride: int = 1
    classes: int = CLASSES

    def graph(self, seed: int | None = None) -> Graph:
        """Its graph; see Network."""
        build = GraphBuilder("inverted", seed)
        x = build.input((1, self.image, self.image, 3))
        x = build.conv(x, self.stem, 3, self.stem_stride, act="relu")
        for stage in self.stages:
            for block in range(stage.depth):
                x = inverted_block(build, x, stage, 1 if block else stage.stride)
        if self.last:
            x = build.conv(x, self.last, 1, act="relu")
        return _classified(build, x, self.classes)


@dataclass(frozen=True)
class Blocks:
    """Transformer blocks over tokens of `width`: the hidden width of each one's MLP, its heads."""

    width: int
    hidden: tuple[int, ...]
    heads: tuple[int, ...]
    head_width: int
    rank: int = 0  # of every linear layer; 0: whole matrices

    def add_to(self, build: GraphBuilder, x: Tensor) -> Tensor:
        """Add the blocks and the last LayerNorm to tokens (1, t, width)."""
        for hidden, heads in zip(self.hidden, self.heads, strict=True):
            x = build.transformer(x, Tokens(heads, self.head_width, self.rank), hidden)
        return build.layer_norm(x)


@dataclass(frozen=True)
class HybridNet:
    """Convolutional stages, then transformer blocks over their pixels, whose mean is classified.

    Hassani et al., "Escaping the Big Data Paradigm with Compact Transformers", for the idea.
    """

    stem: int
    stages: tuple[Stage, ...]
    blocks: Blocks
    image: int = 32
    classes: int = CLASSES

    def graph(self, seed: int | None = None) -> Graph:
        """Its graph; see Network."""
        build = GraphBuilder("hybrid", seed)
        x = build.input((1, self.image, self.image, 3))
        x = build.conv(x, self.stem, act="relu")
        for stage in self.stages:
            for block in range(stage.depth):
                x = residual_block(build, x, stage.width, 1 if block else stage.stride)
        x = build.conv(x, self.blocks.width, 1)
        _, rows, columns, width = x.shape
        x = build.positions(build.reshape(x, (1, rows * columns, width)))
        x = self.blocks.add_to(build, x)
        return build.graph(build.linear(build.mean(x, (1,)), self.classes))


@dataclass(frozen=True)
class VitNet:
    """A vision transformer: patches, blocks, and the class token or the tokens' mean classified.

    Dosovitskiy et al., "An Image is Worth 16x16 Words". A side that `patch` does not divide loses
    its last rows and columns, as a convolution without padding does.
    """

    blocks: Blocks
    patch: int
    image: int = 32
    class_token: bool = False
    classes: int = CLASSES

    def graph(self, seed: int | None = None) -> Graph:
        """Its graph; see Network."""
        build = GraphBuilder("vit", seed)
        x = build.input((1, self.image, self.image, 3))
        x = build.conv(x, self.blocks.width, self.patch, self.patch, same=False)
        _, rows, columns, width = x.shape
        x = build.reshape(x, (1, rows * columns, width))
        if self.class_token:
            x = build.class_token(x)
        x = self.blocks.add_to(build, build.positions(x))
        feature = build.first_token(x) if self.class_token else build.mean(x, (1,))
        return build.graph(build.linear(feature, self.classes))


@dataclass(frozen=True)
class SequenceNet:
    """1-D convolutions over (samples, channels), plain or depthwise, a mean and a classifier.

    A convolution over time has a window of `kernel` rows and one column.
    """

    samples: int
    channels: int
    stem: int
    stages: tuple[Stage, ...]
    depthwise: bool = False
    classes: int = CLASSES

    def graph(self, seed: int | None = None) -> Graph:
        """Its graph; see Network."""
        build = GraphBuilder("sequence", seed)
        x = build.input((1, self.samples, 1, self.channels))
        x = build.conv(x, self.stem, (3, 1), (1, 1), act="relu")
        for stage in self.stages:
            for block in range(stage.depth):
                size, step = (stage.kernel, 1), (1 if block else stage.stride, 1)
                if self.depthwise:
                    x = build.depthwise(x, size, step, act="relu")
                    x = build.conv(x, stage.width, 1, act="relu")
                else:
                    x = build.conv(x, stage.width, size, step, act="relu")
        return _classified(build, x, self.classes)


def residual_block(build: GraphBuilder, x: Tensor, width: int, stride: int) -> Tensor:
    """Two 3x3 convolutions and the input, which a 1x1 convolution adapts where it must."""
    out = build.conv(build.conv(x, width, 3, stride, act="relu"), width)
    if stride > 1 or x.shape[3] != width:
        x = build.conv(x, width, 1, stride)
    return build.add(out, x, act="relu")


def inverted_block(build: GraphBuilder, x: Tensor, stage: Stage, stride: int) -> Tensor:
    """Expand, filter each channel, project; add the input where the shape allows."""
    wide = x
    if stage.expansion > 1:
        wide = build.conv(x, x.shape[3] * stage.expansion, 1, act="relu")
    wide = build.depthwise(wide, stage.kernel, stride, act="relu")
    out = build.conv(wide, stage.width, 1)
    return build.add(out, x) if x.shape == out.shape else out


def _classified(build: GraphBuilder, x: Tensor, classes: int) -> Graph:
    """Average each channel over the image and classify the means."""
    return build.graph(build.linear(build.mean(x, (1, 2)), classes))
