# SPDX-License-Identifier: Apache-2.0
"""Small QDQ models on images: convolution, pooling, arithmetic, concatenation, resizing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import onnx

from tests.models.qdq_builder import Qdq

Build = Callable[[Qdq], str]
IMAGE = (1, 6, 9, 7)


def conv(q: Qdq, shape: tuple[int, ...] = (8, 6, 3, 3), **attributes: object) -> str:
    """Convolve with per-channel weights and an int32 bias on the scale of the products."""
    scales = np.linspace(0.005, 0.03, shape[0]).tolist()
    dims = (1, shape[1] * int(attributes.get("group", 1)), *IMAGE[2 : len(shape)])  # type: ignore[call-overload]
    x = q.input(dims)
    inputs = [x, q.weights(shape, scales), q.bias(shape[0], [0.05 * s for s in scales])]
    return q.op("Conv", inputs, 0.9, -7, **attributes)  # type: ignore[arg-type]


def transposed(
    shape: tuple[int, ...] = (6, 8, 3, 3), groups: int = 1, **attributes: object
) -> Build:
    """Convolve backwards with per-channel weights and an int32 bias."""

    def build(q: Qdq) -> str:
        scales = np.linspace(0.005, 0.03, shape[1]).tolist()
        x = q.input((1, shape[0], *IMAGE[2 : len(shape)]))
        bias = q.bias(shape[1] * groups, [0.05 * s for s in scales] * groups)
        inputs = [x, q.weights(shape, scales, 1), bias]
        return q.op("ConvTranspose", inputs, 0.9, -7, group=groups, **attributes)  # type: ignore[arg-type]

    return build


def reduced(kind: str, *axes: int, **attributes: object) -> Build:
    """Reduce over axes, behind a convolution."""

    def build(q: Qdq) -> str:
        more = {"axes": list(axes)} if axes and kind != "ReduceSum" else {}
        inputs = [conv(q), q.integers(*axes)] if axes and kind == "ReduceSum" else [conv(q)]
        scale = 9.0 if kind == "ReduceSum" else 0.9
        return q.op(kind, inputs, scale, -7, **more, **attributes)  # type: ignore[arg-type]

    return build


def blocks(kind: str, blocksize: int, shape: tuple[int, ...], **attributes: object) -> Build:
    """Exchange squares of pixels and channels."""
    return lambda q: q.op(kind, [q.input(shape)], 0.05, 3, blocksize=blocksize, **attributes)  # type: ignore[arg-type]


def slopes(*shape: int) -> Build:
    """Apply slopes of float32 below zero."""

    def build(q: Qdq) -> str:
        slope = q.constant(q.random.uniform(-0.2, 0.5, shape).astype(np.float32))
        return q.op("PRelu", [conv(q), slope], 0.7, -20)

    return build


def log_softmax(q: Qdq) -> str:
    return q.op("LogSoftmax", [conv(q)], 0.4, 127, axis=1)


def transposed_then_norm(q: Qdq) -> str:
    """Fold a normalization in float into the weights."""
    x = q.node("ConvTranspose", [q.input(IMAGE), q.weights((6, 5, 2, 2))], strides=[2, 2])
    parts = [q.constant(q.random.uniform(0.5, 2.0, 5).astype(np.float32)) for _ in range(4)]
    return q.op("BatchNormalization", [x, *parts], 0.5, -7)


def transposed_then_relu(q: Qdq) -> str:
    x = q.node("ConvTranspose", [q.input(IMAGE), q.weights((6, 5, 2, 2))], strides=[2, 2])
    return q.op("Relu", [x], 0.5, -128)


def conv_with_float_bias(q: Qdq) -> str:
    bias = q.constant(q.random.normal(0, 2, 8).astype(np.float32))
    return q.op("Conv", [q.input(IMAGE), q.weights((8, 6, 3, 3)), bias], 0.9, pads=[1, 1, 1, 1])


def conv_with_int8_bias(q: Qdq) -> str:
    bias = q.weights((8,), 0.04)
    return q.op("Conv", [q.input(IMAGE), q.weights((8, 6, 3, 3)), bias], 0.9, pads=[1, 1, 1, 1])


def conv_then(kind: str, *bounds: float) -> Build:
    """Put a clamp between a convolution and its QuantizeLinear."""

    def build(q: Qdq) -> str:
        x = q.node("Conv", [q.input(IMAGE), q.weights((8, 6, 1, 1))])
        limits = [q.constant(np.array(b, np.float32)) for b in bounds]
        return q.op(kind, [x, *limits], 0.5, -40)

    return build


def conv_weights_in_float(q: Qdq) -> str:
    """Store weights in float, with a QuantizeLinear right behind them."""
    data = q.constant(q.random.normal(0, 1, (8, 6, 3, 3)).astype(np.float32))
    scale, zero = q.constant(np.full(8, 0.02, np.float32)), q.constant(np.zeros(8, np.int8))
    integers = q.node("QuantizeLinear", [data, scale, zero], axis=0)
    weights = q.node("DequantizeLinear", [integers, scale, zero], axis=0)
    return q.op("Conv", [q.input(IMAGE), weights], 0.9)


def uint8_weights(q: Qdq) -> str:
    return q.op("Conv", [q.input(IMAGE), q.weights((8, 6, 3, 3), 0.02, 0, 128, "uint8")], 0.9)


def flattened(q: Qdq) -> str:
    """Flatten before a linear layer: its weights take the map's order, and nothing moves."""
    x = conv(q, pads=[1, 1, 1, 1])
    flat = q.op("Flatten", [x], 0.9, -7)
    return q.op("Gemm", [flat, q.weights((5, 8 * 63)), q.bias(5, 0.018)], 3.0, transB=1)


def normalized(q: Qdq, x: str, channels: int, seed: int = 0) -> str:
    """Add a BatchNormalization of `x` with random constants; some channels change the sign."""
    drawn = np.random.default_rng(seed)
    spread = (drawn.normal(0, 1, channels), drawn.normal(0, 0.5, channels))
    constants = [*spread, drawn.normal(0, 0.5, channels), drawn.uniform(0.5, 2, channels)]
    names = [q.constant(values.astype(np.float32)) for values in constants]
    return q.node("BatchNormalization", [x, *names], epsilon=1e-3)


def batch_norm_between(q: Qdq) -> str:
    """Normalize a quantized map: behind an activation, or first of all."""
    return q.requantized(normalized(q, q.input(IMAGE), 6), 0.08, 5)


def batch_norm_then_relu(q: Qdq) -> str:
    return q.op("Relu", [normalized(q, q.input(IMAGE), 6)], 0.05, -128)


def batch_norm_after(kind: str) -> Build:
    """Normalize the float result of a convolution or a linear layer: part of its weights."""

    def build(q: Qdq) -> str:
        if kind == "Conv":
            x = q.node("Conv", [q.input(IMAGE), q.weights((8, 6, 3, 3)), q.bias(8, 0.001)])
        else:
            x = q.node("Gemm", [q.input((1, 40)), q.weights((8, 40)), q.bias(8, 0.001)], transB=1)
        return q.requantized(normalized(q, x, 8), 0.9, 5)

    return build


def batch_norm_of_vector(q: Qdq) -> str:
    return q.requantized(normalized(q, q.input((1, 24)), 24), 0.08, 5)


def batch_norm_of_sequence(q: Qdq) -> str:
    return q.requantized(normalized(q, q.input((1, 6, 30)), 6), 0.08, 5)


def scale_and_shift(q: Qdq) -> str:
    """Multiply and add per channel, in float: one operator."""
    x = q.node("Mul", [conv(q, (6, 6, 1, 1)), q.weights((6, 1, 1), 0.02)])
    return q.op("Add", [q.constant(np.linspace(-2, 1, 6, dtype=np.float32)[:, None, None]), x], 1.5)


def constant_channel(q: Qdq) -> str:
    """A channel whose factor is 0 is its offset."""
    zeros = q.constant(np.array([1, 0, -2, 1e-9, 0.5, 1], np.float32)[:, None, None])
    shift = q.constant(np.array([0, 3, 1, -4, 0, 100], np.float32)[:, None, None])
    return q.op("Add", [q.node("Mul", [conv(q, (6, 6, 1, 1)), zeros]), shift], 1.1)


def pair(kind: str, shape: tuple[int, ...] = IMAGE, second: tuple[int, ...] = IMAGE) -> Build:
    """Combine two run-time tensors of different scales."""

    def build(q: Qdq) -> str:
        b = q.input(second, 0.02, -9, name="b")
        return q.op(kind, [q.input(shape), b], 0.11, 5)

    return build


def with_constant(kind: str, shape: tuple[int, ...], first: bool = False) -> Build:
    """Combine a run-time tensor and a quantized constant."""

    def build(q: Qdq) -> str:
        operands = [q.input(IMAGE), q.weights(shape, 0.03)]
        return q.op(kind, operands[::-1] if first else operands, 0.2, 5)

    return build


def add_float_vector(q: Qdq) -> str:
    vector = q.constant(np.linspace(-1, 2, 7, dtype=np.float32))
    return q.op("Add", [q.input(IMAGE), vector], 0.06, 5)


def add_then_relu(q: Qdq) -> str:
    x = q.node("Add", [q.input(IMAGE), q.input(IMAGE, 0.02, -9, name="b")])
    return q.op("Relu", [x], 0.06, -128)


def pool(kind: str, same: bool = True, **attributes: object) -> Build:
    """Pool, with the result on the input's scale or on a finer one."""

    def build(q: Qdq) -> str:
        scale, zero = (0.05, 3) if same else (0.03, -2)
        return q.op(kind, [q.input(IMAGE)], scale, zero, **attributes)  # type: ignore[arg-type]

    return build


COORDINATES = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")


def scaled(q: Qdq, *factors: float, mode: str = "linear", **attributes: object) -> str:
    """Resize by factors of height and width that are not whole."""
    scales = q.constant(np.array([1, 1, *(factors or (2.3, 0.8))], np.float32))
    return q.op("Resize", [q.input(IMAGE), "", scales], 0.05, 3, mode=mode, **attributes)  # type: ignore[arg-type]


def linear(coordinates: str) -> Build:
    return lambda q: scaled(q, coordinate_transformation_mode=coordinates)


def to_size(q: Qdq) -> str:
    sizes = q.constant(np.array([1, 6, 20, 13], np.int64))
    return q.op("Resize", [q.input(IMAGE), "", "", sizes], 0.05, 3, mode="linear")


def sequence_resized(q: Qdq) -> str:
    scales = q.constant(np.array([1, 1, 1.5], np.float32))
    return q.op("Resize", [q.input((1, 6, 30)), "", scales], 0.05, 3, mode="linear")


def tiled(q: Qdq, *times: int) -> str:
    return q.op("Tile", [q.input(IMAGE), q.integers(*(times or (1, 1, 2, 3)))], 0.05, 3)


def pad(q: Qdq, mode: str = "constant") -> str:
    value = q.constant(np.array(0.5, np.float32))
    inputs = [q.input(IMAGE), q.integers(0, 0, 1, 2, 0, 1 if mode == "constant" else 0, 0, 1)]
    if mode == "constant":
        inputs.append(value)
    return q.op("Pad", inputs, 0.05, 3, mode=mode)


def reflected_map(q: Qdq) -> str:
    pads = q.integers(0, 0, 2, 1, 0, 0, 1, 2)
    return q.op("Pad", [conv(q), pads], 0.9, -7, mode="reflect")


def pad_beyond_the_range(q: Qdq) -> str:
    """Ones around values below 0.4, as linear attention has them: the output's scale holds them."""
    value = q.constant(np.array(1.0, np.float32))
    x = q.input(IMAGE, 0.003, 3)
    return q.op("Pad", [x, q.integers(0, 0, 1, 2, 0, 1, 0, 1), value], 0.009, -5)


def two_images_joined(q: Qdq) -> str:
    a, b = q.input(IMAGE, name="a"), q.input(IMAGE, 0.02, -9, name="b")
    joined = q.op("Concat", [a, b], 0.05, 3, axis=1)
    return q.op("Conv", [joined, q.weights((4, 12, 3, 3))], 1.5)


def resize(q: Qdq, **attributes: object) -> str:
    scales = q.constant(np.array([1, 1, 2, 3], np.float32))
    return q.op("Resize", [q.input(IMAGE), "", scales], 0.05, 3, mode="nearest", **attributes)  # type: ignore[arg-type]


def conv_1d(q: Qdq) -> str:
    x = q.input((1, 6, 30))
    y = q.op("Conv", [x, q.weights((8, 6, 5)), q.bias(8, 0.001)], 0.9, pads=[2, 2], strides=[2])
    y = q.op("Relu", [y], 0.5, -128)
    y = q.op("Conv", [y, q.weights((8, 1, 3))], 0.4, pads=[1, 1], group=8)
    return q.op("GlobalAveragePool", [y], 0.1)


def normalized_uint8_image(q: Qdq) -> str:
    """A camera's bytes: cast, scaled and shifted in float before they are quantized."""
    q.inputs.append(onnx.helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, IMAGE))
    real = q.node("Cast", ["x"], to=1)
    unit = q.node("Div", [real, q.constant(np.array(255, np.float32))])
    x = q.op("Sub", [unit, q.constant(np.array(0.5, np.float32))], 0.004, 0)
    return q.op("Conv", [x, q.weights((4, 6, 1, 1))], 0.02)


def shape_arithmetic(q: Qdq) -> str:
    """Reshape to [batch, -1] as exporters write it: Shape, Gather, Unsqueeze, Concat."""
    x = conv(q, (4, 6, 3, 3))
    first = q.node("Gather", [q.node("Shape", [x]), q.constant(np.array(0, np.int64))])
    sizes = q.node("Concat", [q.node("Unsqueeze", [first, q.integers(0)]), q.integers(-1)], axis=0)
    return q.op("Gemm", [q.node("Reshape", [x, sizes]), q.weights((5, 140))], 3.0, transB=1)


# name: what builds it, the kinds of the nodes it becomes
CASES: Mapping[str, tuple[Build, list[str]]] = MappingProxyType(
    {
        "conv": (conv, ["conv2d"]),
        "conv padded, strided, dilated": (
            lambda q: conv(q, pads=[1, 0, 2, 1], strides=[2, 1], dilations=[2, 1]),
            ["conv2d"],
        ),
        "conv SAME_UPPER": (lambda q: conv(q, auto_pad="SAME_UPPER", strides=[2, 2]), ["conv2d"]),
        "conv SAME_LOWER": (lambda q: conv(q, auto_pad="SAME_LOWER", strides=[2, 2]), ["conv2d"]),
        "conv in groups": (lambda q: conv(q, (8, 3, 3, 3), group=2), ["conv2d"]),
        "depthwise": (lambda q: conv(q, (12, 1, 3, 3), group=6), ["depthwise_conv2d"]),
        "conv float bias": (conv_with_float_bias, ["conv2d"]),
        "conv int8 bias": (conv_with_int8_bias, ["conv2d"]),
        "conv float weights quantized in place": (conv_weights_in_float, ["conv2d"]),
        "conv uint8 weights": (uint8_weights, ["conv2d"]),
        "conv and relu": (conv_then("Relu"), ["conv2d"]),
        "conv and relu6": (conv_then("Clip", 0.0, 6.0), ["conv2d"]),
        "conv and clip": (conv_then("Clip", -3.0, 11.0), ["conv2d", "lookup"]),
        "1-D conv": (conv_1d, ["conv2d", "lookup", "depthwise_conv2d", "mean"]),
        "batch norm": (batch_norm_between, ["depthwise_conv2d"]),
        "batch norm and relu": (batch_norm_then_relu, ["depthwise_conv2d"]),
        "batch norm of a vector": (batch_norm_of_vector, ["depthwise_conv2d"]),
        "batch norm of a sequence": (batch_norm_of_sequence, ["depthwise_conv2d"]),
        "batch norm after conv": (batch_norm_after("Conv"), ["conv2d"]),
        "batch norm after gemm": (batch_norm_after("Gemm"), ["fully_connected"]),
        "scale and shift": (scale_and_shift, ["conv2d", "depthwise_conv2d"]),
        "channels without a factor": (constant_channel, ["conv2d", "depthwise_conv2d"]),
        "flatten and gemm": (flattened, ["conv2d", "fully_connected"]),
        "add": (pair("Add"), ["add"]),
        "sub": (pair("Sub"), ["add"]),
        "mul": (pair("Mul"), ["mul"]),
        "max": (pair("Max"), ["lookup", "lookup", "maximum"]),
        "min": (pair("Min"), ["lookup", "lookup", "minimum"]),
        "mul by a gate per channel": (pair("Mul", IMAGE, (1, 6, 1, 1)), ["mul"]),
        "add of lower rank": (pair("Add", IMAGE, (1, 7)), ["add"]),
        "add constant per channel": (with_constant("Add", (6, 1, 1)), ["add"]),
        "sub from a constant": (with_constant("Sub", (1, 6, 9, 7), first=True), ["add"]),
        "mul by one number": (with_constant("Mul", ()), ["lookup"]),
        "div by one number": (with_constant("Div", (1,)), ["lookup"]),
        "div by constants per channel": (with_constant("Div", (6, 1, 1)), ["div"]),
        "add float vector": (add_float_vector, ["add"]),
        "add and relu": (add_then_relu, ["add"]),
        "global average pool": (pool("GlobalAveragePool", False), ["mean"]),
        "average pool": (pool("AveragePool", kernel_shape=[2, 2]), ["average_pool2d"]),
        "average pool, padding left out": (
            pool("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            ["average_pool2d"],
        ),
        "average pool, padding counted": (
            pool("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
            ["depthwise_conv2d"],
        ),
        "average pool on another scale": (
            pool("AveragePool", False, kernel_shape=[3, 2], strides=[2, 2]),
            ["depthwise_conv2d"],
        ),
        "average pool rounded up": (
            pool("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
            ["average_pool2d"],
        ),
        "average pool rounded up, padding counted": (
            pool(
                "AveragePool",
                kernel_shape=[3, 3],
                strides=[2, 4],
                pads=[1, 1, 0, 0],
                ceil_mode=1,
                count_include_pad=1,
            ),
            ["pad", "average_pool2d"],
        ),
        "max pool": (pool("MaxPool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), ["max_pool2d"]),
        "max pool rounded up": (
            pool("MaxPool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1),
            ["max_pool2d"],
        ),
        "max pool on another scale": (
            pool("MaxPool", False, kernel_shape=[2, 2]),
            ["max_pool2d", "lookup"],
        ),
        "depth to space": (blocks("DepthToSpace", 2, (1, 12, 4, 5)), ["pick_pixels"]),
        "pixel shuffle": (
            blocks("DepthToSpace", 3, (1, 18, 4, 5), mode="CRD"),
            ["transpose", "pick_pixels"],
        ),
        "space to depth": (blocks("SpaceToDepth", 2, (1, 3, 6, 8)), ["pick_pixels"]),
        "a slope per channel": (slopes(8, 1, 1), ["conv2d", "prelu"]),
        "a slope per row": (slopes(7, 1), ["conv2d", "prelu"]),
        "log softmax of channels": (log_softmax, ["conv2d", "log_softmax"]),
        "largest of channels": (reduced("ReduceMax", 1), ["conv2d", "max_pool2d"]),
        "largest of rows": (reduced("ReduceMax", -1, keepdims=0), ["conv2d", "max_pool2d"]),
        "smallest of all": (
            reduced("ReduceMin"),
            ["conv2d", "lookup", "max_pool2d", "lookup"],
        ),
        "largest of each channel": (reduced("GlobalMaxPool"), ["conv2d", "max_pool2d"]),
        "sum of pixels": (reduced("ReduceSum", 2, 3, keepdims=0), ["conv2d", "sum"]),
        "transposed conv": (transposed(), ["transpose_conv"]),
        "transposed conv by two": (
            transposed(strides=[2, 3], pads=[1, 0, 0, 2], output_padding=[1, 0]),
            ["transpose_conv"],
        ),
        "transposed conv to a shape": (
            transposed(strides=[2, 2], output_shape=[18, 13]),
            ["transpose_conv"],
        ),
        "transposed conv, same upper": (
            transposed((6, 8, 4, 3), strides=[3, 2], auto_pad="SAME_UPPER"),
            ["transpose_conv"],
        ),
        "transposed conv, same lower": (
            transposed((6, 8, 4, 3), strides=[3, 2], auto_pad="SAME_LOWER"),
            ["transpose_conv"],
        ),
        "transposed conv of groups": (
            transposed((6, 4, 3, 2), 3, strides=[2, 2]),
            ["transpose_conv"],
        ),
        "transposed depthwise conv": (
            transposed((6, 1, 4, 4), 6, strides=[2, 2], pads=[1, 1, 1, 1]),
            ["transpose_conv"],
        ),
        "transposed dilated conv": (
            transposed(strides=[2, 2], dilations=[2, 3]),
            ["transpose_conv"],
        ),
        "transposed conv of a sequence": (
            transposed((6, 8, 4), strides=[2], pads=[1, 1]),
            ["transpose_conv"],
        ),
        "transposed conv, then normalization": (transposed_then_norm, ["transpose_conv"]),
        "transposed conv, then relu": (transposed_then_relu, ["transpose_conv"]),
        "resize": (
            lambda q: resize(q, coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
            ["resize_nearest"],
        ),
        "resize by half pixels": (resize, ["resize_nearest"]),
        "resize up and prefer ceil": (
            lambda q: resize(q, nearest_mode="ceil"),
            ["pick_pixels"],
        ),
        **{f"resize linearly, {mode}": (linear(mode), ["resize_bilinear"]) for mode in COORDINATES},
        "resize linearly to a size": (to_size, ["resize_bilinear"]),
        "resize a sequence": (sequence_resized, ["resize_bilinear"]),
        "reflecting pad": (lambda q: pad(q, mode="reflect"), ["pick_pixels", "pick_pixels"]),
        "reflecting pad of a map": (reflected_map, ["conv2d", "pick_pixels"]),
        "edge pad": (lambda q: pad(q, mode="edge"), ["pick_pixels", "pick_pixels"]),
        "tile": (tiled, ["pick_pixels", "pick_pixels"]),
        "tile of channels": (lambda q: tiled(q, 1, 3, 1, 2), ["pick_pixels", "pick_pixels"]),
        "pad": (pad, ["pad"]),
        "pad beyond the range": (pad_beyond_the_range, ["lookup", "pad"]),
        "two images joined": (two_images_joined, ["lookup", "concatenation", "conv2d"]),
        "normalized bytes": (normalized_uint8_image, ["lookup", "conv2d"]),
        "shape arithmetic": (shape_arithmetic, ["conv2d", "fully_connected"]),
    }
)
