# SPDX-License-Identifier: Apache-2.0
"""Families of networks in few words: shorthands for an architecture and its task.

The families are those that an architecture search for microcontrollers asks for: residual and
inverted-residual CNNs, hybrids of convolutions and tokens, vision transformers (low rank included)
and 1-D convolutions. `graph()` takes a seed for random weights, or None for a graph that can be
costed only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from mcuforge.compiler.graph import Graph
from mcuforge.nas.architecture import Architecture, Block, StageKind, Stem, Task, TokenPart
from mcuforge.nas.architecture import Stage as KindOfStage
from mcuforge.nas.graph_layers import graph_of

CLASSES = 10


class Network(ABC):
    """The description of one network."""

    @property
    @abstractmethod
    def architecture(self) -> Architecture:
        """Its layers."""

    @property
    @abstractmethod
    def task(self) -> Task:
        """Its input and classes."""

    def graph(self, seed: int | None = None) -> Graph:
        """Its graph, with weights drawn from `seed`, or with shapes alone."""
        return graph_of(self.architecture, self.task, seed)


class SquareImages(Network):
    """A network for square images of three channels."""

    image: int
    classes: int

    @property
    def task(self) -> Task:
        """See Network."""
        return Task((self.image, self.image, 3), self.classes)


@dataclass(frozen=True)
class Stage:
    """`depth` blocks of `width` channels; the first one has the `stride`."""

    width: int
    depth: int
    stride: int = 2
    kernel: int = 3
    expansion: int = 1  # of inverted residuals

    def of(self, kind: StageKind) -> KindOfStage:
        """The stage with blocks of a kind."""
        return KindOfStage(kind, self.width, self.depth, self.stride, self.kernel, self.expansion)


@dataclass(frozen=True)
class ResidualNet(SquareImages):
    """A stem, stages of residual blocks of two 3x3 convolutions, a mean and a classifier.

    ResNet-8 of MLPerf Tiny is stem 16 and stages of 16, 32 and 64 channels, one block each.
    """

    stem: int
    stages: tuple[Stage, ...]
    image: int = 32
    classes: int = CLASSES

    @property
    def architecture(self) -> Architecture:
        """See Network."""
        return Architecture(Stem(self.stem), tuple(s.of("residual") for s in self.stages))


@dataclass(frozen=True)
class InvertedNet(SquareImages):
    """A stem, stages of inverted residuals, a 1x1 convolution, a mean and a classifier."""

    stem: int
    stages: tuple[Stage, ...]
    last: int  # channels of the last 1x1 convolution; 0: there is none
    image: int = 32
    stem_stride: int = 1
    classes: int = CLASSES

    @property
    def architecture(self) -> Architecture:
        """See Network."""
        stem = Stem(self.stem, stride=self.stem_stride)
        return Architecture(stem, tuple(s.of("inverted") for s in self.stages), self.last)


@dataclass(frozen=True)
class Blocks:
    """Transformer blocks over tokens of `width`: the hidden width of each one's MLP, its heads."""

    width: int
    hidden: tuple[int, ...]
    heads: tuple[int, ...]
    head_width: int
    rank: int = 0  # of every linear layer; 0: whole matrices

    def part(self, patch: int = 1, *, class_token: bool = False) -> TokenPart:
        """The token part of an architecture."""
        pairs = zip(self.heads, self.hidden, strict=True)
        blocks = tuple(Block(heads, hidden, self.rank) for heads, hidden in pairs)
        return TokenPart(self.width, self.head_width, blocks, patch, class_token)


@dataclass(frozen=True)
class HybridNet(SquareImages):
    """Convolutional stages, then transformer blocks over their pixels, whose mean is classified."""

    stem: int
    stages: tuple[Stage, ...]
    blocks: Blocks
    image: int = 32
    classes: int = CLASSES

    @property
    def architecture(self) -> Architecture:
        """See Network."""
        stages = tuple(stage.of("residual") for stage in self.stages)
        return Architecture(Stem(self.stem), stages, tokens=self.blocks.part())


@dataclass(frozen=True)
class VitNet(SquareImages):
    """A vision transformer: patches, blocks, and the class token or the tokens' mean classified.

    A side that `patch` does not divide loses its last rows and columns, as a convolution without
    padding does.
    """

    blocks: Blocks
    patch: int
    image: int = 32
    class_token: bool = False
    classes: int = CLASSES

    @property
    def architecture(self) -> Architecture:
        """See Network."""
        return Architecture(tokens=self.blocks.part(self.patch, class_token=self.class_token))


@dataclass(frozen=True)
class SequenceNet(Network):
    """1-D convolutions over (samples, channels), plain or depthwise, a mean and a classifier."""

    samples: int
    channels: int
    stem: int
    stages: tuple[Stage, ...]
    depthwise: bool = False
    classes: int = CLASSES

    @property
    def architecture(self) -> Architecture:
        """See Network."""
        kind: StageKind = "separable" if self.depthwise else "plain"
        return Architecture(Stem(self.stem), tuple(stage.of(kind) for stage in self.stages))

    @property
    def task(self) -> Task:
        """See Network."""
        return Task((self.samples, self.channels), self.classes)
