# SPDX-License-Identifier: Apache-2.0
"""BATCH_MATMUL: both operands computed or one constant, every transposition, batches, scales."""

from math import sqrt

from tests.golden.case import Case, Data, Operand

Shape = tuple[int, ...]


def matmul(
    name: str,
    a: Shape,
    b: Shape,
    adj: str = "",
    quant_a: tuple[float, int] = (0.04, -3),
    quant_b: tuple[float, int] = (0.02, 7),
    out: tuple[float | None, int] = (None, 5),
    data_a: Data = None,
    data_b: Data = None,
) -> Case:
    """`adj` names what is transposed: "x", "y", "xy". Without an output scale, one sums fill."""
    rows, depth = a[-2:] if "x" not in adj else (a[-1], a[-2])
    columns = b[-2] if "y" in adj else b[-1]
    rank = max(len(a), len(b))
    fronts = [(1,) * (rank - len(s)) + s[:-2] for s in (a, b)]
    batch = tuple(max(m, n) for m, n in zip(*fronts, strict=True))
    scale = out[0] or quant_a[0] * quant_b[0] * 73 * 73 * sqrt(depth) / 60
    inputs = (Operand(a, *quant_a, data=data_a), Operand(b, *quant_b, data=data_b))
    options = ("BatchMatMulOptions", {"AdjX": "x" in adj, "AdjY": "y" in adj})
    output = Operand((*batch, rows, columns), scale, out[1])
    return Case(name, "BATCH_MATMUL", inputs, (output,), options)


CASES = (
    matmul("scores of one head", (1, 9, 8), (1, 9, 8), "y"),
    matmul("scores times values", (1, 9, 9), (1, 9, 8)),
    matmul("three heads", (1, 3, 5, 8), (1, 3, 8, 5)),
    matmul("three heads, keys as stored", (1, 3, 5, 8), (1, 3, 5, 8), "y"),
    matmul("a vector without a batch", (1, 6), (6, 7), data_b="random"),
    matmul("left side transposed", (1, 6, 4), (1, 6, 9), "x"),
    matmul("both sides transposed", (1, 6, 4), (1, 9, 6), "xy"),
    matmul("heads with the left side transposed", (1, 3, 8, 5), (1, 3, 8, 6), "x"),
    matmul("heads with both sides transposed", (1, 2, 7, 5), (1, 2, 3, 7), "xy"),
    matmul("several products, three-dimensional", (3, 4, 5), (1, 5, 6), data_a="random"),
    matmul("one right side for all heads", (1, 3, 4, 5), (1, 1, 5, 6)),
    matmul("one right side of lower rank for all heads", (1, 3, 4, 5), (1, 5, 6)),
    matmul("a left side of lower rank", (1, 4, 5), (1, 3, 5, 6)),
    matmul("one left side for all heads", (1, 1, 4, 5), (1, 3, 6, 5), "y"),
    matmul("batches repeat in turn", (1, 2, 1, 4, 5), (1, 1, 3, 5, 6)),
    matmul("five dimensions", (1, 2, 3, 4, 5), (1, 2, 3, 5, 6)),
    matmul("one element", (1, 1, 1), (1, 1, 1)),
    matmul("one row", (1, 1, 13), (1, 13, 11)),
    matmul("one column", (1, 6, 13), (1, 13, 1)),
    matmul("one product each", (1, 6, 1), (1, 1, 7)),
    matmul("odd sizes, rows of b", (1, 5, 33), (1, 7, 33), "y"),
    matmul("fewer than four columns", (1, 8, 24), (1, 3, 24), "y"),
    matmul("197 summed", (1, 2, 197), (1, 197, 10), quant_a=(1 / 256, -128)),
    matmul("shares times 33 values", (1, 3, 2), (1, 2, 33), quant_a=(1 / 256, -128)),
    matmul("shares times 64 values", (1, 4, 3), (1, 3, 64), quant_a=(1 / 256, -128)),
    matmul("a constant right side", (1, 7, 6), (1, 6, 5), data_b="random"),
    matmul("a constant right side of lower rank", (1, 7, 6), (6, 5), data_b="random"),
    matmul("a constant right side transposed", (1, 7, 6), (1, 5, 6), "y", data_b="random"),
    matmul("a constant for each head", (1, 3, 7, 6), (1, 3, 6, 5), data_b="random"),
    matmul("a constant right side with zero point 0", (1, 7, 6), (6, 5), quant_b=(0.02, 0),
           data_b="random"),
    matmul("a transposed one with zero point 0", (1, 1, 7, 6), (1, 1, 5, 6), "y",
           quant_b=(0.02, 0), data_b="random"),
    matmul("a constant left side", (1, 5, 6), (1, 6, 7), data_a="random"),
    matmul("a constant left side transposed", (1, 6, 5), (1, 6, 7), "x", data_a="random"),
    matmul("zero points -128", (1, 4, 16), (1, 16, 6), quant_a=(0.04, -128), quant_b=(0.02, -128)),
    matmul("zero points 127", (1, 4, 16), (1, 6, 16), "y", quant_a=(0.04, 127),
           quant_b=(0.02, 127)),
    matmul("zero points at opposite ends", (1, 4, 16), (1, 16, 6), quant_a=(0.04, 127),
           quant_b=(0.02, -128), out=(None, -128)),
    matmul("output zero point 127", (1, 4, 16), (1, 16, 6), out=(None, 127)),
    matmul("multiplier 1/2", (1, 4, 4), (1, 4, 4), quant_a=(1.0, 0), quant_b=(1.0, 0),
           out=(2.0, 0)),
    matmul("multiplier 1", (1, 4, 1), (1, 1, 6), quant_a=(1.0, 0), quant_b=(1.0, 0), out=(1.0, 0)),
    matmul("multiplier above 1", (1, 4, 1), (1, 1, 6), quant_a=(1.5, 0), quant_b=(1.0, 2),
           out=(0.7, 0)),
    matmul("shift left until the sum wraps", (1, 4, 8), (1, 8, 4), quant_a=(300.0, 0),
           quant_b=(70.0, 0), out=(0.1, 0)),
    matmul("multiplier so small that all is zero", (1, 4, 8), (1, 8, 4), quant_a=(1e-6, 0),
           quant_b=(1e-6, 0), out=(100.0, 9)),
    matmul("product of scales rounds in float32", (1, 8, 32), (1, 32, 8), quant_a=(0.0471337, 3),
           quant_b=(0.0033371, -5), out=(0.013371337, -7)),
)  # fmt: skip

WHOLE_ONLY = (  # none of them runs row by row
    "left side transposed",
    "both sides transposed",
    "several products, three-dimensional",
    "a constant left side transposed",
)
