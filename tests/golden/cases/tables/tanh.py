# SPDX-License-Identifier: Apache-2.0
"""TANH; 256 elements, so that the ramp feed meets every value."""

from tests.golden.case import Case, Operand


def case(
    name: str,
    scale: float,
    zero_point: int,
    output: tuple[float, int] = (1 / 128, 0),
    shape: tuple[int, ...] = (1, 256),
) -> Case:
    """From any quantization to the usual one, or to another."""
    return Case(name, "TANH", (Operand(shape, scale, zero_point),), (Operand(shape, *output),))


CASES = (
    case("the usual range of four", 0.03125, 0),
    case("an odd scale", 0.0237, 21),
    case("an image", 0.0237, 21, shape=(1, 8, 4, 8)),
    case("an odd scale and a negative zero point", 0.0117, -90),
    case("nothing but positives", 0.02, -128),
    case("nothing but negatives", 0.02, 127),
    case("a step between minus one and one", 10.0, 0),
    case("a line through zero", 1 / 128, 0),
    case("a line so flat that it is constant", 1e-6, 3),
    case("arguments beyond exp", 1e9, -3),
    case("a finer output saturates", 0.05, 4, (0.005, 10)),
    case("a coarser output", 0.05, 4, (0.1, -10)),
    case("an output coarser than one", 0.05, 4, (3.0, 5)),
    case("an output zero point at the floor", 0.05, 4, (1 / 128, -128)),
    case("an output zero point at the ceiling", 0.05, 4, (1 / 128, 127)),
    case("entries that C libraries round apart", float.fromhex("0x1.2faa6cp-8"), -53),
    case("an output scale near the smallest defined", 0.05, 4, (1e-9, 4)),
)
