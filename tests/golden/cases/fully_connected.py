# SPDX-License-Identifier: Apache-2.0
"""FULLY_CONNECTED: shapes, scales (per tensor and per channel), zero points, wrapping sums."""

from math import sqrt

from tflite import ActivationFunctionType as Act

from tests.golden.case import Case, Data, Operand

INT32_ENDS = (2**31 - 1, -(2**31), 2**31 - 1, -(2**31))


def linear(
    name: str,
    shape: tuple[int, ...],
    features: tuple[int, int],
    keep_dims: bool = False,
    act: int = Act.NONE,
    x: tuple[float, int] = (0.04, -3),
    weight_scale: float | tuple[float, ...] = 0.01,
    out: tuple[float | None, int] = (None, 5),
    weights: Data = "random",
    bias: Data = "random",
) -> Case:
    """features: (out, in). (scale, zero point); without an output scale, one the sums fill."""
    out_features, in_features = features
    rows = 1
    for n in shape:
        rows *= n
    rows //= in_features
    scales = weight_scale if isinstance(weight_scale, tuple) else (weight_scale,)
    out_scale = out[0] or x[0] * max(scales) * 73 * 73 * sqrt(in_features) / 60
    operands = [Operand(shape, *x), Operand(features, weight_scale, data=weights)]
    if bias is not None:
        bias_scales = tuple(x[0] * s for s in scales)
        operands.append(Operand((out_features,), bias_scales, dtype="int32", data=bias))
    result = (*shape[:-1], out_features) if keep_dims else (rows, out_features)
    options = {"FusedActivationFunction": act, "KeepNumDims": keep_dims}
    return Case(
        name,
        "FULLY_CONNECTED",
        tuple(operands),
        (Operand(result, out_scale, out[1]),),
        ("FullyConnectedOptions", options),
    )


CASES = (
    linear("a vector", (1, 16), (10, 16)),
    linear("one input, one output", (1, 1), (1, 1)),
    linear("one output", (1, 33), (1, 33)),
    linear("one input", (1, 1), (12, 1)),
    linear("odd sizes", (1, 37), (13, 37)),
    linear("640 inputs", (1, 640), (9, 640)),
    linear("3 inputs, 9 outputs", (1, 3), (9, 3)),
    linear("sums beyond 23 bits", (1, 1201), (3, 1201)),
    linear("17 outputs per channel", (1, 30), (17, 30),
           weight_scale=tuple(0.003 + 0.001 * i for i in range(17))),
    linear("many outputs", (1, 5), (130, 5)),
    linear("several rows", (1, 7, 16), (5, 16)),
    linear("tokens keep their dimensions", (1, 9, 12), (7, 12), keep_dims=True),
    linear("four dimensions kept", (1, 3, 2, 6), (5, 6), keep_dims=True),
    linear("four dimensions flattened to rows", (1, 3, 2, 6), (5, 6)),
    linear("an image flattened to one row", (1, 2, 3, 4), (5, 24)),
    linear("a vector without batch", (16,), (4, 16)),
    linear("without bias", (1, 16), (10, 16), bias=None),
    linear("relu", (1, 24), (16, 24), act=Act.RELU),
    linear("relu6", (1, 24), (16, 24), act=Act.RELU6, out=(0.04, -128)),
    linear("relu_n1_to_1", (1, 24), (16, 24), act=Act.RELU_N1_TO_1, out=(0.02, 3)),
    linear("per channel", (1, 3, 20), (4, 20), weight_scale=(0.011, 0.0032, 0.02, 0.0007)),
    linear("per channel without bias", (1, 3, 20), (4, 20), bias=None,
           weight_scale=(0.011, 0.0032, 0.02, 0.0007)),
    linear("per channel from right shift to left", (1, 3, 20), (4, 20), out=(0.3, 0),
           weight_scale=(1e-6, 0.01, 1.0, 700.0)),
    linear("input zero point -128", (1, 2, 16), (8, 16), x=(0.04, -128), bias=None),
    linear("input zero point 127", (1, 2, 16), (8, 16), x=(0.04, 127), bias=None),
    linear("output zero point -128", (1, 2, 16), (8, 16), out=(0.2, -128)),
    linear("output zero point 127", (1, 2, 16), (8, 16), out=(0.2, 127)),
    linear("product of scales rounds in float32", (1, 4, 32), (16, 32), x=(0.0471337, 3),
           weight_scale=0.0033371, out=(0.013371337, -7), bias=None),
    linear("multiplier 1/2", (1, 4, 4), (4, 4), x=(1.0, 0), weight_scale=1.0, out=(2.0, 0)),
    linear("multiplier 1", (1, 4, 2), (4, 2), x=(1.0, 0), weight_scale=1.0, out=(1.0, 0),
           bias=(-9000, 17, -8000, 9000)),
    linear("multiplier above 1", (1, 4, 2), (4, 2), x=(1.5, 0), weight_scale=1.0, out=(0.7, 0),
           bias=(-9000, 17, -8000, 9000)),
    linear("shift left until the sum wraps", (1, 4, 8), (4, 8), x=(300.0, 0), weight_scale=70.0,
           out=(0.1, 0)),
    linear("multiplier so small that all is zero", (1, 4, 8), (4, 8), x=(1e-6, 0),
           weight_scale=1e-6, out=(100.0, 9)),
    linear("extreme weights of a vector", (1, 9), (7, 9), weights="extremes"),
    linear("extreme weights", (1, 2, 64), (6, 64), weights="extremes", bias=None),
    linear("extreme weights and zero point", (1, 2, 300), (4, 300), x=(0.04, 127),
           weights="extremes", bias=None),
    linear("large bias", (1, 2, 16), (4, 16), bias="extremes", out=(40000.0, 0)),
    linear("bias at the ends of int32 wraps", (1, 2, 16), (4, 16), x=(1.0, 7), weight_scale=1.0,
           bias=INT32_ENDS, out=(2.0**25, 0)),
)  # fmt: skip
