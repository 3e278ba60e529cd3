# SPDX-License-Identifier: Apache-2.0
"""Small QDQ models on tokens: products, attention, normalization, functions, moves."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from tests.models.onnx_norms import TOKENS, Build, norm_of_one, over_norm, rms_norm
from tests.models.qdq_builder import Qdq

MASKS = {"-inf": -np.inf, "least": float(np.finfo(np.float32).min), "-16": -16.0}


def gemm(q: Qdq, by_rows: int = 1, scale: tuple[float, ...] | float = 0.02) -> str:
    shape, axis = ((5, 12), 0) if by_rows else ((12, 5), 1)
    inputs = [q.input((1, 12)), q.weights(shape, scale, axis), q.bias(5, 0.001)]
    return q.op("Gemm", inputs, 0.3, 4, transB=by_rows)


def matmul(q: Qdq, shape: tuple[int, ...] = TOKENS) -> str:
    scales = np.linspace(0.01, 0.03, 7).tolist()
    return q.op("MatMul", [q.input(shape), q.weights((shape[-1], 7), scales, 1)], 0.3, 4)


def matmul_with_bias_in_float(q: Qdq) -> str:
    x = q.node("MatMul", [q.input(TOKENS), q.weights((12, 7))])
    return q.op("Add", [q.constant(np.linspace(-9, 9, 7, dtype=np.float32)), x], 0.3, 4)


def matmul_from_left(q: Qdq) -> str:
    """Multiply weights by tokens, as mixers do: it sums columns of the input."""
    scales = np.linspace(0.01, 0.03, 7).tolist()
    return q.op("MatMul", [q.weights((7, 10), scales, 0), q.input(TOKENS)], 0.3, 4)


def matmul_asymmetric(q: Qdq) -> str:
    data = q.random.integers(-128, 127, (12, 7), endpoint=True).astype(np.int8)
    return q.op("MatMul", [q.input(TOKENS), q.stored(data, 0.02, 0, -100)], 0.9, 4)


def attention(q: Qdq) -> str:
    """Two heads; only the transposes of the heads remain."""
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


def causal(spelling: str, quantized: bool = True, scale: float = 0.1, point: int = 60) -> Build:
    """Mask scores as exporters do, then take the softmax; each row has its own count of zeros."""

    def build(q: Qdq) -> str:
        x = q.input((1, 2, 6, 6), 0.05, 3)
        above = np.triu(np.ones((6, 6), np.bool_), 1)[None, None]
        least = np.float32(MASKS[spelling.split()[-1]])
        number, zero = q.constant(np.array(least)), q.constant(np.array(0, np.float32))
        if "Where x" in spelling:
            masked = q.node("Where", [q.constant(~above), x, number])
        elif "Where" in spelling:
            masked = q.node("Where", [q.constant(above), number, x])
        elif "computed" in spelling:
            mask = q.node("Where", [q.constant(above), number, zero])
            masked = q.node("Add", [x, mask])
        else:
            masked = q.node("Add", [q.constant(np.where(above, least, np.float32(0))), x])
        if quantized:
            masked = q.requantized(masked, scale, point)
        return q.op("Softmax", [masked], 1 / 256, -128, axis=-1)

    return build


def causal_by_trilu(q: Qdq) -> str:
    """Make the mask of a triangle of ones while reading, as a tracer of new exporters writes it."""
    x = q.input((1, 2, 6, 6), 0.05, 3)
    filled = q.node("ConstantOfShape", [q.integers(6, 6)])
    ones = q.node("Add", [filled, q.constant(np.array(1, np.float32))])
    lower = q.node("Trilu", [ones], upper=0)
    seen = q.node("Equal", [lower, q.constant(np.array(1, np.float32))])
    masked = q.node("Where", [seen, x, q.constant(np.array(-np.inf, np.float32))])
    return q.op("Softmax", [q.requantized(masked, 0.1, 60)], 1 / 256, -128, axis=-1)


def triangle(q: Qdq) -> str:
    x = q.node("Trilu", [q.input((1, 2, 6, 7)), q.constant(np.array(-1, np.int64))])
    return q.requantized(x, 0.06, 5)


def cross_covariance(q: Qdq) -> str:
    """Attention between channels: keys and queries over their norms along the tokens (XCiT)."""
    y = q.op("MatMul", [q.input((1, 10, 12)), q.weights((12, 36), 0.02)], 0.08, 2)
    split = q.op("Reshape", [y, q.integers(1, 10, 3, 2, 6)], 0.08, 2)
    turned = q.op("Transpose", [split], 0.08, 2, perm=[2, 0, 3, 4, 1])

    def part(place: int) -> str:
        return q.op("Gather", [turned, q.constant(np.array(place, np.int64))], 0.08, 2, axis=0)

    def over_its_norm(x: str) -> str:
        norm = q.node("ReduceL2", [x], axes=[-1], keepdims=1)
        norm = q.node("Clip", [norm, q.constant(np.array(1e-12, np.float32)), ""])
        return q.op("Div", [x, q.node("Expand", [norm, q.integers(1, 2, 6, 10)])], 0.008, 1)

    queries, keys, values = over_its_norm(part(0)), over_its_norm(part(1)), part(2)
    keys = q.op("Transpose", [keys], 0.008, 1, perm=[0, 1, 3, 2])
    heat = q.constant(np.array([1.5, 0.7], np.float32).reshape(2, 1, 1))
    scores = q.op("Mul", [q.op("MatMul", [queries, keys], 0.008, 3), heat], 0.012)
    mixed = q.op("MatMul", [q.op("Softmax", [scores], 1 / 256, -128, axis=-1), values], 0.05)
    return q.op("Transpose", [mixed], 0.05, perm=[0, 3, 1, 2])


def chosen_between(q: Qdq) -> str:
    """Choose between two run-time tensors by a constant mask."""
    mask = q.constant(q.random.integers(0, 2, (10, 12)).astype(np.bool_))
    x = q.node("Where", [mask, q.input(TOKENS), q.input(TOKENS, 0.03, -9, name="b")])
    return q.requantized(x, 0.06, 2)


def leaky_by_where(q: Qdq) -> str:
    """A leaky ReLU spelled with a comparison."""
    x = q.input(TOKENS)
    above = q.node("GreaterOrEqual", [x, q.constant(np.array(0, np.float32))])
    less = q.node("Mul", [x, q.constant(np.array(0.1, np.float32))])
    return q.requantized(q.node("Where", [above, x, less]), 0.05, -20)


def safe_softmax(q: Qdq) -> str:
    """Replace what is not a number, as a new exporter does behind a softmax."""
    y = q.op("Softmax", [q.input(TOKENS)], 1 / 256, -128, axis=-1)
    zero = q.constant(np.array(0, np.float32))
    return q.requantized(q.node("Where", [q.node("IsNaN", [y]), zero, y]), 1 / 256, -128)


def grouped(q: Qdq) -> str:
    """GroupNorm as a tracer writes it: groups as the channels of an InstanceNormalization."""
    x = q.node("Reshape", [q.input((1, 6, 5, 4)), q.integers(0, 2, -1)])
    ones, zeros = (q.constant(np.full(2, v, np.float32)) for v in (1, 0))
    y = q.node("InstanceNormalization", [x, ones, zeros])
    return q.op("Reshape", [y, q.integers(1, 6, 5, 4)], 0.03, -5)


def repeated(q: Qdq) -> str:
    x = q.node("Expand", [q.input((1, 10, 1)), q.integers(1, 10, 12)])
    return q.requantized(x, 0.05, 3)


def one(kind: str, zero: int = 5, scale: float = 0.06, **attributes: object) -> Build:
    """Apply a function of one tensor."""
    return lambda q: q.op(kind, [q.input(TOKENS)], scale, zero, **attributes)  # type: ignore[arg-type]


def erf_gelu(q: Qdq) -> str:
    """x / 2 * (1 + erf(x / sqrt(2))), computed in float."""
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
    """Spell a layer normalization out in float operators."""

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


def layer_norm_all_quantized(q: Qdq) -> str:
    """Spell a layer normalization out, each step on its own scale."""
    x = q.input(TOKENS)
    d = q.op("Sub", [x, q.op("ReduceMean", [x], 0.02, 1, axes=[-1])], 0.06, 2)
    square = q.op("Pow", [d, q.constant(np.array(2, np.float32))], 0.25, -128)
    mean = q.op("ReduceMean", [square], 0.15, -128, axes=[-1])
    root = q.op("Sqrt", [q.op("Add", [mean, q.weights((), 1e-7)], 0.15, -128)], 0.025, -128)
    y = q.op("Mul", [q.op("Div", [d, root], 0.03, 3), q.weights((12,), 0.01)], 0.03, 5)
    return q.op("Add", [y, q.weights((12,), 0.01)], 0.03, 5)


def patches(q: Qdq, order: tuple[int, ...] = (1, 3, 5)) -> str:
    """Cut an image into patches by moves, then a linear layer: together a convolution."""
    x = q.op("Reshape", [q.input((1, 3, 8, 12)), q.integers(1, 3, 2, 4, 3, 4)], 0.05, 3)
    x = q.op("Transpose", [x], 0.05, 3, perm=(0, 2, 4, *order))
    x = q.op("Reshape", [x, q.integers(1, 6, 48)], 0.05, 3)
    scales = np.linspace(0.01, 0.03, 7).tolist()
    return q.op("MatMul", [x, q.weights((48, 7), scales, 1)], 0.6, 4)


def softmax(q: Qdq, axis: int = -1, shape: tuple[int, ...] = TOKENS) -> str:
    return q.op("Softmax", [q.input(shape)], 0.003, -120, axis=axis)


def moving(
    kind: str, *lists: tuple[int, ...], shape: tuple[int, ...] = TOKENS, **more: object
) -> Build:
    """An operator that moves values; its lists of integers are inputs behind the first."""

    def build(q: Qdq) -> str:
        x = q.op("Neg", [q.input(shape)], 0.05, 3)
        inputs = [x, *(q.integers(*values) for values in lists)]
        return q.op(kind, inputs, 0.05, 3, **more)  # type: ignore[arg-type]

    return build


def split(q: Qdq) -> str:
    x = q.input(TOKENS)
    first = q.node("Split", [x, q.integers(5, 7)], 2, axis=2)
    parts = [q.requantized(name, 0.05, 3) for name in (first, f"{first}.1")]
    sums = [q.op("ReduceMean", [part], 0.03, 1, axes=[2], keepdims=0) for part in parts]
    return q.op("Sub", sums, 0.03, 1)


def gather_row(q: Qdq) -> str:
    return q.op("Gather", [q.input(TOKENS), q.constant(np.array(-2, np.int64))], 0.05, 3, axis=1)


def class_token(q: Qdq) -> str:
    """Put a constant before the tokens, on another scale than theirs."""
    token = q.weights((1, 1, 12), 0.01)
    return q.op("Concat", [token, q.input(TOKENS)], 0.06, 1, axis=1)


def twice_quantized(q: Qdq) -> str:
    """Requantize to another scale, and again to a third."""
    return q.requantized(q.requantized(q.input(TOKENS), 0.09, -20), 0.03, 40)


def moved_in_float(q: Qdq) -> str:
    """A product, then a Reshape and a Transpose before the first QuantizeLinear."""
    x = q.node("MatMul", [q.input(TOKENS), q.weights((12, 8))])
    x = q.node("Transpose", [q.node("Reshape", [x, q.integers(1, 10, 2, 4)])], perm=(0, 2, 1, 3))
    return q.requantized(x, 0.3, 4)


# name: what builds it, the kinds of the nodes it becomes
def einsum(equation: str, *shapes: tuple[int, ...]) -> Build:
    """Multiply two run-time tensors by an equation."""

    def build(q: Qdq) -> str:
        inputs = [q.input(shape, name=name) for name, shape in zip("ab", shapes, strict=True)]
        return q.op("Einsum", inputs, 2.0, -7, equation=equation)

    return build


def einsum_weights(q: Qdq) -> str:
    x, w = q.input((1, 10, 12)), q.weights((12, 3, 4))
    return q.op("Einsum", [x, w], 2.0, -7, equation="bid,dhe->bhie")


CASES: Mapping[str, tuple[Build, list[str]]] = MappingProxyType(
    {
        "gemm": (gemm, ["fully_connected"]),
        "einsum of scores": (
            einsum("bic,bjc->bij", (1, 10, 12), (1, 7, 12)),
            ["batch_matmul"],
        ),
        "einsum of heads": (
            einsum("bihd,bjhd->bhij", (1, 10, 3, 4), (1, 6, 3, 4)),
            ["transpose", "transpose", "batch_matmul"],
        ),
        "einsum of values": (
            einsum("bhij,bjhd->bihd", (1, 3, 10, 6), (1, 6, 3, 4)),
            ["transpose", "batch_matmul"],
        ),
        "einsum with weights": (einsum_weights, ["fully_connected"]),
        "gemm by columns, per channel": (
            lambda q: gemm(q, 0, (0.01, 0.02, 0.03, 0.02, 0.01)),
            ["fully_connected"],
        ),
        "matmul": (matmul, ["fully_connected"]),
        "matmul of rank 4": (lambda q: matmul(q, (1, 3, 4, 6)), ["fully_connected"]),
        "matmul and bias in float": (matmul_with_bias_in_float, ["fully_connected"]),
        "patches": (patches, ["conv2d"]),
        "patches, channels last": (lambda q: patches(q, (3, 5, 1)), ["conv2d"]),
        "matmul from the left": (matmul_from_left, ["transpose", "fully_connected"]),
        "matmul, asymmetric weights": (matmul_asymmetric, ["batch_matmul"]),
        "rms norm": (rms_norm(), ["layer_norm"]),
        "rms norm by a reciprocal": (rms_norm("Reciprocal"), ["layer_norm"]),
        "rms norm by a power": (rms_norm("Pow"), ["layer_norm"]),
        "rms norm of columns": (rms_norm(axis=1), ["transpose", "layer_norm"]),
        "over its norm": (over_norm(), ["layer_norm"]),
        "over its norm, at least": (over_norm("Max"), ["layer_norm"]),
        "over its norm, and a little": (over_norm("Add"), ["layer_norm"]),
        "over its norm, which is not 0": (over_norm(""), ["layer_norm"]),
        "columns over their norm": (over_norm(axis=1), ["transpose", "layer_norm"]),
        "LpNormalization": (norm_of_one("LpNormalization"), ["layer_norm"]),
        "LpNormalization of columns": (
            norm_of_one("LpNormalization", axis=1),
            ["transpose", "layer_norm"],
        ),
        "SimplifiedLayerNormalization": (
            norm_of_one("SimplifiedLayerNormalization"),
            ["layer_norm"],
        ),
        "instance norm": (
            norm_of_one("InstanceNormalization", (1, 6, 40)),
            ["layer_norm"],
        ),
        "instance norm of an image": (
            norm_of_one("InstanceNormalization", (1, 6, 5, 4), epsilon=1e-3),
            ["layer_norm"],
        ),
        "group norm": (grouped, ["layer_norm"]),
        "sum": (
            lambda q: q.op("ReduceSum", [q.input(TOKENS), q.integers(1)], 0.2, 3, keepdims=0),
            ["sum"],
        ),
        "expand": (repeated, ["broadcast_to"]),
        "causal, Where -inf": (causal("Where -inf"), ["lookup", "minimum", "softmax_qdq"]),
        "causal, Where x -inf": (causal("Where x -inf"), ["lookup", "minimum", "softmax_qdq"]),
        "causal, Where -16": (
            causal("Where -16"),
            ["lookup", "minimum", "maximum", "softmax_qdq"],
        ),
        "causal, Add -inf": (causal("Add -inf"), ["lookup", "minimum", "softmax_qdq"]),
        "causal, Add least": (causal("Add least"), ["lookup", "minimum", "softmax_qdq"]),
        "causal, Where least": (causal("Where least"), ["lookup", "minimum", "softmax_qdq"]),
        "causal, quantized least": (
            causal("Add least", scale=-MASKS["least"] / 255, point=127),
            ["lookup", "minimum", "softmax_qdq"],
        ),
        "causal, Add -16": (causal("Add -16"), ["add", "softmax_qdq"]),
        "causal, Add computed -inf": (
            causal("Add computed -inf"),
            ["lookup", "minimum", "softmax_qdq"],
        ),
        "causal by a triangle": (causal_by_trilu, ["lookup", "minimum", "softmax_qdq"]),
        "triangle": (triangle, ["lookup", "minimum", "maximum"]),
        "cross-covariance attention": (
            cross_covariance,
            [
                "fully_connected",
                *("slice", "transpose", "layer_norm") * 2,
                *("slice", "batch_matmul", "mul", "softmax_qdq", "transpose", "batch_matmul"),
            ],
        ),
        "chosen by a mask": (
            chosen_between,
            ["lookup", "minimum", "lookup", "minimum", "maximum"],
        ),
        "leaky relu by Where": (leaky_by_where, ["lookup"]),
        "safe softmax": (safe_softmax, ["softmax_qdq", "lookup"]),
        "selu": (one("Selu"), ["lookup"]),
        "celu": (one("Celu", alpha=0.7), ["lookup"]),
        "thresholded relu": (one("ThresholdedRelu", alpha=0.3), ["lookup"]),
        "shrink": (one("Shrink", lambd=0.4, bias=0.1), ["lookup"]),
        "attention": (
            attention,
            ["fully_connected"] * 2
            + ["transpose"] * 2
            + ["batch_matmul", "softmax_qdq", "fully_connected", "transpose", "batch_matmul"]
            + ["transpose"],
        ),
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
        "layer norm in parts, all quantized": (
            layer_norm_all_quantized,
            ["mean", "add", "lookup", "mean", "lookup", "lookup", "div", "mul", "add"],
        ),
        "softmax": (softmax, ["softmax_qdq"]),
        "softmax over the tokens": (lambda q: softmax(q, 1), ["transpose", "softmax_qdq"]),
        "softmax of one row": (lambda q: softmax(q, 1, (1, 12)), ["softmax_qdq"]),
        "reduce mean": (
            lambda q: q.op("ReduceMean", [q.input(TOKENS)], 0.02, 1, axes=[1], keepdims=0),
            ["mean"],
        ),
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
        "class token": (class_token, ["lookup", "concatenation"]),
        "twice quantized": (twice_quantized, ["lookup", "lookup"]),
        "moved in float": (moved_in_float, ["fully_connected"]),
    }
)
