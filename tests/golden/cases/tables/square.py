# SPDX-License-Identifier: Apache-2.0
"""Square, the square; 256 elements, so that the ramp feed meets every value."""

from mcuforge.compiler.ops.tables.square import Square
from tests.golden.case import Operand, OwnCase

Quant = tuple[float, int]


def case(name: str, x: Quant, output: Quant, shape: tuple[int, ...] = (1, 4, 64)) -> OwnCase:
    """From one quantization to another."""
    return OwnCase(name, Square(), (Operand(shape, *x),), Operand(shape, *output))


CASES = (
    case("of both signs", (0.05, 0), (0.16, -128)),
    case("an image", (0.07, 11), (0.4, -60), (1, 8, 4, 8)),
    case("a vector without batch", (0.07, 11), (0.4, -60), (256,)),
    case("nothing but positives", (0.05, -128), (0.6, -128)),
    case("nothing but negatives", (0.05, 127), (0.6, 127)),
    case("tiny scales", (2e-6, 5), (3e-10, 6)),
    case("huge scales", (2e5, 5), (3e11, 6)),
    case("most saturate", (1.0, 5), (1e-4, 0)),
    case("so coarse that all is zero", (0.05, 5), (1e4, 6)),
)
