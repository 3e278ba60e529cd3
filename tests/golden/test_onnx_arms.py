# SPDX-License-Identifier: Apache-2.0
"""Every arm of the ONNX front end: what a small QDQ model becomes, and onnxruntime's answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest

from tests.models.onnx_qdq import Qdq, graph_of, kinds_of, largest_difference

Build = Callable[[Qdq], str]
IMAGE = (1, 6, 9, 7)
TOKENS = (1, 10, 12)


def conv(q: Qdq, shape: tuple[int, ...] = (8, 6, 3, 3), **attributes: object) -> str:
    """Per-channel weights and an int32 bias on the scale of the products."""
    scales = np.linspace(0.005, 0.03, shape[0]).tolist()
    dims = (1, shape[1] * int(attributes.get("group", 1)), *IMAGE[2 : len(shape)])  # type: ignore[call-overload]
    x = q.input(dims)
    inputs = [x, q.weights(shape, scales), q.bias(shape[0], [0.05 * s for s in scales])]
    return q.op("Conv", inputs, 0.9, -7, **attributes)  # type: ignore[arg-type]


def conv_with_float_bias(q: Qdq) -> str:
    bias = q.constant(q.random.normal(0, 2, 8).astype(np.float32))
    return q.op("Conv", [q.input(IMAGE), q.weights((8, 6, 3, 3)), bias], 0.9, pads=[1, 1, 1, 1])


def conv_with_int8_bias(q: Qdq) -> str:
    bias = q.weights((8,), 0.04)
    return q.op("Conv", [q.input(IMAGE), q.weights((8, 6, 3, 3)), bias], 0.9, pads=[1, 1, 1, 1])


def conv_then(kind: str, *bounds: float) -> Build:
    """A clamp between the convolution and its QuantizeLinear."""

    def build(q: Qdq) -> str:
        x = q.node("Conv", [q.input(IMAGE), q.weights((8, 6, 1, 1))])
        limits = [q.constant(np.array(b, np.float32)) for b in bounds]
        return q.op(kind, [x, *limits], 0.5, -40)

    return build


def conv_weights_in_float(q: Qdq) -> str:
    """Weights stored in float with a QuantizeLinear right behind them."""
    data = q.constant(q.random.normal(0, 1, (8, 6, 3, 3)).astype(np.float32))
    scale, zero = q.constant(np.full(8, 0.02, np.float32)), q.constant(np.zeros(8, np.int8))
    integers = q.node("QuantizeLinear", [data, scale, zero], axis=0)
    weights = q.node("DequantizeLinear", [integers, scale, zero], axis=0)
    return q.op("Conv", [q.input(IMAGE), weights], 0.9)


def uint8_weights(q: Qdq) -> str:
    return q.op("Conv", [q.input(IMAGE), q.weights((8, 6, 3, 3), 0.02, 0, 128, "uint8")], 0.9)


def gemm(q: Qdq, by_rows: int = 1, scale: tuple[float, ...] | float = 0.02) -> str:
    shape, axis = ((5, 12), 0) if by_rows else ((12, 5), 1)
    inputs = [q.input((1, 12)), q.weights(shape, scale, axis), q.bias(5, 0.001)]
    return q.op("Gemm", inputs, 0.3, 4, transB=by_rows)


def flattened(q: Qdq) -> str:
    """The weights take the order the map is stored in: nothing is moved."""
    x = conv(q, pads=[1, 1, 1, 1])
    flat = q.op("Flatten", [x], 0.9, -7)
    return q.op("Gemm", [flat, q.weights((5, 8 * 63)), q.bias(5, 0.018)], 3.0, transB=1)


def matmul(q: Qdq, shape: tuple[int, ...] = TOKENS) -> str:
    scales = np.linspace(0.01, 0.03, 7).tolist()
    return q.op("MatMul", [q.input(shape), q.weights((shape[-1], 7), scales, 1)], 0.3, 4)


def matmul_with_bias_in_float(q: Qdq) -> str:
    x = q.node("MatMul", [q.input(TOKENS), q.weights((12, 7))])
    return q.op("Add", [q.constant(np.linspace(-9, 9, 7, dtype=np.float32)), x], 0.3, 4)


def matmul_from_left(q: Qdq) -> str:
    """Weights times tokens, as mixers have it: columns of the input are summed."""
    scales = np.linspace(0.01, 0.03, 7).tolist()
    return q.op("MatMul", [q.weights((7, 10), scales, 0), q.input(TOKENS)], 0.3, 4)


def matmul_asymmetric(q: Qdq) -> str:
    data = q.random.integers(-128, 127, (12, 7), endpoint=True).astype(np.int8)
    return q.op("MatMul", [q.input(TOKENS), q.stored(data, 0.02, 0, -100)], 0.9, 4)


def attention(q: Qdq) -> str:
    """Two heads: the only transposes left are those of the heads."""
    x = q.input((1, 5, 8))

    def head(perm: tuple[int, ...]) -> str:
        y = q.op("MatMul", [x, q.weights((8, 8), 0.02)], 0.1, 2)
        split = q.op("Reshape", [y, q.integers(1, 5, 2, 4)], 0.1, 2)
        return q.op("Transpose", [split], 0.1, 2, perm=perm)

    scores = q.op("MatMul", [head((0, 2, 1, 3)), head((0, 2, 3, 1))], 0.4, -3)
    weights = q.op("Softmax", [scores], 1 / 256, -128, axis=-1)
    mixed = q.op("MatMul", [weights, head((0, 2, 1, 3))], 0.08, 1)
    merged = q.op("Transpose", [mixed], 0.08, 1, perm=(0, 2, 1, 3))
    return q.op("Reshape", [merged, q.integers(1, 5, 8)], 0.08, 1)


def pair(kind: str, shape: tuple[int, ...] = IMAGE, second: tuple[int, ...] = IMAGE) -> Build:
    """Two run-time tensors of different scales."""

    def build(q: Qdq) -> str:
        b = q.input(second, 0.02, -9, name="b")
        return q.op(kind, [q.input(shape), b], 0.11, 5)

    return build


def with_constant(kind: str, shape: tuple[int, ...], first: bool = False) -> Build:
    """A run-time tensor and a quantised constant."""

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


def one(kind: str, zero: int = 5, scale: float = 0.06, **attributes: object) -> Build:
    """A function of one tensor."""
    return lambda q: q.op(kind, [q.input(TOKENS)], scale, zero, **attributes)  # type: ignore[arg-type]


def erf_gelu(q: Qdq) -> str:
    """x / 2 * (1 + erf(x / sqrt(2))), all of it in float."""
    x = q.input(TOKENS)
    halves = [q.constant(np.array(v, np.float32)) for v in (np.sqrt(2.0), 1.0, 0.5)]
    grown = q.node("Add", [q.node("Erf", [q.node("Div", [x, halves[0]])]), halves[1]])
    return q.op("Mul", [q.node("Mul", [x, grown]), halves[2]], 0.05, -120)


def tanh_gelu(q: Qdq) -> str:
    """x / 2 * (1 + tanh(0.798 (x + 0.0447 x ** 3)))."""
    x = q.input(TOKENS)
    a, b, c, d, e = (q.constant(np.array(v, np.float32)) for v in (3, 0.044715, 0.79788, 1, 0.5))
    inner = q.node("Add", [x, q.node("Mul", [q.node("Pow", [x, a]), b])])
    grown = q.node("Add", [q.node("Tanh", [q.node("Mul", [inner, c])]), d])
    return q.op("Mul", [q.node("Mul", [x, e]), grown], 0.05, -120)


def sigmoid_gelu(q: Qdq) -> str:
    """x * sigmoid(1.702 x)."""
    x = q.input(TOKENS)
    gate = q.node("Sigmoid", [q.node("Mul", [x, q.constant(np.array(1.702, np.float32))])])
    return q.op("Mul", [x, gate], 0.05, -120)


def layer_norm(q: Qdq, axis: int = -1) -> str:
    size = 12 if axis in (-1, 2) else 120
    gamma, beta = q.weights((size,), 0.01), q.bias(size, 0.001, 1000)
    if size > 12:
        shape = q.integers(10, 12)
        gamma, beta = (q.node("Reshape", [v, shape]) for v in (gamma, beta))
    return q.op("LayerNormalization", [q.input(TOKENS), gamma, beta], 0.03, 5, axis=axis)


def layer_norm_in_parts(root: str) -> Build:
    """The decomposition, left in float."""

    def build(q: Qdq) -> str:
        x = q.input(TOKENS)

        def number(value: float) -> str:
            return q.constant(np.array(value, np.float32))

        mean = q.node("ReduceMean", [x], axes=[-1])
        d = q.node("Sub", [x, mean])
        square = q.node("Pow", [d, number(2)]) if root != "rsqrt" else q.node("Mul", [d, d])
        variance = q.node("Add", [q.node("ReduceMean", [square], axes=[-1]), number(1e-5)])
        if root == "sqrt":
            y = q.node("Div", [d, q.node("Sqrt", [variance])])
        elif root == "rsqrt":
            y = q.node("Mul", [d, q.node("Reciprocal", [q.node("Sqrt", [variance])])])
        else:
            y = q.node("Mul", [q.node("Pow", [variance, number(-0.5)]), d])
        y = q.node("Mul", [y, q.weights((12,), 0.01)])
        return q.op("Add", [y, q.constant(np.linspace(-1, 1, 12, dtype=np.float32))], 0.03, 5)

    return build


def softmax(q: Qdq, axis: int = -1, shape: tuple[int, ...] = TOKENS) -> str:
    return q.op("Softmax", [q.input(shape)], 0.003, -120, axis=axis)


def pool(kind: str, same: bool = True, **attributes: object) -> Build:
    """A pool on the input's scale or on a finer one."""

    def build(q: Qdq) -> str:
        scale, zero = (0.05, 3) if same else (0.03, -2)
        return q.op(kind, [q.input(IMAGE)], scale, zero, **attributes)  # type: ignore[arg-type]

    return build


def moving(
    kind: str, *lists: tuple[int, ...], shape: tuple[int, ...] = TOKENS, **more: object
) -> Build:
    """An operator that moves values, its lists of integers behind its input."""

    def build(q: Qdq) -> str:
        x = q.op("Neg", [q.input(shape)], 0.05, 3)
        inputs = [x, *(q.integers(*values) for values in lists)]
        return q.op(kind, inputs, 0.05, 3, **more)  # type: ignore[arg-type]

    return build


def pad(q: Qdq) -> str:
    value = q.constant(np.array(0.5, np.float32))
    return q.op("Pad", [q.input(IMAGE), q.integers(0, 0, 1, 2, 0, 1, 0, 1), value], 0.05, 3)


def split(q: Qdq) -> str:
    x = q.input(TOKENS)
    first = q.node("Split", [x, q.integers(5, 7)], 2, axis=2)
    parts = [q.requantised(name, 0.05, 3) for name in (first, f"{first}.1")]
    sums = [q.op("ReduceMean", [part], 0.03, 1, axes=[2], keepdims=0) for part in parts]
    return q.op("Sub", sums, 0.03, 1)


def gather_row(q: Qdq) -> str:
    return q.op("Gather", [q.input(TOKENS), q.constant(np.array(-2, np.int64))], 0.05, 3, axis=1)


def class_token(q: Qdq) -> str:
    """A constant in front, on another scale than the tokens."""
    token = q.weights((1, 1, 12), 0.01)
    return q.op("Concat", [token, q.input(TOKENS)], 0.06, 1, axis=1)


def two_images_joined(q: Qdq) -> str:
    a, b = q.input(IMAGE, name="a"), q.input(IMAGE, 0.02, -9, name="b")
    joined = q.op("Concat", [a, b], 0.05, 3, axis=1)
    return q.op("Conv", [joined, q.weights((4, 12, 3, 3))], 1.5)


def resize(q: Qdq, **attributes: object) -> str:
    scales = q.constant(np.array([1, 1, 2, 3], np.float32))
    return q.op("Resize", [q.input(IMAGE), "", scales], 0.05, 3, mode="nearest", **attributes)  # type: ignore[arg-type]


def twice_quantised(q: Qdq) -> str:
    """QuantizeLinear and DequantizeLinear on another scale, and another, in sequence."""
    return q.requantised(q.requantised(q.input(TOKENS), 0.09, -20), 0.03, 40)


def moved_in_float(q: Qdq) -> str:
    """A product, then a Reshape and a Transpose before anything is quantised."""
    x = q.node("MatMul", [q.input(TOKENS), q.weights((12, 8))])
    x = q.node("Transpose", [q.node("Reshape", [x, q.integers(1, 10, 2, 4)])], perm=(0, 2, 1, 3))
    return q.requantised(x, 0.3, 4)


def conv_1d(q: Qdq) -> str:
    x = q.input((1, 6, 30))
    y = q.op("Conv", [x, q.weights((8, 6, 5)), q.bias(8, 0.001)], 0.9, pads=[2, 2], strides=[2])
    y = q.op("Relu", [y], 0.5, -128)
    y = q.op("Conv", [y, q.weights((8, 1, 3))], 0.4, pads=[1, 1], group=8)
    return q.op("GlobalAveragePool", [y], 0.1)


def normalised_uint8_image(q: Qdq) -> str:
    """A camera's bytes: cast, scaled and shifted in float before they are quantised."""
    q.inputs.append(onnx.helper.make_tensor_value_info("x", onnx.TensorProto.UINT8, IMAGE))
    real = q.node("Cast", ["x"], to=1)
    unit = q.node("Div", [real, q.constant(np.array(255, np.float32))])
    x = q.op("Sub", [unit, q.constant(np.array(0.5, np.float32))], 0.004, 0)
    return q.op("Conv", [x, q.weights((4, 6, 1, 1))], 0.02)


def shape_arithmetic(q: Qdq) -> str:
    """Reshape to [batch, -1] the way exporters write it: Shape, Gather, Unsqueeze, Concat."""
    x = conv(q, (4, 6, 3, 3))
    first = q.node("Gather", [q.node("Shape", [x]), q.constant(np.array(0, np.int64))])
    sizes = q.node("Concat", [q.node("Unsqueeze", [first, q.integers(0)]), q.integers(-1)], axis=0)
    return q.op("Gemm", [q.node("Reshape", [x, sizes]), q.weights((5, 140))], 3.0, transB=1)


CASES: dict[str, tuple[Build, list[str]]] = {
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
    "conv float weights quantised in place": (conv_weights_in_float, ["conv2d"]),
    "conv uint8 weights": (uint8_weights, ["conv2d"]),
    "conv and relu": (conv_then("Relu"), ["conv2d"]),
    "conv and relu6": (conv_then("Clip", 0.0, 6.0), ["conv2d"]),
    "conv and clip": (conv_then("Clip", -3.0, 11.0), ["conv2d", "lookup"]),
    "1-D conv": (conv_1d, ["conv2d", "lookup", "depthwise_conv2d", "mean"]),
    "gemm": (gemm, ["fully_connected"]),
    "gemm by columns, per channel": (
        lambda q: gemm(q, 0, (0.01, 0.02, 0.03, 0.02, 0.01)),
        ["fully_connected"],
    ),
    "flatten and gemm": (flattened, ["conv2d", "fully_connected"]),
    "matmul": (matmul, ["fully_connected"]),
    "matmul of rank 4": (lambda q: matmul(q, (1, 3, 4, 6)), ["fully_connected"]),
    "matmul and bias in float": (matmul_with_bias_in_float, ["fully_connected"]),
    "matmul from the left": (matmul_from_left, ["transpose", "fully_connected"]),
    "matmul, asymmetric weights": (matmul_asymmetric, ["batch_matmul"]),
    "attention": (
        attention,
        ["fully_connected"] * 2
        + ["transpose"] * 2
        + ["batch_matmul", "softmax_qdq", "fully_connected", "transpose", "batch_matmul"]
        + ["transpose"],
    ),
    "add": (pair("Add"), ["add"]),
    "sub": (pair("Sub"), ["add"]),
    "mul": (pair("Mul"), ["mul"]),
    "max": (pair("Max"), ["quantize", "quantize", "maximum"]),
    "min": (pair("Min"), ["quantize", "quantize", "minimum"]),
    "mul by a gate per channel": (pair("Mul", IMAGE, (1, 6, 1, 1)), ["mul"]),
    "add of lower rank": (pair("Add", IMAGE, (1, 7)), ["add"]),
    "add constant per channel": (with_constant("Add", (6, 1, 1)), ["add"]),
    "sub from a constant": (with_constant("Sub", (1, 6, 9, 7), first=True), ["add"]),
    "mul by one number": (with_constant("Mul", ()), ["lookup"]),
    "div by one number": (with_constant("Div", (1,)), ["lookup"]),
    "add float vector": (add_float_vector, ["add"]),
    "add and relu": (add_then_relu, ["add"]),
    "relu": (one("Relu"), ["lookup"]),
    "leaky relu": (one("LeakyRelu", alpha=0.2), ["lookup"]),
    "sigmoid": (one("Sigmoid", -128, 1 / 256), ["lookup"]),
    "hard sigmoid": (one("HardSigmoid", -128, 1 / 256, alpha=0.3), ["lookup"]),
    "hard swish": (one("HardSwish", -100), ["lookup"]),
    "tanh": (one("Tanh", 0, 1 / 128), ["lookup"]),
    "elu": (one("Elu", -90), ["lookup"]),
    "softplus": (one("Softplus", -128), ["lookup"]),
    "exp": (one("Exp", -128, 2.0), ["lookup"]),
    "erf": (one("Erf", 0, 1 / 127), ["lookup"]),
    "gelu in parts, erf": (erf_gelu, ["lookup"]),
    "gelu in parts, tanh": (tanh_gelu, ["lookup"]),
    "gelu in parts, sigmoid": (sigmoid_gelu, ["lookup"]),
    "layer norm": (layer_norm, ["layer_norm"]),
    "layer norm over two axes": (lambda q: layer_norm(q, 1), ["layer_norm"]),
    "layer norm in parts, sqrt": (layer_norm_in_parts("sqrt"), ["layer_norm"]),
    "layer norm in parts, reciprocal": (layer_norm_in_parts("rsqrt"), ["layer_norm"]),
    "layer norm in parts, power": (layer_norm_in_parts("power"), ["layer_norm"]),
    "softmax": (softmax, ["softmax_qdq"]),
    "softmax over the tokens": (lambda q: softmax(q, 1), ["transpose", "softmax_qdq"]),
    "softmax of one row": (lambda q: softmax(q, 1, (1, 12)), ["softmax_qdq"]),
    "reduce mean": (
        lambda q: q.op("ReduceMean", [q.input(TOKENS)], 0.02, 1, axes=[1], keepdims=0),
        ["mean"],
    ),
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
    "max pool": (pool("MaxPool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), ["max_pool2d"]),
    "max pool rounded up": (
        pool("MaxPool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1),
        ["max_pool2d"],
    ),
    "max pool on another scale": (
        pool("MaxPool", False, kernel_shape=[2, 2]),
        ["max_pool2d", "quantize"],
    ),
    "resize": (
        lambda q: resize(q, coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        ["resize_nearest"],
    ),
    "resize by half pixels": (resize, ["resize_nearest"]),
    "reshape": (moving("Reshape", (1, 5, 24)), ["lookup"]),
    "squeeze": (moving("Squeeze", (0,)), ["lookup"]),
    "unsqueeze": (moving("Unsqueeze", (0, 2)), ["lookup"]),
    "transpose": (moving("Transpose", perm=(0, 2, 1)), ["lookup"]),
    "slice": (moving("Slice", (2, -1), (9, -20), (1, 2), (3, -2)), ["lookup", "slice"]),
    "gather a row": (gather_row, ["slice"]),
    "gather in disorder": (
        moving("Gather", (7, 2, 3, 9), axis=1),
        ["lookup"] + ["slice"] * 3 + ["concatenation"],
    ),
    "split": (split, ["slice", "slice", "mean", "mean", "add"]),
    "pad": (pad, ["pad"]),
    "class token": (class_token, ["quantize", "concatenation"]),
    "two images joined": (two_images_joined, ["quantize", "concatenation", "conv2d"]),
    "twice quantised": (twice_quantised, ["quantize", "quantize"]),
    "moved in float": (moved_in_float, ["fully_connected"]),
    "normalised bytes": (normalised_uint8_image, ["lookup", "conv2d"]),
    "shape arithmetic": (shape_arithmetic, ["conv2d", "fully_connected"]),
}


@pytest.mark.parametrize("name", CASES)
def test_an_arm_builds_these_nodes_within_a_step_of_onnxruntime(name: str) -> None:
    build, kinds = CASES[name]
    q = Qdq()
    model = q.model(build(q))
    assert kinds_of(graph_of(model)) == kinds
    assert largest_difference(model) <= 1


@pytest.mark.parametrize("name", ["conv", "matmul", "add", "class token", "pad", "attention"])
def test_uint8_activations_are_int8_in_the_graph(name: str) -> None:
    build, kinds = CASES[name]
    q = Qdq(dtype="uint8")
    positive = q.requantised
    q.requantised = lambda x, scale, zero: positive(x, scale, zero + 128)  # type: ignore[method-assign]
    model = q.model(build(q))
    graph = graph_of(model)
    assert kinds_of(graph) == kinds
    assert {t.dtype.value for node in graph.nodes for t in node.activations} == {"int8"}
    assert largest_difference(model) <= 1
