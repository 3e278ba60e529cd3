# SPDX-License-Identifier: Apache-2.0
"""MINIMUM: broadcasting of every kind, constants on either side; scales do not matter."""

from tests.golden.case import Case, Data, Operand

Shape = tuple[int, ...]


def minimum(
    name: str,
    a: Shape,
    b: Shape,
    quant: tuple[float, int] = (0.05, -4),
    data_a: Data = None,
    data_b: Data = None,
) -> Case:
    """One quantisation for all; the output's shape follows from the inputs'."""
    rank = max(len(a), len(b))
    full_a, full_b = ((1,) * (rank - len(s)) + s for s in (a, b))
    shape = tuple(max(m, n) for m, n in zip(full_a, full_b, strict=True))
    inputs = (Operand(a, *quant, data=data_a), Operand(b, *quant, data=data_b))
    output = Operand(shape, *quant)
    return Case(name, "MINIMUM", inputs, (output,), ("MaximumMinimumOptions", {}))


IMAGE = (1, 4, 5, 3)

CASES = (
    minimum("two images", IMAGE, IMAGE),
    minimum("one element", (1, 1), (1, 1)),
    minimum("vectors without batch", (17,), (17,)),
    minimum("scalar constant", IMAGE, (1,), data_b="random"),
    minimum("scalar of rank 0", IMAGE, (), data_b=(3,)),
    minimum("scalar constant on the left", (1,), IMAGE, data_a="random"),
    minimum("lowest constant", IMAGE, (1,), data_b=(-128,)),
    minimum("highest constant", IMAGE, (1,), data_b=(127,)),
    minimum("constant per channel", IMAGE, (3,), data_b="random"),
    minimum("constant per channel on the left", (1, 1, 1, 3), IMAGE, data_a="random"),
    minimum("whole constant", IMAGE, IMAGE, data_b="random"),
    minimum("one value per pixel", IMAGE, (1, 4, 5, 1)),
    minimum("one value per row", IMAGE, (1, 4, 1, 1)),
    minimum("one row for all", IMAGE, (1, 1, 5, 3)),
    minimum("row and column give an image", (1, 4, 1, 3), (1, 1, 5, 3)),
    minimum("both sides repeat in turn", (1, 3, 1, 2), (1, 1, 4, 1)),
    minimum("lower rank against higher", (5, 3), IMAGE, data_a="random"),
    minimum("zero point -128", IMAGE, IMAGE, quant=(0.01, -128)),
    minimum("zero point 127", IMAGE, IMAGE, quant=(3.0, 127)),
)
