# SPDX-License-Identifier: Apache-2.0
"""RELU, RELU6, RELU_N1_TO_1; 256 elements, so that the ramp feed meets every value."""

from tests.golden.case import Case, Operand

Quant = tuple[float, int]


def case(name: str, op: str, x: Quant, output: Quant) -> Case:
    """`op` from one quantization to another."""
    shape = (1, 16, 4, 4)
    return Case(name, op, (Operand(shape, *x),), (Operand(shape, *output),))


CASES = (
    case("relu keeps scale and zero point", "RELU", (0.05, 3), (0.05, 3)),
    case("relu moves the zero point to the floor", "RELU", (0.05, 3), (0.05, -128)),
    case("relu halves the scale", "RELU", (0.05, -17), (0.025, -128)),
    case("relu doubles the scale and rounds halves", "RELU", (0.05, -17), (0.1, -128)),
    case("relu shrinks by an odd ratio", "RELU", (0.0371, 5), (0.0913, -40)),
    case("relu grows by an odd ratio and saturates", "RELU", (0.0913, 5), (0.0371, -40)),
    case("relu of nothing but positives", "RELU", (0.02, -128), (0.02, -128)),
    case("relu of nothing but negatives", "RELU", (0.02, 127), (0.02, 0)),
    case("relu with the output's zero point at the ceiling", "RELU", (0.02, 0), (0.02, 127)),
    case("relu with zero points at opposite ends", "RELU", (0.3, 127), (0.2, -128)),
    case("relu on tiny scales", "RELU", (1.3e-9, 4), (2.1e-9, -128)),
    case("relu on huge scales", "RELU", (7.7e8, 4), (3.2e8, -128)),
    case("relu into a scale a million times finer", "RELU", (1.0, 0), (1e-6, -128)),
    case("relu into a scale a million times coarser", "RELU", (1e-6, 0), (1.0, -128)),
    case("relu into a scale that leaves no bits", "RELU", (2e-12, 0), (1e3, 7)),
    case("relu6 clamps inside the range", "RELU6", (0.1, 0), (0.05, -100)),
    case("relu6 clamps beyond the range", "RELU6", (0.1, 0), (0.01, -128)),
    case("relu6 whose six falls on a half", "RELU6", (0.1, -30), (0.16, -128)),
    case("relu6 with everything above six", "RELU6", (1.0, -128), (0.0235, -128)),
    case("relu6 on a scale coarser than six", "RELU6", (0.5, 0), (16.0, 0)),
    case("relu6 with zero point 127", "RELU6", (0.05, 0), (0.05, 127)),
    case("relu between minus one and one", "RELU_N1_TO_1", (0.02, 4), (0.01, -3)),
    case("relu between bounds that are halves", "RELU_N1_TO_1", (0.02, 4), (0.4, 0)),
    case("relu between bounds past the range", "RELU_N1_TO_1", (0.02, 4), (0.001, 0)),
    case("relu between bounds at the lowest zero point", "RELU_N1_TO_1", (0.1, 0), (0.1, -128)),
    case("relu between bounds at the highest zero point", "RELU_N1_TO_1", (0.1, 0), (0.1, 127)),
    case("relu between bounds coarser than one", "RELU_N1_TO_1", (0.1, 0), (3.0, 11)),
)
