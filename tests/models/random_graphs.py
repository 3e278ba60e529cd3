# SPDX-License-Identifier: Apache-2.0
"""Draws random int8 models: layers whose shapes fit, from a seed or from Hypothesis.

Every draw is a sound model: where a layer does not fit its input, its sizes are changed until it
fits, so that no draw is rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from random import Random
from typing import Protocol, TypeVar

from hypothesis import strategies as st

from mcuforge.compiler.builders.tflite_builder import (
    PROBABILITY,
    ModelBuilder,
    Pair,
    Quantized,
    Sliding,
    Value,
)
from mcuforge.compiler.builders.tflite_writer import ModelSpec

Item = TypeVar("Item")

MOST_LAYERS = 9
LARGEST_SIDE = 17
MOST_CHANNELS = 24
MOST_BYTES = 6000  # of an activation
MOST_FLAT = 1200  # inputs of a fully connected layer over a whole map
SCALES = tuple(0.02 * 1.2**i for i in range(9))
RESIZES = ((False, False), (True, False), (False, True))  # align corners, half-pixel centres


class Source(Protocol):
    """Where choices come from; 0 and the first item of a list are the simplest."""

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        ...


@dataclass(frozen=True)
class Seeded:
    """Choices from a seed."""

    random: Random

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return self.random.randint(low, high)


@dataclass(frozen=True)
class Drawn:
    """Choices that Hypothesis makes, and shrinks."""

    draw: Callable[[st.SearchStrategy[int]], int]

    def integer(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return self.draw(st.integers(low, high))


def seeded_model(seed: int) -> ModelSpec:
    """Model number `seed` of an endless, fixed series."""
    return random_model(Seeded(Random(seed)))


@st.composite
def models(draw: st.DrawFn) -> ModelSpec:
    """Random models as a Hypothesis strategy."""
    return random_model(Drawn(draw))


def random_model(source: Source) -> ModelSpec:
    """Draw a model of a few layers or blocks; every value without a reader is an output."""
    return Growth(source).model()


class Growth:
    """A model under construction: its values, and the layers that may follow."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.build = ModelBuilder(source.integer(0, 2**20))
        self.values: list[Value] = []
        self.read: set[int] = set()

    def model(self) -> ModelSpec:
        """Draw inputs, layers on values drawn among the existing ones, heads and outputs."""
        inputs = 1 + self.chance(25) + self.chance(10)
        for _ in range(inputs):
            self.values.append(self.build.input(self.input_shape(), self.quant()))
        for _ in range(self.source.integer(1, MOST_LAYERS)):
            self.grow(self.recent())
        for value in self.values[:inputs]:
            if value.index not in self.read:
                self.grow(value)
        if self.chance(40):
            self.head(self.values[-1])
        outputs = [v for v in self.values[inputs:] if v.index not in self.read]
        between = [v for v in self.values[inputs:] if v.index in self.read]
        if between and self.chance(25):
            outputs.insert(0, self.choose(between))
        return self.build.spec(outputs)

    def chance(self, percent: int) -> bool:
        """True in `percent` of a hundred draws; the simplest draw is False."""
        return self.source.integer(0, 99) >= 100 - percent

    def choose(self, items: Sequence[Item]) -> Item:
        """One of `items`."""
        return items[self.source.integer(0, len(items) - 1)]

    def recent(self) -> Value:
        """Return the newest value, or an older one, which starts a branch."""
        return self.choose(self.values) if self.chance(30) else self.values[-1]

    def input_shape(self) -> tuple[int, ...]:
        """Draw an image's shape: sometimes a single row, sometimes that of an earlier input."""
        if self.values and self.chance(50):
            return self.values[0].shape
        side = self.source.integer
        height = 1 if self.chance(10) else side(1, LARGEST_SIDE)
        return (1, height, side(1, LARGEST_SIDE), self.channels())

    def channels(self) -> int:
        """Draw a number of channels; half of the draws are multiples of four."""
        many = self.source.integer(1, MOST_CHANNELS)
        return -(-many // 4) * 4 if self.chance(50) else many

    def quant(self) -> Quantized:
        """Draw a scale and a zero point, sometimes at an end of the range."""
        zero = self.choose((-128, 127)) if self.chance(15) else self.source.integer(-30, 30)
        return self.choose(SCALES), zero

    def act(self) -> str:
        """Draw a fused activation."""
        return self.choose(("none", "relu", "relu6", "relu_n1_to_1"))

    def grow(self, x: Value) -> None:
        """Put one layer or block on `x`."""
        fitting = BLOCKS if len(x.shape) == 4 and x.shape[0] == 1 else VECTOR_BLOCKS
        self.take(self.choose(fitting)(self, x))

    def take(self, made: Value) -> Value:
        """Note a new value; the readers of a block's inner values note those."""
        self.values.append(made)
        return made

    def use(self, *values: Value) -> None:
        """Note that these values have a reader: they need not be outputs."""
        self.read.update(v.index for v in values)

    def window(self, x: Value, stride: int = 0, same: bool | None = None) -> Sliding:
        """Draw a window that fits `x`: TFLite's SAME where VALID would leave nothing."""
        kernel = (self.source.integer(1, 4), self.source.integer(1, 4))
        steps = (stride, stride) if stride else self.choose(((1, 1), (2, 2), (1, 2), (3, 3)))
        holes = (2, self.source.integer(1, 3)) if self.chance(20) and steps == (1, 1) else (1, 1)
        window = Sliding(kernel, steps, holes, not self.chance(40) if same is None else same)
        if min(window.output_size((x.shape[1], x.shape[2]))) < 1:
            return Sliding(kernel, steps, holes)
        return window

    def conv(self, x: Value, window: Sliding | None = None, filters: int = 0) -> Value:
        """Add a convolution; half of them are pointwise."""
        if window is None:
            window = Sliding((1, 1), same=False) if self.chance(30) else self.window(x)
        self.use(x)
        quant, per_channel = self.quant(), not self.chance(25)
        return self.build.conv(
            x, filters or self.channels(), window, quant, self.act(), per_channel
        )

    def depthwise(self, x: Value, window: Sliding | None = None, multiplier: int = 0) -> Value:
        """Add a depthwise convolution: up to three filters per channel, some as tall as the map."""
        if window is None:
            tall = self.chance(15)
            window = Sliding((x.shape[1], x.shape[2]), same=False) if tall else self.window(x)
        multiplier = multiplier or self.source.integer(1, 3 if x.elements < 1500 else 1)
        self.use(x)
        quant, per_channel = self.quant(), not self.chance(25)
        return self.build.depthwise(x, multiplier, window, quant, self.act(), per_channel)

    def transposed_conv(self, x: Value) -> Value:
        """Add a transposed convolution, by two where the result is not too large."""
        side = self.source.integer
        stride: Pair = (side(1, 2), side(1, 2))
        if x.shape[1] * x.shape[2] * stride[0] * stride[1] > LARGEST_SIDE**2:
            stride = (1, 1)
        filters = min(self.channels(), MOST_BYTES // (x.shape[1] * x.shape[2] * prod(stride)))
        self.use(x)
        kernel = (side(1, 4), side(1, 4))
        return self.build.transposed_conv(x, max(filters, 1), kernel, stride, self.quant())

    def padded_conv(self, x: Value) -> Value:
        """Add explicit padding, then a convolution without padding."""
        made = self.pad(x, channels=False)
        self.use(made)
        build = self.choose((self.conv, self.depthwise))
        return build(made, self.window(made, same=False))

    def pool(self, x: Value, window: Sliding | None = None) -> Value:
        """Add a local or global pool, average or maximum."""
        if window is None and self.chance(25):
            window = Sliding((x.shape[1], x.shape[2]), same=False)
        window = window or self.window(x)
        flat = Sliding(window.kernel, window.stride, same=window.same)  # poolings do not dilate
        if min(flat.output_size((x.shape[1], x.shape[2]))) < 1:
            flat = Sliding(window.kernel, window.stride)
        self.use(x)
        return self.build.pool(x, flat, self.chance(50), self.act())

    def function(self, x: Value) -> Value:
        """Add a table of 256 answers, or a softmax."""
        code = self.choose(FUNCTIONS)
        self.use(x)
        scale = x.scale * self.choose((1.0, 0.6, 1.3))
        if code == "PRELU":
            return self.build.prelu(x, (scale, self.quant()[1]))
        quant = FIXED.get(code, (scale, self.quant()[1]))
        return self.build.function(code, x, quant)

    def keeping(self, x: Value) -> Value:
        """Add a layer that keeps the shape of `x`."""
        kind = self.source.integer(0, 4)
        if kind == 0:
            return self.function(x)
        if kind == 1:
            return self.conv(x, self.window(x, stride=1, same=True), x.shape[3])
        if kind == 2:
            return self.depthwise(x, self.window(x, stride=1, same=True), 1)
        if kind == 3:
            return self.pool(x, self.window(x, stride=1, same=True))
        self.use(x)
        shape = self.choose(((x.shape[-1],), (1,), x.shape))
        other = self.build.constant(shape, self.quant())
        pair = (other, x) if self.chance(30) else (x, other)
        return self.arithmetic(*pair)

    def chain(self, x: Value, layers: int) -> Value:
        """Add `layers` layers that keep the shape."""
        for _ in range(layers):
            x = self.keeping(x)
        return x

    def arithmetic(self, a: Value, b: Value) -> Value:
        """Add an ADD, SUB or MUL; products stay in the range of their operands."""
        self.use(a, b)
        code = self.choose(("ADD", "MUL", "SUB"))
        return self.build.arithmetic(
            code, a, b, self.choose((1.0, 0.7, 1.5)), self.quant()[1], self.act()
        )

    def join(self, a: Value, b: Value) -> Value:
        """Join two values of one shape: arithmetic, an extreme, or a concatenation."""
        kind = self.source.integer(0, 9)
        if kind < 6:
            return self.arithmetic(a, b)
        b = self.brought_to(a, b)
        self.use(a, b)
        if kind < 8:
            return self.build.extreme(self.choose(("MAXIMUM", "MINIMUM")), a, b)
        if a.elements + b.elements > MOST_BYTES:
            return self.arithmetic(a, b)
        return self.build.concatenate((a, b), self.choose((3, 1, 2)))

    def brought_to(self, a: Value, b: Value) -> Value:
        """Requantize `b` to the quantization of `a`."""
        if a.quant == b.quant:
            return b
        self.use(b)
        return self.build.function("QUANTIZE", b, a.quant)

    def residual(self, x: Value) -> Value:
        """Add two branches of different lengths, one of them possibly empty, and join them."""
        long = self.chain(x, self.source.integer(1, 3))
        short = self.chain(x, self.source.integer(0, 2))
        return self.join(long, short) if self.chance(50) else self.join(short, long)

    def strided_shortcut(self, x: Value) -> Value:
        """Add a branch with a strided convolution, and a shortcut with the same stride."""
        stride = self.source.integer(2, 3)
        filters = self.channels()
        window = Sliding((3, 3), (stride, stride))
        long = self.chain(self.conv(x, window, filters), self.source.integer(0, 1))
        short = self.conv(x, Sliding((1, 1), (stride, stride)), filters)
        return self.join(long, short)

    def three_readers(self, x: Value) -> Value:
        """Give a value three readers, and join them."""
        first = self.join(self.chain(x, 1), self.chain(x, 2))
        if first.shape != x.shape:
            return first
        return self.join(first, x)

    def stacked(self, x: Value) -> Value:
        """Concatenate parts of different channels, or of different heights, one a constant."""
        if x.elements > MOST_BYTES // 4:
            return self.pool(x, Sliding((2, 2), (2, 2)))
        axis = self.choose((3, 1))
        other = self.conv(x, Sliding((3, 3))) if axis == 3 else self.pad(x, channels=False)
        if axis == 1 and other.shape[2] != x.shape[2]:
            other = self.build.cut(other, tuple(range(n) for n in (*other.shape[:2], *x.shape[2:])))
        other = self.brought_to(x, other)
        self.use(x, other)
        parts = [x, other] if self.chance(50) else [other, x]
        if self.chance(30):
            shape = list(x.shape)
            shape[axis] = 1
            parts.insert(1, self.build.constant(tuple(shape), x.quant))
        return self.build.concatenate(parts, axis)

    def with_other(self, x: Value) -> Value:
        """Combine `x` with an earlier value of the same shape, or one that broadcasts."""
        fitting = [v for v in self.values if v.shape in (x.shape, (1, 1, 1, x.shape[3]))]
        return self.join(x, y) if (y := self.choose(fitting)).shape == x.shape else self.gate(x, y)

    def gate(self, x: Value, gate: Value) -> Value:
        """Multiply `x` by, or add to it, one value per channel."""
        return self.arithmetic(x, gate)

    def squeeze_and_excite(self, x: Value) -> Value:
        """Multiply each channel by a number computed from all channels."""
        self.use(x)
        mean = self.build.mean(x, (1, 2), True, self.quant())
        squeezed = self.conv(mean, Sliding((1, 1)), self.source.integer(1, 6))
        excited = self.conv(squeezed, Sliding((1, 1)), x.shape[3])
        self.use(excited)
        return self.gate(x, self.build.function("LOGISTIC", excited, PROBABILITY))

    def pad(self, x: Value, channels: bool = True) -> Value:
        """Pad rows and columns, sometimes channels, sometimes not with the zero point."""
        width = self.source.integer
        roomy = channels and x.elements < 1000 and self.chance(30)
        sides = (width(0, 2), width(0, 2)), (width(0, 2), width(0, 2))
        widths = ((0, 0), *sides, (width(0, 2), width(0, 2)) if roomy else (0, 0))
        self.use(x)
        return self.build.pad(x, widths, width(-128, 127) if self.chance(40) else None)

    def resize(self, x: Value) -> Value:
        """Resize, nearest or linear: up to about twice the size, or down to one pixel."""
        most = [min(2 * n + 1, LARGEST_SIDE) for n in x.shape[1:3]]
        size: Pair = (self.source.integer(1, most[0]), self.source.integer(1, most[1]))
        if size[0] * size[1] * x.shape[3] > MOST_BYTES:
            size = (x.shape[1], x.shape[2])
        self.use(x)
        return self.build.resize(x, size, *self.choose(RESIZES), linear=self.chance(50))

    def mirror(self, x: Value) -> Value:
        """Pad rows and columns with what they mirror."""
        sides = [
            (self.source.integer(0, min(n - 1, 2)), self.source.integer(0, min(n - 1, 2)))
            for n in x.shape[1:3]
        ]
        self.use(x)
        return self.build.mirror(x, ((0, 0), *sides, (0, 0)))

    def enlarge(self, x: Value) -> Value:
        """Repeat each row and each column as Keras writes it: reshapes and TILE."""
        _, height, width, channels = x.shape
        if 4 * x.elements > MOST_BYTES:
            return self.resize(x)
        self.use(x)
        tall = self.build.tile(
            self.build.reshape(x, (1, height, 1, width, channels)), (1, 1, 2, 1, 1)
        )
        split = self.build.reshape(tall, (1, 2 * height, width, 1, channels))
        wide = self.build.tile(split, (1, 1, 1, 2, 1))
        return self.build.reshape(wide, (1, 2 * height, 2 * width, channels))

    def cut(self, x: Value) -> Value:
        """Cut a box out of the image, with steps forwards or backwards."""
        cuts = [range(x.shape[0])]
        for size in x.shape[1:]:
            begin = self.source.integer(0, size - 1)
            taken = range(begin, self.source.integer(begin + 1, size), self.choose((1, 1, 2)))
            cuts.append(taken[::-1] if self.chance(15) else taken)
        if self.chance(50):
            cuts[3] = range(x.shape[3])
        self.use(x)
        return self.build.cut(x, cuts)

    def transpose(self, x: Value) -> Value:
        """Put rows, columns and channels in another order."""
        self.use(x)
        return self.build.transpose(x, self.choose(ORDERS))

    def reshape(self, x: Value) -> Value:
        """Reshape to another image of as many elements."""
        _, height, width, channels = x.shape
        shapes = ((1, 1, height * width, channels), (1, width, height, channels))
        self.use(x)
        return self.build.reshape(x, self.choose((*shapes, (1, height, width * channels, 1))))

    def tokens(self, x: Value) -> Value:
        """Take pixels as tokens through one or two linear layers, and back."""
        self.use(x)
        tokens = self.build.reshape(x, (1, x.shape[1] * x.shape[2], x.shape[3]))
        for _ in range(self.source.integer(1, 2)):
            features = min(self.channels(), max(MOST_BYTES // tokens.shape[1], 1))
            tokens = self.build.linear(tokens, features, self.quant(), self.act(), True)
            if self.chance(30):
                tokens = self.build.function("SOFTMAX", tokens, PROBABILITY)
        return self.build.reshape(tokens, (*x.shape[:3], tokens.shape[2]))

    def global_mean(self, x: Value) -> Value:
        """Take the mean over rows and columns, or over one dimension."""
        self.use(x)
        axes = self.choose(((1, 2), (1,), (2,), (3,)))
        return self.build.mean(x, axes, self.chance(60), self.quant())

    def dense(self, x: Value) -> Value:
        """Add a linear layer over all elements of `x`."""
        self.use(x)
        if x.elements > MOST_FLAT:
            axes = tuple(range(1, max(len(x.shape) - 1, 2)))
            x = self.build.mean(x, axes, False, self.quant())
        if x.elements > MOST_FLAT:
            return x
        if self.chance(40):
            x = self.build.reshape(x, (1, x.elements))
        return self.build.linear(
            x, self.source.integer(1, 12), self.quant(), self.act(), inputs=x.elements
        )

    def largest(self, x: Value) -> Value:
        """Take the largest or smallest over rows and columns, or along one dimension."""
        self.use(x)
        axes = self.choose(((1, 2), (1,), (2,), (3,), (1, 3)))
        return self.build.largest(x, axes, smallest=self.chance(40))

    def head(self, x: Value) -> None:
        """Add a classifier's end: a linear layer and a softmax, or the largest one's index."""
        if self.chance(25):
            self.use(x)
            self.take(self.build.arg_max(x, len(x.shape) - 1))
            return
        made = self.dense(x)
        self.use(made)
        self.take(self.build.function("SOFTMAX", made, PROBABILITY))


FIXED = {"LOGISTIC": PROBABILITY, "SOFTMAX": PROBABILITY}
FIXED |= {"LOG_SOFTMAX": (1 / 16, 127), "L2_NORMALIZATION": (1 / 128, 0)}
FUNCTIONS = (
    "RELU",
    "HARD_SWISH",
    "LOGISTIC",
    "RELU6",
    "TANH",
    "LEAKY_RELU",
    "RELU_N1_TO_1",
    "QUANTIZE",
    "SOFTMAX",
    "PRELU",
    "LOG_SOFTMAX",
    "L2_NORMALIZATION",
)
ORDERS = ((0, 2, 1, 3), (0, 1, 3, 2), (0, 3, 1, 2), (0, 3, 2, 1))
Block = Callable[[Growth, Value], Value]
BLOCKS: tuple[Block, ...] = (
    Growth.conv,
    Growth.conv,
    Growth.conv,
    Growth.depthwise,
    Growth.depthwise,
    Growth.pool,
    Growth.function,
    Growth.transposed_conv,
    Growth.padded_conv,
    Growth.residual,
    Growth.residual,
    Growth.residual,
    Growth.strided_shortcut,
    Growth.three_readers,
    Growth.stacked,
    Growth.with_other,
    Growth.squeeze_and_excite,
    Growth.pad,
    Growth.resize,
    Growth.resize,
    Growth.mirror,
    Growth.enlarge,
    Growth.cut,
    Growth.transpose,
    Growth.reshape,
    Growth.tokens,
    Growth.global_mean,
    Growth.largest,
    Growth.dense,
)
VECTOR_BLOCKS: tuple[Block, ...] = (Growth.function, Growth.dense)
