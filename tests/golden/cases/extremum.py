# SPDX-License-Identifier: Apache-2.0
"""MAXIMUM, MINIMUM: broadcasting of every kind, constants on either side; any scale."""

from dataclasses import replace

from tests.golden.case import Case, Data, Operand

Shape = tuple[int, ...]


def maximum(
    name: str,
    a: Shape,
    b: Shape,
    quant: tuple[float, int] = (0.05, -4),
    data_a: Data = None,
    data_b: Data = None,
) -> Case:
    """One quantization for all; the output's shape follows from the inputs'."""
    rank = max(len(a), len(b))
    full_a, full_b = ((1,) * (rank - len(s)) + s for s in (a, b))
    shape = tuple(max(m, n) for m, n in zip(full_a, full_b, strict=True))
    inputs = (Operand(a, *quant, data=data_a), Operand(b, *quant, data=data_b))
    output = Operand(shape, *quant)
    return Case(name, "MAXIMUM", inputs, (output,), ("MaximumMinimumOptions", {}))


def minimum(case: Case) -> Case:
    """The same as a minimum."""
    return replace(case, name=f"minimum: {case.name}", op="MINIMUM")


IMAGE = (1, 4, 5, 3)

MAXIMA = (
    maximum("two images", IMAGE, IMAGE),
    maximum("one element", (1, 1), (1, 1)),
    maximum("vectors without batch", (17,), (17,)),
    maximum("scalar constant", IMAGE, (1,), data_b="random"),
    maximum("scalar of rank 0", IMAGE, (), data_b=(3,)),
    maximum("scalar constant on the left", (1,), IMAGE, data_a="random"),
    maximum("lowest constant", IMAGE, (1,), data_b=(-128,)),
    maximum("highest constant", IMAGE, (1,), data_b=(127,)),
    maximum("constant per channel", IMAGE, (3,), data_b="random"),
    maximum("constant per channel on the left", (1, 1, 1, 3), IMAGE, data_a="random"),
    maximum("whole constant", IMAGE, IMAGE, data_b="random"),
    maximum("one value per pixel", IMAGE, (1, 4, 5, 1)),
    maximum("one value per row", IMAGE, (1, 4, 1, 1)),
    maximum("one row for all", IMAGE, (1, 1, 5, 3)),
    maximum("row and column give an image", (1, 4, 1, 3), (1, 1, 5, 3)),
    maximum("both sides repeat in turn", (1, 3, 1, 2), (1, 1, 4, 1)),
    maximum("lower rank against higher", (5, 3), IMAGE, data_a="random"),
    maximum("zero point -128", IMAGE, IMAGE, quant=(0.01, -128)),
    maximum("zero point 127", IMAGE, IMAGE, quant=(3.0, 127)),
)

CASES = (*MAXIMA, *map(minimum, MAXIMA))
