# SPDX-License-Identifier: Apache-2.0
"""L2_NORMALIZATION: lengths, ranks, zero points; vectors of zeros come with the feeds."""

from tests.golden.case import Case, Operand


def case(name: str, shape: tuple[int, ...], zero_point: int = 4) -> Case:
    """The output has scale 1/128 and zero point 0."""
    inputs = (Operand(shape, 0.07, zero_point),)
    options = ("L2NormOptions", {"FusedActivationFunction": 0})
    return Case(name, "L2_NORMALIZATION", inputs, (Operand(shape, 1 / 128, 0),), options)


CASES = (
    case("a vector", (1, 8)),
    case("one element", (1, 1)),
    case("two elements", (1, 2), 126),
    case("an image", (1, 4, 3, 5)),
    case("tokens", (1, 6, 12), -3),
    case("an embedding", (1, 512), 0),
    case("8,192 elements", (1, 8192), -128),
    case("lowest zero point", (1, 33), -128),
    case("highest zero point", (1, 33), 127),
)
