# SPDX-License-Identifier: Apache-2.0
"""Models to calibrate the cost model on: every kernel, in sizes drawn from a fixed seed."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from math import exp, log
from random import Random
from typing import TypeVar

import numpy as np

import mcuforge.compiler.ops as ops_package
from mcuforge.compiler.builders.tflite_builder import (
    PROBABILITY,
    ModelBuilder,
    Pair,
    Quantized,
    Sliding,
    Value,
)
from mcuforge.compiler.builders.tflite_writer import ModelSpec, OperatorSpec, TensorSpec
from mcuforge.compiler.graph import Graph, Node, Op
from mcuforge.compiler.ops.common.broadcast import BroadcastOp
from mcuforge.compiler.ops.extremum import Extremum
from mcuforge.compiler.ops.layer_norm import LayerNorm
from mcuforge.compiler.ops.reals.linear_real import LinearReal
from mcuforge.compiler.ops.reals.mean_real import MeanReal
from mcuforge.compiler.ops.reals.table_real import TableReal
from mcuforge.compiler.ops.softmax_qdq import SoftmaxQdq
from mcuforge.compiler.tensors import DType, Quant, Tensor

Item = TypeVar("Item")

LAYERS = 16  # of a model
MOST_BYTES = 4000  # of an activation
MOST_PRODUCTS = 600_000  # of a layer
QUANT: Quantized = (0.05, 3)
FIXED = {"LOG_SOFTMAX": (1 / 16, 127), "L2_NORMALIZATION": (1 / 128, 0)}  # outputs
TABLES = ("RELU", "HARD_SWISH", "LOGISTIC", "TANH", "LEAKY_RELU")


class Draw:
    """A model of single layers, each on its own input, so that each can run whole or by rows."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.build = ModelBuilder(seed)
        self.inputs: list[Value] = []

    def size(self, low: int, high: int) -> int:
        """Draw a size evenly on a logarithmic scale."""
        return round(exp(self.random.uniform(log(low), log(high))))

    def choose(self, items: Sequence[Item]) -> Item:
        """One of `items`."""
        return self.random.choice(items)

    def image(self, deepest: int = 64) -> Value:
        """Draw an input of any proportions; a few layers share one."""
        if len(self.inputs) < 5:
            channels = self.size(1, deepest)
            height = self.size(2, 24)
            width = max(min(self.size(2, 24), MOST_BYTES // (height * channels)), 1)
            self.inputs.append(self.build.input((1, height, width, channels), QUANT))
            return self.inputs[-1]
        return self.choose(self.inputs)

    def window(self, x: Value, most: int = 5) -> Sliding:
        """A window that fits `x`, square or not, padded or not."""
        side = self.random.randint
        square = side(2, most)
        kernel = self.choose(((3, 3), (square, square), (side(1, most), side(1, most))))
        stride: Pair = self.choose(((1, 1), (1, 1), (2, 2), (1, 2)))
        dilation: Pair = self.choose(((1, 1), (1, 1), (2, 1), (1, 2)))
        found = Sliding(kernel, stride, dilation if stride == (1, 1) else (1, 1), side(0, 2) > 0)
        if min(found.output_size((x.shape[1], x.shape[2]))) < 1:
            return Sliding(kernel, stride)
        return found


Layer = Callable[[Draw], Value]


def pointwise(draw: Draw) -> Value:
    """A 1x1 convolution."""
    x = draw.image()
    pixels = x.shape[1] * x.shape[2]
    filters = min(draw.size(1, 96), MOST_BYTES // pixels, MOST_PRODUCTS // x.elements)
    window = Sliding((1, 1), draw.choose(((1, 1), (1, 1), (2, 2))), same=False)
    return draw.build.conv(x, max(filters, 1), window, QUANT)


def deep(draw: Draw) -> Value:
    """A convolution of many channels over few pixels, as at the end of a network."""
    side, kernel = draw.random.randint(1, 5), draw.choose(((1, 1), (1, 1), (3, 3)))
    x = draw.build.input((1, side, draw.random.randint(1, 5), draw.size(48, 256)), QUANT)
    filters = min(draw.size(8, 96), 30_000 // (kernel[0] * kernel[1] * x.shape[3]))
    return draw.build.conv(x, filters, Sliding(kernel), QUANT)


def convolution(draw: Draw) -> Value:
    """A convolution over a window."""
    x = draw.image(24)
    window = draw.window(x)
    height, width = window.output_size((x.shape[1], x.shape[2]))
    products = height * width * window.kernel[0] * window.kernel[1] * x.shape[3]
    filters = min(draw.size(1, 64), MOST_BYTES // (height * width), MOST_PRODUCTS // products)
    return draw.build.conv(x, max(filters, 1), window, QUANT, draw.choose(("none", "relu")))


def depthwise(draw: Draw) -> Value:
    """A depthwise convolution, sometimes with two filters per channel."""
    x = draw.image()
    small = Sliding(draw.window(x).kernel, (2, 2)) if x.elements > 2000 else draw.window(x)
    return draw.build.depthwise(x, draw.choose((1, 1, 2)), small, QUANT)


def tall_depthwise(draw: Draw) -> Value:
    """A depthwise convolution as tall as its input: it sums rows."""
    x = draw.image()
    kernel = (x.shape[1], draw.choose((1, x.shape[2], max(x.shape[2] // 2, 1))))
    return draw.build.depthwise(x, 1, Sliding(kernel, same=False), QUANT)


def pooling(draw: Draw) -> Value:
    """Average or max over small windows, or over the whole image."""
    x = draw.image()
    whole = Sliding((x.shape[1], x.shape[2]), same=False)
    window = draw.window(x, 3)
    small = Sliding(window.kernel, window.stride, same=window.same)
    if min(small.output_size((x.shape[1], x.shape[2]))) < 1:
        small = whole
    return draw.build.pool(x, draw.choose((small, small, whole)), draw.choose((False, True)))


def tall_pooling(draw: Draw) -> Value:
    """An average over all rows, and over all columns or a few: it sums rows."""
    x = draw.image()
    width = draw.choose((x.shape[2], max(x.shape[2] // 2, 1)))
    return draw.build.pool(x, Sliding((x.shape[1], width), (1, width), same=False), True)


def mean(draw: Draw) -> Value:
    """The mean over the image, or along one dimension."""
    x = draw.image()
    return draw.build.mean(x, draw.choose(((1, 2), (1, 2), (1, 2), (1,), (3,))), False, QUANT)


def linear(draw: Draw) -> Value:
    """A linear layer over the flattened image, or over each of a few tokens."""
    x = draw.image()
    if draw.choose((True, True, False)):
        flat = draw.build.reshape(x, (1, x.elements))
        return draw.build.linear(flat, draw.size(1, min(MOST_PRODUCTS // x.elements, 24)), QUANT)
    tokens = draw.build.input((1, x.shape[1] * x.shape[2], x.shape[3]), QUANT)
    most = max(MOST_BYTES // tokens.shape[1], 1)
    return draw.build.linear(tokens, min(draw.size(1, 64), most), QUANT, keep_dims=True)


def vector(draw: Draw) -> Value:
    """A linear layer over one vector, as at the end of a network."""
    x = draw.build.input((1, draw.size(8, 900)), QUANT)
    return draw.build.linear(x, draw.size(1, 128), QUANT)


def arithmetic(draw: Draw) -> Value:
    """ADD, SUB, MUL, MAXIMUM or MINIMUM with a tensor of the same shape, a vector or a number."""
    x = draw.image()
    shape = draw.choose((x.shape, x.shape, x.shape, (x.shape[3],), (1,)))
    other = draw.build.constant(shape, QUANT)
    code = draw.choose(("ADD", "ADD", "SUB", "MUL", "MUL", "MAXIMUM", "MINIMUM"))
    if code in ("MAXIMUM", "MINIMUM"):
        return draw.build.extreme(code, x, other)
    return draw.build.arithmetic(code, x, other, 1.0, 5)


def function(draw: Draw) -> Value:
    """A table, or softmax."""
    code = draw.choose((*TABLES, *("SOFTMAX",) * 5))
    x = draw.image()
    return draw.build.function(code, x, PROBABILITY if code in ("LOGISTIC", "SOFTMAX") else QUANT)


def normalization(draw: Draw) -> Value:
    """LOG_SOFTMAX or L2_NORMALIZATION along channels."""
    code = draw.choose(("LOG_SOFTMAX", "L2_NORMALIZATION"))
    return draw.build.function(code, draw.image(), FIXED[code])


def movement(draw: Draw) -> Value:
    """Padding, resizing, slices, transposes, concatenations."""
    x = draw.image()
    side = draw.random.randint
    kind = side(0, 6)
    if kind < 2:
        widths = ((0, 0), (side(0, 2), side(0, 2)), (side(0, 2), side(0, 2)), (0, 0))
        return draw.build.pad(x, widths)
    if kind < 4:
        size = (side(1, x.shape[1] + 3), side(1, x.shape[2] + 3))
        return draw.build.resize(x, size, False, True)
    if kind == 4:
        cuts = [range(side(0, n - 1), n, draw.choose((1, 1, 2))) for n in x.shape]
        return draw.build.cut(x, cuts)
    if kind == 5:
        return draw.build.transpose(x, draw.choose(((0, 2, 1, 3), (0, 1, 3, 2), (0, 3, 1, 2))))
    other = draw.build.constant(x.shape, QUANT)
    return draw.build.concatenate((x, other), draw.choose((1, 2, 3)))


def product(draw: Draw) -> Value:
    """A product of two activations, the second as it is stored or transposed."""
    depth = draw.size(1, 96)
    rows, columns = (min(draw.size(1, 48), 1500 // depth) for _ in range(2))
    adj_y = draw.choose((False, True))
    a = draw.build.input((1, rows, depth), QUANT)
    b = draw.build.input((1, columns, depth) if adj_y else (1, depth, columns), QUANT)
    return draw.build.matmul(a, b, adj_y, QUANT)


def interpolation(draw: Draw) -> Value:
    """Bilinear resizing, up or down."""
    x = draw.image(24)
    side = draw.random.randint
    size = (side(1, x.shape[1] + 3), side(1, x.shape[2] + 3))
    return draw.build.resize(x, size, False, draw.choose((False, True)), linear=True)


def transposed(draw: Draw) -> Value:
    """A transposed convolution, mostly by two."""
    x = draw.image(24)
    stride: Pair = draw.choose(((2, 2), (2, 2), (1, 1), (3, 2)))
    side = draw.random.randint
    kernel = draw.choose(((2, 2), (3, 3), (4, 4), (side(1, 4), side(1, 4))))
    pixels = x.shape[1] * x.shape[2]
    products = pixels * kernel[0] * kernel[1] * x.shape[3]
    most = min(MOST_BYTES // (pixels * stride[0] * stride[1]), MOST_PRODUCTS // products)
    return draw.build.transposed_conv(x, max(min(draw.size(1, 32), most), 1), kernel, stride, QUANT)


def index(draw: Draw) -> Value:
    """The index of the largest element, mostly along channels."""
    return draw.build.arg_max(draw.image(), draw.choose((3, 3, 3, 2, 1)))


FAMILIES: tuple[tuple[str, Layer, int], ...] = (  # name, what is drawn, how many models of it
    ("pointwise", pointwise, 1),
    ("convolution", convolution, 2),
    ("depthwise", depthwise, 2),
    ("tall_depthwise", tall_depthwise, 1),
    ("pooling", pooling, 2),
    ("mean", mean, 1),
    ("linear", linear, 1),
    ("arithmetic", arithmetic, 2),
    ("function", function, 1),
    ("movement", movement, 2),
    ("tall_pooling", tall_pooling, 1),
    ("deep", deep, 1),
    ("product", product, 2),
    ("vector", vector, 1),
    ("interpolation", interpolation, 1),
    ("transposed", transposed, 1),
    ("index", index, 1),
    ("normalization", normalization, 2),
)


def calibration_models() -> dict[str, ModelSpec | Graph]:
    """Return every model by name, the same ones each time."""
    drawn: dict[str, ModelSpec | Graph] = {
        f"{name}_{number}": _model(layer, 100 * family + number)
        for family, (name, layer, models) in enumerate(FAMILIES)
        for number in range(models)
    }
    own = {f"own_{seed}": own_layers(seed) for seed in range(8)}
    return drawn | {"float": float_edges(), "real": real_layers()} | own


def real_layers() -> Graph:
    """Build operators from int8 to float32 of several sizes."""
    rng = np.random.default_rng(0)
    quant = Quant(QUANT[:1], QUANT[1])
    table = tuple(float(np.float32(v)) for v in rng.standard_normal(256))
    nodes: list[Node] = []
    for number, (rows, width) in enumerate(((1, 6), (3, 40), (9, 17), (16, 96), (30, 8), (2, 700))):
        outputs = 3 + 5 * number
        weights = rng.integers(-127, 127, (outputs, width)).astype(np.int8)
        of_weights = Tensor(f"w{number}", weights.shape, DType.INT8, Quant((0.02,)), weights)
        made: tuple[tuple[Op, tuple[Tensor, ...], tuple[int, ...]], ...] = (
            (TableReal("table", table), (), (1, rows, width)),
            (LinearReal(), (of_weights,), (1, rows, outputs)),
            (MeanReal((1,)), (), (1, width)),
        )
        for op, constants, shape in made:
            name = f"{op.kind}{number}"
            x = Tensor(f"{name}_in", (1, rows, width), DType.INT8, quant)
            out = Tensor(f"{name}_out", shape, DType.FLOAT32)
            nodes.append(Node(name, op, (x, *constants), out, f"operator {len(nodes)}"))
    first, last = tuple(n.inputs[0] for n in nodes), tuple(n.output for n in nodes)
    return Graph("real_layers", first, last, tuple(nodes), "real_layers")


def own_layers(seed: int) -> Graph:
    """Build operators of a transformer, some with ONNX's meaning, on tokens of many sizes."""
    draw = Draw(seed)
    rng = np.random.default_rng(seed)
    quant = Quant(QUANT[:1], QUANT[1])
    nodes = []
    ops: tuple[Op, ...] = (SoftmaxQdq(), LayerNorm(), *broadcast_ops())
    for number in range(LAYERS):
        op = ops[(seed * LAYERS + number) % len(ops)]
        width = draw.size(4, 256)
        shape = (1, min(draw.size(2, 64), MOST_BYTES // width), width)
        inputs = [Tensor(f"x{number}", shape, DType.INT8, quant)]
        if isinstance(op, LayerNorm):
            for name in ("gamma", "beta"):
                values = rng.standard_normal(width).astype(np.float32)
                inputs.append(Tensor(f"{name}{number}", (width,), DType.FLOAT32, None, values))
        elif isinstance(op, BroadcastOp):
            like = draw.choose((shape, shape, (width,), (*shape[:2], 1)))
            other = rng.integers(1, 127, like).astype(np.int8)
            inputs.append(Tensor(f"y{number}", like, DType.INT8, quant, other))
        of_output = quant if isinstance(op, Extremum) else Quant((1 / 64,), -5)
        out = Tensor(f"out{number}", shape, DType.INT8, of_output)
        nodes.append(Node(f"layer{number}", op, tuple(inputs), out, f"operator {number}"))
    first, last = tuple(n.inputs[0] for n in nodes), tuple(n.output for n in nodes)
    return Graph("own_layers", first, last, tuple(nodes), "own_layers")


def broadcast_ops() -> tuple[BroadcastOp, ...]:
    """Every operator of two inputs that broadcast, in the order of their names."""
    for module in pkgutil.iter_modules(ops_package.__path__, f"{ops_package.__name__}."):
        import_module(module.name)

    def concrete(kind: type[BroadcastOp]) -> Iterator[BroadcastOp]:
        for child in kind.__subclasses__():
            yield from concrete(child)
            if not child.__abstractmethods__:
                yield child()

    found = concrete(BroadcastOp)  # type: ignore[type-abstract]  # asks for subclasses only
    return tuple(sorted(found, key=lambda op: op.kind))


def float_edges() -> ModelSpec:
    """Quantize and dequantize float inputs of several sizes."""
    tensors: list[TensorSpec] = []
    operators: list[OperatorSpec] = []
    for shape in ((1, 6), (1, 10, 3), (1, 4, 5, 7), (1, 24, 4, 4), (1, 12, 40), (1, 700)):
        at = len(tensors)
        tensors += [
            TensorSpec(f"float_{at}", shape, "float32"),
            TensorSpec(f"int8_{at}", shape, "int8", (QUANT[0],), (QUANT[1],)),
            TensorSpec(f"again_{at}", shape, "float32"),
        ]
        operators.append(OperatorSpec("QUANTIZE", (at,), (at + 1,), ("QuantizeOptions", {})))
        operators.append(
            OperatorSpec("DEQUANTIZE", (at + 1,), (at + 2,), ("DequantizeOptions", {}))
        )
    indices = range(0, len(tensors), 3)
    return ModelSpec(
        tuple(tensors), tuple(operators), tuple(indices), tuple(i + 2 for i in indices)
    )


def _model(layer: Layer, seed: int) -> ModelSpec:
    draw = Draw(seed)
    return draw.build.spec([layer(draw) for _ in range(LAYERS)])
