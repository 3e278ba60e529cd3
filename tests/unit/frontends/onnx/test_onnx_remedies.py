# SPDX-License-Identifier: Apache-2.0
"""What refusals advise to use instead of an operator is followed here, and then read.

Each network does the same as the refused operator, or what the advice says is as good, spelled as
the advice says, and quantized by onnxruntime with its defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from mcuforge.compiler.builders.onnx_builder import OnnxBuilder
from mcuforge.compiler.builders.static_quantizer import quantize_model
from mcuforge.compiler.frontends.onnx.ops.instead import INSTEAD
from mcuforge.compiler.frontends.onnx.reader import read_onnx

IMAGE, TOKENS = (1, 4, 8, 8), (1, 6, 8)
Shape = tuple[int, ...]
Build = Callable[[OnnxBuilder, str], tuple[str, Shape]]  # of an input; its result, and its shape


def number(net: OnnxBuilder, name: str, value: float) -> str:
    return net.constant(name, np.array(value, np.float32))


def squared(net: OnnxBuilder, x: str) -> str:
    return net.node("Mul", "squared", [x, x])


def up_and_conv(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    scales = net.constant("scales", np.array([1, 1, 2, 2], np.float32))
    up = net.node(
        *("Resize", "up", [x, "", scales]),
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )
    return net.conv("conv", up, (4, 4, 3, 3), pad=1), (1, 4, 16, 16)


def strided_conv(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    return net.conv("conv", x, (16, 4, 2, 2), stride=2), (1, 16, 4, 4)


def whole_max(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    return net.node("MaxPool", "max", [x], kernel_shape=[8, 8]), (1, 4, 1, 1)


def least(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    most = net.node("MaxPool", "max", [net.node("Neg", "neg", [x])], kernel_shape=[8, 8])
    return net.node("Neg", "min", [most]), (1, 4, 1, 1)


def triangle(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    ones = net.constant("triangle", np.triu(np.ones((8, 8), np.float32)))
    return net.node("MatMul", "sum", [x, ones]), TOKENS


def einsum(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    keys = net.node("Transpose", "keys", [net.linear("k", x, 8, 8)], perm=[0, 2, 1])
    return net.node("MatMul", "scores", [net.linear("q", x, 8, 8), keys]), (1, 6, 6)


def layer_norm(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    return net.layer_norm("norm", net.linear("layer", x, 8, 8), 8), TOKENS


def softmax(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    return net.node("Softmax", "softmax", [net.linear("layer", x, 8, 8)], axis=-1), TOKENS


def dilated(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    """A temporal convolution: (1, 6, 8) as 6 channels of 8 steps, only earlier ones seen."""
    padded = net.node(
        "Pad", "past", [x, net.constant("pads", np.array([0, 0, 4, 0, 0, 0], np.int64))]
    )
    weight = net.normal("weight", (5, 6, 3), 0.2)
    y = net.node("Conv", "conv", [padded, weight], kernel_shape=[3], dilations=[2])
    return net.node("Relu", "relu", [y]), (1, 5, 8)


def added(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    once = net.node("Add", "once", [x, net.linear("a", x, 8, 8)])
    return net.node("Add", "twice", [once, net.linear("b", x, 8, 8)]), TOKENS


def mean(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    total, shape = added(net, x)
    return net.node("Mul", "mean", [total, number(net, "third", 1 / 3)]), shape


def reduced(net: OnnxBuilder, x: str, name: str = "mean") -> str:
    axes = net.constant(f"{name}.axes", np.array([-1], np.int64))
    return net.node("ReduceMean", name, [x, axes])


def reduce_mean(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    return reduced(net, net.linear("layer", x, 8, 8)), (1, 6, 1)


def mean_square(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    return reduced(net, squared(net, net.linear("layer", x, 8, 8))), (1, 6, 1)


def norm(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    return net.node("Sqrt", "norm", [mean_square(net, x)[0]]), (1, 6, 1)


def mean_abs(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    absolute = net.node("Abs", "abs", [net.linear("layer", x, 8, 8)])
    return reduced(net, absolute), (1, 6, 1)


def log_sum_exp(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    exp = net.node("Exp", "exp", [net.linear("layer", x, 8, 8)])
    return net.node("Log", "log", [reduced(net, exp)]), (1, 6, 1)


def sinh(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    up = net.node("Exp", "up", [x])
    down = net.node("Exp", "down", [net.node("Mul", "minus", [x, number(net, "m", -1.0)])])
    less = net.node("Mul", "less", [down, number(net, "m2", -1.0)])
    return net.node("Mul", "half", [net.node("Add", "both", [up, less]), number(net, "h", 0.5)]), (
        TOKENS
    )


def tan(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    parts = [net.node("Sin", "sin", [x]), net.node("Cos", "cos", [x])]
    return net.node("Div", "tan", parts), TOKENS


def asinh(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    more = net.node("Add", "more", [squared(net, x), number(net, "one", 1.0)])
    both = net.node("Add", "both", [x, net.node("Sqrt", "root", [more])])
    return net.node("Log", "asinh", [both]), TOKENS


def gather(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    return net.node("Gather", "some", [x, net.constant("at", np.array([4, 1]))], axis=1), (1, 2, 8)


def average(net: OnnxBuilder, x: str) -> tuple[str, Shape]:
    return net.node("AveragePool", "average", [x], kernel_shape=[2, 2], strides=[2, 2]), (
        (1, 4, 4, 4)
    )


REMEDIES: Mapping[str, tuple[Shape, Build]] = {
    "Asinh": (TOKENS, asinh),
    "ConvTranspose": (IMAGE, up_and_conv),
    "CumSum": (TOKENS, triangle),
    "DepthToSpace": (IMAGE, up_and_conv),
    "Einsum": (TOKENS, einsum),
    "GRU": (TOKENS, dilated),
    "GatherElements": (TOKENS, gather),
    "GatherND": (TOKENS, gather),
    "GlobalLpPool": (IMAGE, whole_max),
    "GlobalMaxPool": (IMAGE, whole_max),
    "GroupNormalization": (TOKENS, layer_norm),
    "InstanceNormalization": (TOKENS, layer_norm),
    "LSTM": (TOKENS, einsum),
    "LogSoftmax": (TOKENS, softmax),
    "LpPool": (IMAGE, average),
    "MaxUnpool": (IMAGE, up_and_conv),
    "Mean": (TOKENS, mean),
    "MeanVarianceNormalization": (TOKENS, layer_norm),
    "ReduceL1": (TOKENS, mean_abs),
    "ReduceL2": (TOKENS, norm),
    "ReduceLogSumExp": (TOKENS, log_sum_exp),
    "ReduceMax": (IMAGE, whole_max),
    "ReduceMin": (IMAGE, least),
    "ReduceSum": (TOKENS, reduce_mean),
    "ReduceSumSquare": (TOKENS, mean_square),
    "Sinh": (TOKENS, sinh),
    "SpaceToDepth": (IMAGE, strided_conv),
    "Sum": (TOKENS, added),
    "Tan": (TOKENS, tan),
}


@pytest.mark.parametrize("refused", [name for name in REMEDIES if name in INSTEAD])
def test_what_is_advised_is_read(refused: str) -> None:
    shape, build = REMEDIES[refused]
    net = OnnxBuilder(3, 18)
    x = net.input("x", shape)
    first = net.conv("first", x, (4, 4, 1, 1)) if shape == IMAGE else net.linear("first", x, 8, 8)
    model = net.model("remedy", *build(net, first))
    rng = np.random.default_rng(4)
    samples = [rng.normal(0, 1, shape).astype(np.float32) for _ in range(4)]
    graph = read_onnx(quantize_model(model, samples).SerializeToString(), "remedy.onnx")
    assert graph.nodes
