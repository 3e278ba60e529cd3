# SPDX-License-Identifier: Apache-2.0
"""CONV_2D: windows, strides, padding, groups, scales, zero points, wrapping accumulators."""

from math import ceil, sqrt

from tflite import ActivationFunctionType as Act
from tflite import Padding

from tests.golden.case import Case, Data, Operand

PER_CHANNEL = (0.011, 0.0032, 0.02, 0.0007)
INT32_ENDS = (2**31 - 1, -(2**31), 2**31 - 1, -(2**31))


def conv(
    name: str,
    image: tuple[int, int, int],
    filters: tuple[int, int, int, int],
    stride: tuple[int, int] = (1, 1),
    padding: int = Padding.SAME,
    dilation: tuple[int, int] = (1, 1),
    act: int = Act.NONE,
    x: tuple[float, int] = (0.04, -3),
    weight_scale: float | tuple[float, ...] = 0.01,
    out: tuple[float | None, int] = (None, 5),
    weights: Data = "random",
    bias: Data = "random",  # TFLite's CONV_2D insists on one
) -> Case:
    """(scale, zero point) of input and output; without an output scale, one the sums fill."""
    size = []
    for axis in (0, 1):
        span = (filters[1 + axis] - 1) * dilation[axis] + 1
        room = image[axis] if padding == Padding.SAME else image[axis] - span + 1
        size.append(ceil(room / stride[axis]))
    scales = weight_scale if isinstance(weight_scale, tuple) else (weight_scale,)
    typical = 73 * 73 * sqrt(filters[1] * filters[2] * filters[3])  # of random int8 products
    out_scale = out[0] or x[0] * max(scales) * typical / 60
    operands = (
        Operand((1, *image), *x),
        Operand(filters, weight_scale, data=weights),
        Operand((filters[0],), tuple(x[0] * s for s in scales), dtype="int32", data=bias),
    )
    options = {
        "Padding": padding,
        "StrideH": stride[0],
        "StrideW": stride[1],
        "DilationHFactor": dilation[0],
        "DilationWFactor": dilation[1],
        "FusedActivationFunction": act,
    }
    return Case(
        name,
        "CONV_2D",
        operands,
        (Operand((1, *size, filters[0]), out_scale, out[1]),),
        ("Conv2DOptions", options),
    )


CASES = (
    conv("3x3 over a small image", (6, 7, 3), (4, 3, 3, 3)),
    conv("3x3 without padding", (6, 7, 3), (4, 3, 3, 3), padding=Padding.VALID),
    conv("1x1 is a linear layer on pixels", (5, 4, 9), (7, 1, 1, 9)),
    conv("1x1 on one pixel", (1, 1, 13), (5, 1, 1, 13)),
    conv("1x1 with stride 2", (7, 6, 5), (3, 1, 1, 5), stride=(2, 2)),
    conv("1x1 on 3 pixels", (1, 3, 6), (9, 1, 1, 6)),
    conv("1x1 on 5 pixels a row", (3, 5, 8), (8, 1, 1, 8)),
    conv("3x3 on 7 pixels a row of 12 channels", (3, 7, 12), (5, 3, 3, 12)),
    conv("1x2 on 6 pixels a row of 5 channels", (2, 6, 5), (6, 1, 2, 5), act=Act.RELU6,
         out=(0.04, -128)),
    conv("one channel in, one out", (5, 5, 1), (1, 3, 3, 1)),
    conv("17 channels in, 5 out", (4, 4, 17), (5, 3, 3, 17)),
    conv("64 channels in", (2, 3, 64), (6, 1, 1, 64)),
    conv("33 channels out", (3, 3, 2), (33, 2, 2, 2)),
    conv("kernel of even size pads right and bottom", (5, 5, 3), (4, 2, 4, 3)),
    conv("tall kernel, as in keyword spotting", (15, 6, 1), (4, 10, 4, 1), stride=(2, 2)),
    conv("one row kernel", (4, 9, 2), (3, 1, 5, 2)),
    conv("one column kernel", (9, 4, 2), (3, 5, 1, 2)),
    conv("kernel larger than the image", (2, 3, 2), (3, 5, 7, 2)),
    conv("kernel as large as the image", (4, 3, 2), (3, 4, 3, 2), padding=Padding.VALID),
    conv("stride 2 on an odd image", (7, 7, 3), (4, 3, 3, 3), stride=(2, 2)),
    conv("stride 2 on an even image", (8, 8, 3), (4, 3, 3, 3), stride=(2, 2)),
    conv("strides that differ", (9, 8, 2), (3, 3, 3, 2), stride=(3, 2)),
    conv("stride over the edge", (7, 5, 2), (3, 2, 2, 2), stride=(4, 3)),
    conv("stride beyond the kernel", (9, 9, 2), (3, 2, 2, 2), stride=(5, 4), padding=Padding.VALID),
    conv("dilation 2", (9, 8, 2), (3, 3, 3, 2), dilation=(2, 2)),
    conv("dilations that differ", (9, 9, 2), (3, 3, 2, 2), dilation=(3, 2), padding=Padding.VALID),
    conv("dilation beyond the image", (4, 4, 2), (3, 3, 3, 2), dilation=(4, 5)),
    conv("whole words of channels, dilation 2", (9, 8, 4), (5, 3, 3, 4), dilation=(2, 2)),
    conv("whole words of channels, padding and stride", (6, 7, 8), (9, 5, 3, 8), stride=(2, 1)),
    conv("rows of 5 pixels, 7 filters", (3, 5, 12), (7, 1, 1, 12)),
    conv("an odd number of pixels, 12 filters", (3, 3, 20), (12, 1, 1, 20)),
    conv("sums beyond 23 bits", (1, 3, 1200), (5, 1, 1, 1200)),
    conv("2 groups", (5, 4, 6), (4, 3, 3, 3)),
    conv("3 groups of 1x1", (3, 4, 9), (6, 1, 1, 3), stride=(2, 1)),
    conv("as many groups as channels", (5, 5, 4), (8, 3, 3, 1)),
    conv("per channel", (5, 6, 3), (4, 3, 3, 3), weight_scale=PER_CHANNEL),
    conv("per channel with groups", (4, 4, 4), (4, 3, 3, 2), weight_scale=PER_CHANNEL),
    conv("per channel from right shift to left", (4, 4, 3), (4, 3, 3, 3),
         weight_scale=(1e-6, 0.01, 1.0, 700.0), out=(0.3, 0)),
    conv("relu", (5, 5, 3), (4, 3, 3, 3), act=Act.RELU),
    conv("relu6", (5, 5, 3), (4, 3, 3, 3), act=Act.RELU6, out=(0.04, -128)),
    conv("relu6 wider than the range", (5, 5, 3), (4, 3, 3, 3), act=Act.RELU6, out=(0.01, 0)),
    conv("relu_n1_to_1", (5, 5, 3), (4, 3, 3, 3), act=Act.RELU_N1_TO_1, out=(0.02, 3)),
    conv("relu with the largest zero point", (5, 5, 3), (4, 3, 3, 3), act=Act.RELU, out=(1.0, 127)),
    conv("input zero point -128", (5, 5, 3), (4, 3, 3, 3), x=(0.04, -128)),
    conv("input zero point 127", (5, 5, 3), (4, 3, 3, 3), x=(0.04, 127)),
    conv("output zero point -128", (5, 5, 3), (4, 3, 3, 3), out=(0.5, -128)),
    conv("output zero point 127", (5, 5, 3), (4, 3, 3, 3), out=(0.5, 127)),
    conv("multiplier 1/2", (4, 4, 2), (4, 1, 1, 2), x=(1.0, 0), weight_scale=1.0, out=(2.0, 0)),
    conv("multiplier just below 1", (4, 4, 2), (4, 1, 1, 2),
         x=(0.9999999, 0), weight_scale=1.0, out=(1.0, 0), bias=(-9000, 17, -8000, 9000)),
    conv("multiplier 1", (4, 4, 2), (4, 1, 1, 2), x=(1.0, 0), weight_scale=1.0, out=(1.0, 0),
         bias=(-9000, 17, -8000, 9000)),
    conv("multiplier above 1", (4, 4, 2), (4, 1, 1, 2), x=(1.5, 0), weight_scale=1.0,
         out=(0.7, 0), bias=(-9000, 17, -8000, 9000)),
    conv("shift left until the sum wraps", (4, 4, 2), (4, 1, 1, 2), x=(300.0, 0),
         weight_scale=70.0, out=(0.1, 0)),
    conv("multiplier so small that all is zero", (4, 4, 2), (4, 1, 1, 2), x=(1e-6, 0),
         weight_scale=1e-6, out=(100.0, 9)),
    conv("multiplier at the last right shift", (3, 3, 2), (4, 1, 1, 2), x=(2.0**-16, 0),
         weight_scale=2.0**-16, out=(1.9, 9), bias=INT32_ENDS),
    conv("extreme weights", (5, 5, 4), (4, 3, 3, 4), weights="extremes"),
    conv("extreme weights of an odd number of filters", (3, 3, 4), (7, 1, 2, 4),
         weights="extremes"),
    conv("extreme weights and zero point", (4, 4, 8), (4, 3, 3, 8), x=(0.04, 127),
         weights="extremes"),
    conv("large bias", (4, 4, 2), (4, 3, 3, 2), bias="extremes", out=(40000.0, 0)),
    conv("bias at the ends of int32 wraps", (4, 4, 3), (4, 3, 3, 3), x=(1.0, 7),
         weight_scale=1.0, bias=INT32_ENDS, out=(2.0**25, 0)),
)  # fmt: skip
