# SPDX-License-Identifier: Apache-2.0
"""LOGISTIC; 256 elements, so that the ramp feed meets every value."""

from tests.golden.case import Case, Operand


def case(name: str, scale: float, zero_point: int, output_zero_point: int = -128) -> Case:
    """From any quantization to the one scale the reference allows."""
    x = Operand((1, 8, 8, 4), scale, zero_point)
    return Case(name, "LOGISTIC", (x,), (Operand((1, 8, 8, 4), 1 / 256, output_zero_point),))


CASES = (
    case("the usual range of four", 0.03125, 0),
    case("an odd scale", 0.0478, 13),
    case("an odd scale and a negative zero point", 0.0613, -77),
    case("nothing but positives", 0.02, -128),
    case("nothing but negatives", 0.02, 127),
    case("a step between two values", 10.0, 0),
    case("a line near a half", 1e-4, 2),
    case("a constant", 2e-12, 2),
    case("exp overflows float32 on one side", 1.0, 100),
    case("exp overflows float32 almost everywhere", 1e9, -3),
    case("exp reaches denormals", 0.7, -128),
    case("answers at the ceiling", 0.1, -60),
    case("an output zero point of zero saturates", 0.05, 4, 0),
    case("an output zero point of 127 saturates", 0.05, 4, 127),
)
