# SPDX-License-Identifier: Apache-2.0
"""LEAKY_RELU; 256 elements, so that the ramp feed meets every value."""

from tests.golden.case import Case, Operand

Quant = tuple[float, int]


def case(
    name: str, alpha: float, x: Quant, output: Quant, shape: tuple[int, ...] = (1, 256)
) -> Case:
    """A slope of `alpha` below zero, from one quantization to another."""
    options = ("LeakyReluOptions", {"Alpha": alpha})
    return Case(name, "LEAKY_RELU", (Operand(shape, *x),), (Operand(shape, *output),), options)


CASES = (
    case("a tenth below zero", 0.1, (0.05, 0), (0.05, 0)),
    case("a fifth with unequal scales", 0.2, (0.07, 11), (0.04, -60)),
    case("an image", 0.2, (0.07, 11), (0.04, -60), (1, 8, 4, 8)),
    case("a third with unequal scales", 0.3, (0.04, -11), (0.07, 60)),
    case("a power of two whose products are halves", 0.5, (0.05, 0), (0.05, 0)),
    case("a slope of zero", 0.0, (0.05, 3), (0.05, -128)),
    case("a slope of one", 1.0, (0.05, 3), (0.025, 3)),
    case("a slope above one", 2.5, (0.05, 3), (0.06, 20)),
    case("a slope that saturates", 100.0, (0.05, 3), (0.05, 3)),
    case("a negative slope", -0.5, (0.05, 3), (0.05, -20)),
    case("a vanishing slope", 1e-9, (0.05, 3), (0.05, -100)),
    case("a slope below what a multiplier holds", 1e-20, (0.05, 3), (0.05, -100)),
    case("zero points at the floor", 0.1, (0.05, -128), (0.05, -128)),
    case("zero points at the ceiling", 0.1, (0.05, 127), (0.05, 127)),
    case("zero points at opposite ends", 0.1, (0.05, 127), (0.01, -128)),
    case("tiny scales", 0.1, (2e-10, 5), (3e-10, 6)),
    case("huge scales", 0.1, (2e9, 5), (3e9, 6)),
    case("a scale a million times finer", 0.1, (1.0, 5), (1e-6, 6)),
    case("a scale a million times coarser", 0.1, (1e-6, 5), (1.0, 6)),
)
