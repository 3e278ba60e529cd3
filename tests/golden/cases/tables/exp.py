# SPDX-License-Identifier: Apache-2.0
"""EXP; 256 elements, so that the ramp feed meets every value."""

from tests.golden.case import Case, Operand

Quant = tuple[float, int]


def case(name: str, x: Quant, output: Quant, shape: tuple[int, ...] = (1, 4, 64)) -> Case:
    """From one quantization to another."""
    options: tuple[str, dict[str, int]] = ("ExpOptions", {})
    return Case(name, "EXP", (Operand(shape, *x),), (Operand(shape, *output),), options)


CASES = (
    case("from nothing but negatives, as a softmax has them", (0.05, 127), (1 / 255, -128)),
    case("from both signs", (0.03, 0), (0.17, -128)),
    case("an image", (0.0313, 7), (0.131, -120), (1, 8, 4, 8)),
    case("a vector without batch", (0.0313, 7), (0.131, -120), (256,)),
    case("nothing but positives", (0.01, -128), (0.05, -128)),
    case("a line near one", (1e-4, 2), (1e-4, 0)),
    case("a constant", (2e-12, 2), (1 / 128, 0)),
    case("denormals", (0.8, 127), (1 / 255, -128)),
    case("nothing but nothing and one", (1e9, 127), (1 / 255, -128)),
    case("most saturate", (0.1, 0), (0.001, -128)),
    case("the largest value is nearly beyond int32", (0.168, 0), (0.9, 3)),
    case("so coarse that all is zero", (0.01, 0), (1000.0, 9)),
    case("zero points at the ceiling", (0.05, 127), (0.01, 127)),
)
