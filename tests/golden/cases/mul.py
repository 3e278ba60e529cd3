# SPDX-License-Identifier: Apache-2.0
"""MUL: broadcasting of every kind, constants on either side, multipliers above and below 1."""

from tflite import ActivationFunctionType as Act

from tests.golden.case import Case, Data, Operand

Shape = tuple[int, ...]


def mul(
    name: str,
    a: Shape,
    b: Shape,
    act: int = Act.NONE,
    quant_a: tuple[float, int] = (0.05, -4),
    quant_b: tuple[float, int] = (0.03, 11),
    out: tuple[float, int] = (0.1, 2),
    data_a: Data = None,
    data_b: Data = None,
) -> Case:
    """(scale, zero point) of each; the output's shape follows from the inputs'."""
    rank = max(len(a), len(b))
    full_a, full_b = ((1,) * (rank - len(s)) + s for s in (a, b))
    shape = tuple(max(m, n) for m, n in zip(full_a, full_b, strict=True))
    inputs = (Operand(a, *quant_a, data=data_a), Operand(b, *quant_b, data=data_b))
    options = {"FusedActivationFunction": act}
    return Case(name, "MUL", inputs, (Operand(shape, *out),), ("MulOptions", options))


IMAGE = (1, 4, 5, 3)

CASES = (
    mul("two images", IMAGE, IMAGE),
    mul("one element", (1, 1), (1, 1)),
    mul("vectors without batch", (17,), (17,)),
    mul("five dimensions", (1, 2, 3, 2, 3), (1, 2, 3, 2, 3)),
    mul("scalar constant", IMAGE, (1,), data_b="random"),
    mul("scalar of rank 0", IMAGE, (), data_b=(100,)),
    mul("scalar constant on the left", (1,), IMAGE, data_a="random"),
    mul("constant per channel", IMAGE, (3,), data_b="random"),
    mul("constant per channel on the left", (1, 1, 1, 3), IMAGE, data_a="random"),
    mul("whole constant", IMAGE, IMAGE, data_b="extremes"),
    mul("whole constant on the left", IMAGE, IMAGE, data_a="extremes"),
    mul("squeeze and excitation: one factor per channel", IMAGE, (1, 1, 1, 3)),
    mul("attention mask: one factor per pixel", IMAGE, (1, 4, 5, 1)),
    mul("one factor per row", IMAGE, (1, 4, 1, 1)),
    mul("row and column give an image", (1, 4, 1, 3), (1, 1, 5, 3)),
    mul("channels against pixels", (1, 1, 1, 7), (1, 3, 2, 1)),
    mul("both sides repeat in turn", (1, 3, 1, 2), (1, 1, 4, 1)),
    mul("lower rank against higher", (5, 3), IMAGE, data_a="random"),
    mul("relu", IMAGE, IMAGE, act=Act.RELU),
    mul("relu6", IMAGE, IMAGE, act=Act.RELU6, out=(0.04, -128)),
    mul("relu_n1_to_1", IMAGE, IMAGE, act=Act.RELU_N1_TO_1),
    mul("zero points -128", IMAGE, IMAGE, quant_a=(0.01, -128), quant_b=(0.01, -128),
        out=(0.02, -128)),
    mul("zero points 127", IMAGE, IMAGE, quant_a=(0.01, 127), quant_b=(0.01, 127), out=(0.02, 127)),
    mul("zero points at opposite ends", IMAGE, IMAGE, quant_a=(0.05, 127), quant_b=(0.05, -128),
        out=(0.6, 0)),
    mul("multiplier 1/2", IMAGE, IMAGE, quant_a=(1.0, 0), quant_b=(0.01, 0), out=(0.02, 0)),
    mul("multiplier 1", IMAGE, IMAGE, quant_a=(1.0, 0), quant_b=(0.01, 0), out=(0.01, 0)),
    mul("multiplier above 1", IMAGE, IMAGE, quant_a=(2.0, 0), quant_b=(0.02, 1), out=(0.013, 0)),
    mul("shift left until the product wraps", IMAGE, IMAGE, quant_a=(300.0, 0),
        quant_b=(70.0, 0), out=(0.1, 0)),
    mul("scales multiplied and divided in float32", (1, 8, 8, 4), (1, 8, 8, 4),
        quant_a=(0.0471337, 3), quant_b=(0.0033371, -5), out=(0.013371337, -7)),
    mul("product so small that all is zero", IMAGE, IMAGE, quant_a=(1e-7, 0),
        quant_b=(1e-7, 0), out=(100.0, 9)),
    mul("rows of 21 and a finer value each", (1, 5, 21), (1, 5, 1)),
    mul("rows of 21 and a coarser value each", (1, 5, 21), (1, 5, 1), quant_a=(0.02, 9),
        quant_b=(0.07, -6)),
    mul("a finer value each on the left of rows", (1, 5, 1), (1, 5, 22), quant_a=(0.02, 9),
        quant_b=(0.07, -6)),
    mul("a coarser value each on the left of rows", (1, 5, 1), (1, 5, 23)),
    mul("a value each of one scale with rows", (1, 5, 21), (1, 5, 1), quant_a=(0.05, 3),
        quant_b=(0.05, -7)),
    mul("the same on the left", (1, 5, 1), (1, 5, 21), quant_a=(0.05, 3), quant_b=(0.05, -7)),
    mul("rows of 96 and a vector, coarser", (1, 3, 96), (96,), quant_b=(0.3, 1), data_b="random"),
    mul("vanishing values with rows", (1, 5, 13), (1, 5, 1), quant_a=(10.0, 3),
        quant_b=(1e-11, 0), out=(70.0, -128)),
)  # fmt: skip
