# SPDX-License-Identifier: Apache-2.0
"""DEPTHWISE_CONV_2D: windows, strides, padding, depth multipliers, scales, zero points."""

from math import ceil, sqrt

from tflite import ActivationFunctionType as Act
from tflite import Padding

from tests.golden.case import Case, Data, Operand

PER_CHANNEL = (0.011, 0.0032, 0.02, 0.0007)
INT32_ENDS = (2**31 - 1, -(2**31), 2**31 - 1, -(2**31))


def depthwise(
    name: str,
    image: tuple[int, int, int],
    kernel: tuple[int, int],
    multiplier: int = 1,
    stride: tuple[int, int] = (1, 1),
    padding: int = Padding.SAME,
    dilation: tuple[int, int] = (1, 1),
    act: int = Act.NONE,
    x: tuple[float, int] = (0.04, -3),
    weight_scale: float | tuple[float, ...] = 0.01,
    out: tuple[float | None, int] = (None, 5),
    weights: Data = "random",
    bias: Data = "random",
) -> Case:
    """(scale, zero point) of input and output; without an output scale, one the sums fill."""
    size = []
    for axis in (0, 1):
        span = (kernel[axis] - 1) * dilation[axis] + 1
        room = image[axis] if padding == Padding.SAME else image[axis] - span + 1
        size.append(ceil(room / stride[axis]))
    scales = weight_scale if isinstance(weight_scale, tuple) else (weight_scale,)
    channels = image[2] * multiplier
    typical = 73 * 73 * sqrt(kernel[0] * kernel[1])  # of random int8 products
    out_scale = out[0] or x[0] * max(scales) * typical / 60
    operands = [
        Operand((1, *image), *x),
        Operand((1, *kernel, channels), weight_scale, axis=3, data=weights),
    ]
    if bias is not None:
        bias_scales = tuple(x[0] * s for s in scales)
        operands.append(Operand((channels,), bias_scales, dtype="int32", data=bias))
    options = {
        "Padding": padding,
        "StrideH": stride[0],
        "StrideW": stride[1],
        "DepthMultiplier": multiplier,
        "DilationHFactor": dilation[0],
        "DilationWFactor": dilation[1],
        "FusedActivationFunction": act,
    }
    return Case(
        name,
        "DEPTHWISE_CONV_2D",
        tuple(operands),
        (Operand((1, *size, channels), out_scale, out[1]),),
        ("DepthwiseConv2DOptions", options),
    )


CASES = (
    depthwise("3x3 over a small image", (6, 7, 4), (3, 3)),
    depthwise("3x3 without padding", (6, 7, 4), (3, 3), padding=Padding.VALID),
    depthwise("1x1 scales every channel", (5, 4, 7), (1, 1)),
    depthwise("one pixel", (1, 1, 13), (3, 3)),
    depthwise("one channel", (6, 5, 1), (3, 3)),
    depthwise("17 channels", (5, 4, 17), (3, 3)),
    depthwise("64 channels", (3, 3, 64), (3, 3)),
    depthwise("kernel of even size pads right and bottom", (5, 5, 3), (2, 4)),
    depthwise("5x5", (7, 6, 5), (5, 5)),
    depthwise("7x7", (8, 8, 3), (7, 7)),
    depthwise("one row kernel", (4, 9, 2), (1, 5)),
    depthwise("one column kernel", (9, 4, 2), (5, 1)),
    depthwise("kernel larger than the image", (2, 3, 3), (5, 7)),
    depthwise("kernel as large as the image", (5, 4, 6), (5, 4), padding=Padding.VALID),
    depthwise("stride 2 on an odd image", (7, 7, 4), (3, 3), stride=(2, 2)),
    depthwise("stride 2 on an even image", (8, 8, 4), (3, 3), stride=(2, 2)),
    depthwise("stride over the edge", (7, 5, 3), (2, 2), stride=(4, 4)),
    depthwise("dilation 2", (9, 8, 3), (3, 3), dilation=(2, 2)),
    depthwise("dilations that differ", (9, 9, 3), (3, 2), dilation=(3, 2), padding=Padding.VALID),
    depthwise("dilation beyond the image", (4, 4, 3), (3, 3), dilation=(5, 4)),
    depthwise("depth multiplier 2", (5, 4, 3), (3, 3), multiplier=2),
    depthwise("depth multiplier 3 with stride 2", (6, 5, 5), (3, 3), multiplier=3, stride=(2, 2)),
    depthwise("depth multiplier 8 of one channel", (9, 6, 1), (5, 4), multiplier=8, stride=(2, 2)),
    depthwise("per channel", (5, 6, 4), (3, 3), weight_scale=PER_CHANNEL),
    depthwise("per channel with depth multiplier 2", (5, 6, 2), (3, 3), multiplier=2,
              weight_scale=PER_CHANNEL),
    depthwise("per channel without bias", (5, 6, 4), (3, 3), weight_scale=PER_CHANNEL, bias=None),
    depthwise("per channel from right shift to left", (4, 4, 4), (3, 3),
              weight_scale=(1e-6, 0.01, 1.0, 700.0), out=(0.3, 0)),
    depthwise("without bias", (5, 6, 4), (3, 3), bias=None),
    depthwise("relu", (5, 5, 4), (3, 3), act=Act.RELU),
    depthwise("relu6", (5, 5, 4), (3, 3), act=Act.RELU6, out=(0.04, -128)),
    depthwise("relu_n1_to_1", (5, 5, 4), (3, 3), act=Act.RELU_N1_TO_1, out=(0.02, 3)),
    depthwise("input zero point -128", (5, 5, 4), (3, 3), x=(0.04, -128), bias=None),
    depthwise("input zero point 127", (5, 5, 4), (3, 3), x=(0.04, 127), bias=None),
    depthwise("output zero point -128", (5, 5, 4), (3, 3), out=(0.5, -128)),
    depthwise("output zero point 127", (5, 5, 4), (3, 3), out=(0.5, 127)),
    depthwise("multiplier 1/2", (4, 4, 4), (1, 1), x=(1.0, 0), weight_scale=1.0, out=(2.0, 0)),
    depthwise("multiplier 1", (4, 4, 4), (1, 1), x=(1.0, 0), weight_scale=1.0, out=(1.0, 0),
              bias=(-9000, 17, -8000, 9000)),
    depthwise("multiplier above 1", (4, 4, 4), (1, 1), x=(1.5, 0), weight_scale=1.0,
              out=(0.7, 0), bias=(-9000, 17, -8000, 9000)),
    depthwise("shift left until the sum wraps", (4, 4, 4), (1, 1), x=(300.0, 0),
              weight_scale=70.0, out=(0.1, 0)),
    depthwise("extreme weights", (5, 5, 4), (3, 3), weights="extremes", bias=None),
    depthwise("extreme weights and zero point", (5, 5, 4), (5, 5), x=(0.04, 127),
              weights="extremes", bias=None),
    depthwise("large bias", (4, 4, 4), (3, 3), bias="extremes", out=(40000.0, 0)),
    *(depthwise(f"3x3 of {c} channels", (4, 5, c), (3, 3)) for c in (2, 3, 5, 6, 7, 8, 9, 16)),
    depthwise("2x2", (5, 6, 8), (2, 2)),
    depthwise("2x2 with stride 2 of 6 channels", (6, 7, 6), (2, 2), stride=(2, 2)),
    depthwise("1x1 with stride 2", (5, 7, 6), (1, 1), stride=(2, 2)),
    depthwise("3x3 with stride 2 inside a wide image", (5, 12, 5), (3, 3), stride=(2, 2)),
    depthwise("strides that differ", (7, 9, 8), (3, 3), stride=(1, 3)),
    depthwise("3x3 on one row", (1, 6, 5), (3, 3)),
    depthwise("3x3 on two columns", (5, 2, 3), (3, 3)),
    depthwise("3x3 on one column", (6, 1, 6), (3, 3)),
    depthwise("3x3 without padding, stride 2 along rows", (5, 8, 7), (3, 3), stride=(1, 2),
              padding=Padding.VALID),
    depthwise("3x3 with stride 2 on an odd width", (6, 9, 5), (3, 3), stride=(2, 2)),
    depthwise("3x3 that gives one pixel", (3, 3, 6), (3, 3), padding=Padding.VALID),
    depthwise("5x5 of 2 channels", (6, 7, 2), (5, 5), act=Act.RELU, out=(None, -128)),
    depthwise("6x6 of 3 channels", (7, 7, 3), (6, 6)),
    depthwise("7x7 with dilation 2", (14, 15, 4), (7, 7), dilation=(2, 2), padding=Padding.VALID),
    depthwise("8x8", (9, 9, 4), (8, 8)),
    depthwise("10x1", (15, 1, 9), (10, 1), padding=Padding.VALID),
    depthwise("1x13 of 5 channels", (2, 15, 5), (1, 13), act=Act.RELU, out=(None, -128)),
    depthwise("relu from -128", (6, 7, 9), (3, 3), act=Act.RELU, out=(None, -128)),
    depthwise("relu from -128, per channel", (5, 6, 4), (3, 3), act=Act.RELU, out=(None, -128),
              weight_scale=PER_CHANNEL),
    depthwise("relu from -128, shifts far apart", (5, 6, 4), (3, 3), act=Act.RELU,
              weight_scale=(1e-6, 2e-5, 0.0002, 0.01), out=(0.05, -128)),
    depthwise("relu from -128, shifts and biases far apart", (5, 6, 4), (3, 3), act=Act.RELU,
              weight_scale=(1e-6, 2e-5, 0.0002, 0.01), out=(0.05, -128),
              bias=(40_000_000, 2_000_000, 300_000, -20_000)),
    depthwise("relu from -128, a factor near one", (4, 5, 5), (1, 1), act=Act.RELU, x=(1.0, 0),
              weight_scale=0.8, out=(1.0, -128)),
    depthwise("relu6 from -128 with room above", (5, 5, 5), (3, 3), act=Act.RELU6,
              out=(0.05, -128)),
    depthwise("relu above the lowest zero point", (5, 5, 5), (3, 3), act=Act.RELU,
              out=(None, -100)),
    depthwise("bias at the ends of int32 wraps", (4, 4, 4), (3, 3), x=(1.0, 7),
              weight_scale=1.0, bias=INT32_ENDS, out=(2.0**25, 0)),
)  # fmt: skip
