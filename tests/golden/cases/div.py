# SPDX-License-Identifier: Apache-2.0
"""Div: broadcasting of every kind, constants on either side, quotients from huge to nothing."""

from mcuforge.compiler.graph import Activation
from mcuforge.compiler.ops.div import Div
from tests.golden.case import Data, Operand, OwnCase

Shape = tuple[int, ...]


def div(
    name: str,
    a: Shape,
    b: Shape,
    act: Activation = "none",
    quant_a: tuple[float, int] = (0.05, -4),
    quant_b: tuple[float, int] = (0.03, 11),
    out: tuple[float, int] = (0.1, 2),
    data_a: Data = None,
    data_b: Data = None,
) -> OwnCase:
    """(scale, zero point) of each; the output's shape follows from the inputs'."""
    rank = max(len(a), len(b))
    full_a, full_b = ((1,) * (rank - len(s)) + s for s in (a, b))
    shape = tuple(max(m, n) for m, n in zip(full_a, full_b, strict=True))
    inputs = (Operand(a, *quant_a, data=data_a), Operand(b, *quant_b, data=data_b))
    return OwnCase(name, Div(act), inputs, Operand(shape, *out))


IMAGE = (1, 4, 5, 3)
TOKENS = (1, 6, 16)

CASES = (
    div("two images", IMAGE, IMAGE),
    div("tokens over their deviations", TOKENS, (1, 6, 1), quant_b=(0.01, -128), out=(0.03, 0)),
    div("tokens over one vector", TOKENS, (16,)),
    div("one element", (1, 1), (1, 1)),
    div("vectors without batch", (17,), (17,)),
    div("five dimensions", (1, 2, 3, 2, 3), (1, 2, 3, 2, 3)),
    div("scalar constant", IMAGE, (1,), data_b="random"),
    div("scalar of rank 0", IMAGE, (), data_b=(100,)),
    div("one over each", (1,), IMAGE, quant_a=(1 / 127, 0), data_a=(127,)),
    div("constant per channel", IMAGE, (3,), data_b="random"),
    div("whole constant", IMAGE, IMAGE, data_b="extremes"),
    div("whole constant on the left", IMAGE, IMAGE, data_a="extremes"),
    div("one divisor per pixel", IMAGE, (1, 4, 5, 1)),
    div("one divisor per row", IMAGE, (1, 4, 1, 1)),
    div("one row for all", IMAGE, (1, 1, 5, 3)),
    div("row and column give an image", (1, 4, 1, 3), (1, 1, 5, 3)),
    div("both sides repeat in turn", (1, 3, 1, 2), (1, 1, 4, 1)),
    div("zero by zero", IMAGE, IMAGE, data_a=(-4,) * 60, data_b=(11,) * 30 + (12,) * 30),
    div("zero by any", IMAGE, IMAGE, data_a=(-4,) * 60, out=(50.0, 3)),
    div("all by zero", IMAGE, (1,), data_b=(11,)),
    div("relu", IMAGE, IMAGE, act="relu"),
    div("relu6", IMAGE, IMAGE, act="relu6", out=(0.04, -128)),
    div("relu_n1_to_1", IMAGE, IMAGE, act="relu_n1_to_1"),
    div("zero points -128", IMAGE, IMAGE, quant_a=(0.05, -128), quant_b=(0.03, -128),
        out=(0.4, -128)),
    div("zero points 127", IMAGE, IMAGE, quant_a=(0.05, 127), quant_b=(0.03, 127), out=(0.4, 127)),
    div("zero points at opposite ends", IMAGE, IMAGE, quant_a=(0.05, 127), quant_b=(0.05, -128),
        out=(2.6, 0)),
    div("fractions below one", IMAGE, IMAGE, quant_a=(0.01, -128), quant_b=(0.2, -128),
        out=(1 / 256, -128)),
    div("quotients rounded to zero where the reference shifts too far", IMAGE, IMAGE,
        out=(1000.0, 3)),
    div("quotients so large that all saturate", IMAGE, IMAGE, out=(1e-6, 3)),
    div("the largest factor of scales", IMAGE, IMAGE, quant_a=(1.0, 0), quant_b=(1.0, 0),
        out=(2.0**-21.9, 3)),
    div("tiny scales", IMAGE, IMAGE, quant_a=(2e-12, 0), quant_b=(3e-12, 1), out=(0.1, -128)),
    div("huge scales", IMAGE, IMAGE, quant_a=(2e12, 0), quant_b=(3e11, 1), out=(0.1, -128)),
)  # fmt: skip
