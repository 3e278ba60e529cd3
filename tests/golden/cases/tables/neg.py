# SPDX-License-Identifier: Apache-2.0
"""Neg, the negative; 256 elements, so that the ramp feed meets every value."""

from mcuforge.compiler.ops.tables.neg import Neg
from tests.golden.case import Operand, OwnCase

Quant = tuple[float, int]


def case(name: str, x: Quant, output: Quant, shape: tuple[int, ...] = (1, 4, 64)) -> OwnCase:
    """From one quantization to another."""
    return OwnCase(name, Neg(), (Operand(shape, *x),), Operand(shape, *output))


CASES = (
    case("equal quantization", (0.05, 0), (0.05, 0)),
    case("mirrored quantization", (0.05, -20), (0.05, 19)),
    case("an image", (0.07, 11), (0.04, -60), (1, 8, 4, 8)),
    case("a vector without batch", (0.07, 11), (0.04, -60), (256,)),
    case("products that are halves", (0.05, 0), (0.1, 0)),
    case("nothing but positives", (0.05, -128), (0.05, 127)),
    case("nothing but negatives", (0.05, 127), (0.05, -128)),
    case("all saturate", (0.05, -128), (0.05, -128)),
    case("tiny scales", (2e-10, 5), (3e-10, 6)),
    case("huge scales", (2e9, 5), (3e9, 6)),
    case("a scale a million times finer", (1.0, 5), (1e-6, 6)),
    case("a scale a million times coarser", (1e-6, 5), (1.0, 6)),
)
