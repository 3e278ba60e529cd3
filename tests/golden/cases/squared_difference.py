# SPDX-License-Identifier: Apache-2.0
"""SQUARED_DIFFERENCE: broadcasting of every kind, constants on either side, scales far apart."""

from tests.golden.case import Case, Data, Operand

Shape = tuple[int, ...]


def case(
    name: str,
    a: Shape,
    b: Shape,
    quant_a: tuple[float, int] = (0.05, -4),
    quant_b: tuple[float, int] = (0.03, 11),
    out: tuple[float, int] = (0.4, -128),
    data_a: Data = None,
    data_b: Data = None,
) -> Case:
    """(scale, zero point) of each; the output's shape follows from the inputs'."""
    rank = max(len(a), len(b))
    full_a, full_b = ((1,) * (rank - len(s)) + s for s in (a, b))
    shape = tuple(max(m, n) for m, n in zip(full_a, full_b, strict=True))
    inputs = (Operand(a, *quant_a, data=data_a), Operand(b, *quant_b, data=data_b))
    options: tuple[str, dict[str, int]] = ("SquaredDifferenceOptions", {})
    return Case(name, "SQUARED_DIFFERENCE", inputs, (Operand(shape, *out),), options)


IMAGE = (1, 4, 5, 3)
TOKENS = (1, 6, 16)

CASES = (
    case("two images", IMAGE, IMAGE),
    case("tokens less their means", TOKENS, (1, 6, 1), quant_a=(0.0268, -14),
         quant_b=(0.00106, 1), out=(0.0555, -128)),
    case("tokens less one vector", TOKENS, (16,)),
    case("one element", (1, 1), (1, 1)),
    case("vectors without batch", (17,), (17,)),
    case("five dimensions", (1, 2, 3, 2, 3), (1, 2, 3, 2, 3)),
    case("scalar constant", IMAGE, (1,), data_b="random"),
    case("scalar of rank 0", IMAGE, (), data_b=(100,)),
    case("scalar constant on the left", (1,), IMAGE, data_a="random"),
    case("constant per channel", IMAGE, (3,), data_b="random"),
    case("constant per channel on the left", (1, 1, 1, 3), IMAGE, data_a="random"),
    case("whole constant", IMAGE, IMAGE, data_b="extremes"),
    case("one value per pixel", IMAGE, (1, 4, 5, 1)),
    case("one value per row", IMAGE, (1, 4, 1, 1)),
    case("one row for all", IMAGE, (1, 1, 5, 3)),
    case("row and column give an image", (1, 4, 1, 3), (1, 1, 5, 3)),
    case("both sides repeat in turn", (1, 3, 1, 2), (1, 1, 4, 1)),
    case("lower rank against higher", (5, 3), IMAGE, data_a="random"),
    case("zero points -128", IMAGE, IMAGE, quant_a=(0.05, -128), quant_b=(0.03, -128)),
    case("zero points 127", IMAGE, IMAGE, quant_a=(0.05, 127), quant_b=(0.03, 127),
         out=(0.4, 127)),
    case("zero points at opposite ends", IMAGE, IMAGE, quant_a=(0.05, 127),
         quant_b=(0.05, -128), out=(2.6, 0)),
    case("equal scales", IMAGE, IMAGE, quant_a=(0.05, 0), quant_b=(0.05, 0), out=(0.05, 0)),
    case("scales a thousand apart", IMAGE, IMAGE, quant_a=(0.0001, 0), quant_b=(0.1, 0)),
    case("scales so far apart that one vanishes", IMAGE, IMAGE, quant_a=(1e-11, 0),
         quant_b=(10.0, 0), out=(7000.0, -128)),
    case("output as fine as may be", IMAGE, IMAGE, quant_a=(1.0, 0), quant_b=(0.5, 3),
         out=(2.0**-11.99, 0)),
    case("output so coarse that all is zero", IMAGE, IMAGE, out=(1e9, 9)),
    case("tiny scales", IMAGE, IMAGE, quant_a=(1e-6, 0), quant_b=(2e-6, 1), out=(1e-10, -128)),
    case("huge scales", IMAGE, IMAGE, quant_a=(1e4, 0), quant_b=(2e4, 1), out=(1e10, -128)),
    case("rows of 21 and a finer value each", (1, 5, 21), (1, 5, 1)),
    case("rows of 21 and a coarser value each", (1, 5, 21), (1, 5, 1), quant_a=(0.02, 9),
        quant_b=(0.07, -6)),
    case("a finer value each on the left of rows", (1, 5, 1), (1, 5, 22), quant_a=(0.02, 9),
        quant_b=(0.07, -6)),
    case("a coarser value each on the left of rows", (1, 5, 1), (1, 5, 23)),
    case("a value each of one scale with rows", (1, 5, 21), (1, 5, 1), quant_a=(0.05, 3),
        quant_b=(0.05, -7)),
    case("the same on the left", (1, 5, 1), (1, 5, 21), quant_a=(0.05, 3), quant_b=(0.05, -7)),
    case("rows of 96 and a vector, coarser", (1, 3, 96), (96,), quant_b=(0.3, 1), data_b="random"),
    case("vanishing values with rows", (1, 5, 13), (1, 5, 1), quant_a=(10.0, 3),
        quant_b=(1e-11, 0), out=(70.0, -128)),
)  # fmt: skip
