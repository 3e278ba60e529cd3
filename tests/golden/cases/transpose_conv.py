# SPDX-License-Identifier: Apache-2.0
"""TRANSPOSE_CONV, and ours with groups: strides, padding, sizes, borders that nothing reaches."""

import numpy as np
import tflite

from mcuforge.compiler.ops.transpose_conv import TransposeConv
from tests.golden.case import Case, Operand, OwnCase

SAME, VALID = tflite.Padding.SAME, tflite.Padding.VALID
Act = tflite.ActivationFunctionType


def scales(count: int) -> tuple[float, ...]:
    return tuple(float(s) for s in np.linspace(0.004, 0.02, count))


def case(
    name: str,
    x: tuple[int, ...],
    weights: tuple[int, ...],
    out: tuple[int, int],
    stride: tuple[int, int] = (2, 2),
    padding: int = SAME,
    zero_point: int = 4,
    bias: bool = True,
    per_channel: bool = True,
) -> Case:
    """`x` is (h, w, c), `weights` (co, kh, kw), `out` height and width."""
    count = weights[0]
    shape = (1, *out, count)
    inputs = [
        Operand((4,), dtype="int32", data=shape),
        Operand((*weights, x[2]), scales(count) if per_channel else 0.01, data="random"),
        Operand((1, *x), 0.05, zero_point),
    ]
    if bias:
        inputs.append(Operand((count,), 0.0005, dtype="int32", data="random"))
    options = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    outputs = (Operand(shape, 0.3, -9),)
    return Case(name, "TRANSPOSE_CONV", tuple(inputs), outputs, ("TransposeConvOptions", options))


def grouped(
    name: str, x: tuple[int, ...], weights: tuple[int, ...], out: tuple[int, int]
) -> OwnCase:
    """Groups, which no TFLite file can state."""
    inputs = (
        Operand((1, *x), 0.05, -5),
        Operand(weights, 0.01, data="random"),
        Operand((weights[0],), dtype="int32", data="random"),
    )
    op = TransposeConv((2, 2), (1, 0), "relu")
    return OwnCase(name, op, inputs, Operand((1, *out, weights[0]), 0.2, -20))


CASES = (
    case("twice the size", (5, 4, 3), (6, 3, 3), (10, 8)),
    case("twice the size less one", (5, 4, 3), (6, 3, 3), (9, 7)),
    case("kernel of the stride", (5, 4, 8), (4, 2, 2), (10, 8), padding=VALID),
    case("kernel above the stride", (4, 5, 5), (3, 5, 4), (11, 12), padding=VALID),
    case("kernel below the stride", (4, 5, 5), (3, 2, 1), (11, 13), (3, 3), VALID),
    case("stride 1", (5, 4, 3), (2, 3, 3), (5, 4), (1, 1)),
    case("unequal strides", (4, 5, 2), (7, 3, 4), (4, 15), (1, 3)),
    case("one pixel", (1, 1, 9), (5, 4, 4), (4, 4), padding=VALID),
    case("one channel", (4, 3, 1), (1, 3, 3), (8, 6)),
    case("no bias", (5, 4, 3), (6, 3, 3), (10, 8), bias=False),
    case("one scale", (5, 4, 3), (6, 3, 3), (10, 8), per_channel=False),
    case("lowest zero point", (5, 4, 3), (6, 3, 3), (10, 8), zero_point=-128),
    case("highest zero point", (5, 4, 33), (6, 3, 3), (10, 8), zero_point=127),
    grouped("two groups", (4, 3, 6), (4, 3, 3, 3), (8, 6)),
    grouped("depthwise", (4, 3, 5), (5, 4, 4, 1), (8, 8)),
    grouped("a border that nothing reaches", (3, 3, 2), (4, 2, 2, 1), (9, 10)),
)
