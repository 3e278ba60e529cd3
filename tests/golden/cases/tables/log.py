# SPDX-License-Identifier: Apache-2.0
"""Log, the natural logarithm; 256 elements, so that the ramp feed meets every value."""

from mcuforge.compiler.ops.tables.log import Log
from tests.golden.case import Operand, OwnCase

Quant = tuple[float, int]


def case(name: str, x: Quant, output: Quant, shape: tuple[int, ...] = (1, 4, 64)) -> OwnCase:
    """From one quantization to another."""
    return OwnCase(name, Log(), (Operand(shape, *x),), Operand(shape, *output))


CASES = (
    case("of probabilities", (1 / 256, -128), (5.6 / 255, 127)),
    case("of both signs", (0.05, 3), (0.02, -20)),
    case("an image", (0.0313, -100), (0.0131, 20), (1, 8, 4, 8)),
    case("a vector without batch", (0.0313, -100), (0.0131, 20), (256,)),
    case("nothing but negatives", (0.05, 127), (0.05, 0)),
    case("tiny scales", (2e-12, -128), (0.2, 127)),
    case("huge scales", (9e11, -128), (0.3, -128)),
    case("most saturate", (0.05, -128), (1e-4, 0)),
    case("so coarse that all is zero", (0.05, -128), (100.0, 9)),
)
