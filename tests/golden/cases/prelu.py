# SPDX-License-Identifier: Apache-2.0
"""PRELU: slopes per channel, per element, run-time; scales of every ratio."""

from tests.golden.case import Case, Data, Operand

Shape = tuple[int, ...]
IMAGE = (1, 4, 5, 3)


def case(
    name: str,
    x: Shape,
    slopes: Shape,
    x_quant: tuple[float, int] = (0.05, -4),
    slope_quant: tuple[float, int] = (0.003, 9),
    out: tuple[float, int] = (0.04, 11),
    data: Data = "random",
) -> Case:
    """The output has the shape of x."""
    inputs = (Operand(x, *x_quant), Operand(slopes, *slope_quant, data=data))
    return Case(name, "PRELU", inputs, (Operand(x, *out),))


CASES = (
    case("a slope per channel", IMAGE, (1, 1, 3)),
    case("a slope per element", IMAGE, (4, 5, 3)),
    case("a slope per column", IMAGE, (5, 1)),
    case("one slope", IMAGE, (1, 1, 1)),
    case("slopes of their own at run time", IMAGE, IMAGE, data=None),
    case("many channels", (1, 3, 2, 33), (1, 1, 33)),
    case("tokens", (1, 6, 8), (1, 8)),
    case("a vector", (1, 9), (9,)),
    case("lowest zero points", IMAGE, (1, 1, 3), (0.05, -128), (0.003, -128), (0.1, -128)),
    case("highest zero points", IMAGE, (1, 1, 3), (0.05, 127), (0.003, 127), (0.1, 127)),
    case("slopes at the ends", IMAGE, (1, 1, 3), data="extremes"),
    case("a finer output", IMAGE, (1, 1, 3), out=(0.001, 0)),
    case("a coarser output", IMAGE, (1, 1, 3), out=(3.0, 0)),
)
WHOLE_ONLY = ("a slope per element",)
