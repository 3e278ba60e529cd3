# SPDX-License-Identifier: Apache-2.0
"""Sqrt, the square root; 256 elements, so that the ramp feed meets every value."""

from mcuforge.compiler.ops.tables.sqrt import Sqrt
from tests.golden.case import Operand, OwnCase

Quant = tuple[float, int]


def case(name: str, x: Quant, output: Quant, shape: tuple[int, ...] = (1, 4, 64)) -> OwnCase:
    """From one quantization to another."""
    return OwnCase(name, Sqrt(), (Operand(shape, *x),), Operand(shape, *output))


CASES = (
    case("of variances", (0.01, -128), (0.0063, -128)),
    case("of both signs", (0.05, 3), (0.02, -120)),
    case("an image", (0.0313, -100), (0.0131, 20), (1, 8, 4, 8)),
    case("a vector without batch", (0.0313, -100), (0.0131, 20), (256,)),
    case("nothing but negatives", (0.05, 127), (0.05, 7)),
    case("tiny scales", (2e-12, -128), (1e-7, -128)),
    case("huge scales", (9e11, -128), (6e4, -128)),
    case("most saturate", (0.05, -128), (1e-4, 0)),
    case("so coarse that all is zero", (0.05, -128), (100.0, 9)),
)
