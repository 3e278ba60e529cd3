# SPDX-License-Identifier: Apache-2.0
"""One network as a few numbers, and the layers it consists of, written once.

`lay` walks an architecture and asks for its layers. Who lays them decides what comes out: the
compiler's graph of shapes (`graph_layers`), a forward pass with shared weights (`torch_layers`), a
float ONNX file (`onnx_layers`), or the number of weights (`least`). So what is costed is what is
trained, and what is trained is what is deployed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.common.window import Pair
from mcuforge.errors import CompileError

StageKind = Literal["plain", "residual", "inverted", "separable"]
KINDS: tuple[StageKind, ...] = ("plain", "residual", "inverted", "separable")
T = TypeVar("T")


@dataclass(frozen=True)
class Task:
    """What a network is for: inputs of this shape, and so many classes.

    `shape` is (rows, columns, channels) of images or (samples, channels) of series.
    """

    shape: tuple[int, ...]
    classes: int

    @property
    def image(self) -> tuple[int, int, int]:
        """The shape as rows, columns and channels; a series has one column."""
        if len(self.shape) == 2:
            return (self.shape[0], 1, self.shape[1])
        rows, columns, channels = self.shape
        return (rows, columns, channels)


@dataclass(frozen=True)
class Stage:
    """`depth` blocks of `width` channels; the first one has the `stride`.

    plain      a convolution
    residual   two convolutions and the input, which a 1x1 convolution adapts where it must
               (He et al., "Deep Residual Learning for Image Recognition", section 4.2)
    inverted   expand `expansion` times, filter each channel, project, and the input where it fits
               (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 1)
    separable  filter each channel, then a 1x1 convolution (Howard et al., "MobileNets")
    """

    kind: StageKind
    width: int
    depth: int
    stride: int = 1
    kernel: int = 3
    expansion: int = 1


@dataclass(frozen=True)
class Stem:
    """The first convolution."""

    width: int
    kernel: int = 3
    stride: int = 1


@dataclass(frozen=True)
class Block:
    """A transformer block: attention heads, hidden channels of the MLP, rank of linear layers.

    `rank` 0: whole matrices.
    """

    heads: int
    hidden: int
    rank: int = 0


@dataclass(frozen=True)
class TokenPart:
    """Squares of `patch` x `patch` pixels become tokens of `width`, which pass the blocks.

    The class token, or the mean of all tokens, is classified (Dosovitskiy et al., "An Image is
    Worth 16x16 Words"; Hassani et al., "Escaping the Big Data Paradigm with Compact Transformers").
    """

    width: int
    head_width: int
    blocks: tuple[Block, ...]
    patch: int = 1
    class_token: bool = False


@dataclass(frozen=True)
class Architecture:
    """Convolutions, then tokens: either may be missing. `last`: channels of a 1x1 convolution."""

    stem: Stem | None = None
    stages: tuple[Stage, ...] = ()
    last: int = 0
    tokens: TokenPart | None = None


class Layers(Protocol[T]):
    """Lays layers one by one; a name is one layer's own and says where in the network it is.

    Images are (rows, columns, channels), tokens (count, width). A convolution has a bias, or a
    batch normalization that becomes one; it is padded so that only the stride shrinks it.
    """

    def shape(self, x: T) -> tuple[int, ...]:
        """The shape of `x` without the batch, channels last."""
        ...

    def conv(self, name: str, x: T, filters: int, kernel: Pair, stride: Pair, act: Activation) -> T:
        """Add a convolution."""
        ...

    def depthwise(self, name: str, x: T, kernel: Pair, stride: Pair, act: Activation) -> T:
        """Add a filter for each channel."""
        ...

    def patches(self, name: str, x: T, filters: int, side: Pair) -> T:
        """Add a convolution without padding whose windows lie side by side."""
        ...

    def add(self, a: T, b: T, act: Activation) -> T:
        """Add two tensors of one shape."""
        ...

    def tokens(self, x: T) -> T:
        """Take the pixels of an image as tokens, row by row."""
        ...

    def class_token(self, name: str, x: T) -> T:
        """Put a token in front of the others."""
        ...

    def positions(self, name: str, x: T, grid: Pair) -> T:
        """Add what tells tokens apart; `grid`: rows and columns of the image they come from."""
        ...

    def norm(self, name: str, x: T) -> T:
        """Normalize each token."""
        ...

    def attention(self, name: str, x: T, heads: int, head_width: int, rank: int) -> T:
        """Add multi-head self-attention, its output projection included."""
        ...

    def linear(self, name: str, x: T, features: int, rank: int) -> T:
        """Add a linear layer with a bias; `rank`: as three factors, in x r, r x r and r x out.

        MCUFormer's decomposition (Liang et al., NeurIPS 2023).
        """
        ...

    def gelu(self, x: T) -> T:
        """Add a GELU."""
        ...

    def mean(self, x: T) -> T:
        """Average each channel over all pixels or tokens."""
        ...

    def first(self, x: T) -> T:
        """Take the first token."""
        ...


def lay(layers: Layers[T], architecture: Architecture, x: T, classes: int) -> T:
    """Lay every layer of `architecture` behind the input `x`; returns the logits."""
    flat = layers.shape(x)[1] == 1  # a series: kernels are columns of one pixel
    if architecture.stem is not None:
        stem = architecture.stem
        x = layers.conv(
            "stem", x, stem.width, _size(stem.kernel, flat), _size(stem.stride, flat), "relu"
        )
    for number, stage in enumerate(architecture.stages):
        for block in range(stage.depth):
            name = f"stage{number}.{stage.kind}{block}"
            stride = _size(stage.stride if block == 0 else 1, flat)
            x = _block(layers, name, x, stage, _size(stage.kernel, flat), stride)
    if architecture.last:
        x = layers.conv("last", x, architecture.last, (1, 1), (1, 1), "relu")
    if architecture.tokens is None:
        return layers.linear("head", layers.mean(x), classes, 0)
    return layers.linear("head", _tokens(layers, architecture.tokens, x, flat), classes, 0)


def _size(side: int, flat: bool) -> Pair:
    return (side, 1) if flat else (side, side)


def _block(layers: Layers[T], name: str, x: T, stage: Stage, kernel: Pair, stride: Pair) -> T:
    """One block of a stage."""
    channels = layers.shape(x)[-1]
    unit = (1, 1)
    if stage.kind == "plain":
        return layers.conv(f"{name}.conv", x, stage.width, kernel, stride, "relu")
    if stage.kind == "separable":
        out = layers.depthwise(f"{name}.filter", x, kernel, stride, "relu")
        return layers.conv(f"{name}.mix", out, stage.width, unit, unit, "relu")
    if stage.kind == "residual":
        # the order of onnxruntime's quantizer, which decides what is in memory at the same time:
        # layers that read the same tensor stand together
        out = layers.conv(f"{name}.first", x, stage.width, kernel, stride, "relu")
        if stride != unit or channels != stage.width:
            x = layers.conv(f"{name}.shortcut", x, stage.width, unit, stride, "none")
        out = layers.conv(f"{name}.second", out, stage.width, kernel, unit, "none")
        return layers.add(out, x, "relu")
    wide = x
    if stage.expansion > 1:
        wide = layers.conv(f"{name}.expand", x, channels * stage.expansion, unit, unit, "relu")
    wide = layers.depthwise(f"{name}.filter", wide, kernel, stride, "relu")
    out = layers.conv(f"{name}.project", wide, stage.width, unit, unit, "none")
    return layers.add(out, x, "none") if layers.shape(x) == layers.shape(out) else out


def _tokens(layers: Layers[T], part: TokenPart, x: T, flat: bool) -> T:
    """The token part; returns the feature that is classified, (width)."""
    side = _size(part.patch, flat)
    rows, columns = layers.shape(x)[:2]
    if side[0] > rows or side[1] > columns:
        raise CompileError(
            f"patches of {side[0]}x{side[1]} pixels do not fit an image of {rows}x{columns}",
            "the token part of an architecture",
            "take smaller patches, fewer strides or larger images",
        )
    x = layers.patches("patches", x, part.width, side)
    rows, columns = layers.shape(x)[:2]
    x = layers.tokens(x)
    if part.class_token:
        x = layers.class_token("class_token", x)
    x = layers.positions("positions", x, (rows, columns))
    for number, block in enumerate(part.blocks):
        name = f"block{number}"
        normal = layers.norm(f"{name}.norm1", x)
        mixed = layers.attention(
            f"{name}.attention", normal, block.heads, part.head_width, block.rank
        )
        x = layers.add(x, mixed, "none")
        wide = layers.linear(
            f"{name}.expand", layers.norm(f"{name}.norm2", x), block.hidden, block.rank
        )
        out = layers.linear(f"{name}.project", layers.gelu(wide), part.width, block.rank)
        x = layers.add(x, out, "none")
    x = layers.norm("norm", x)
    return layers.first(x) if part.class_token else layers.mean(x)
