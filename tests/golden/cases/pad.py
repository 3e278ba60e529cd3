# SPDX-License-Identifier: Apache-2.0
"""PAD and PADV2."""

from tests.golden.case import Case, Operand

Shape = tuple[int, ...]


def case(
    name: str,
    shape: Shape,
    paddings: tuple[Shape, ...],
    zero_point: int = 0,
    value: int | None = None,
    dtype: str = "int8",
) -> Case:
    """`paddings` are (before, after) per dimension; PADV2 where there is a `value`."""
    output = tuple(n + before + after for n, (before, after) in zip(shape, paddings, strict=True))
    flat = tuple(n for pair in paddings for n in pair)
    inputs = [
        Operand(shape, 0.1, zero_point, dtype),
        Operand((len(shape), 2), dtype="int32", data=flat),
    ]
    if value is not None:
        inputs.append(Operand((1,), 0.1, zero_point, dtype, data=(value,)))
    op, table = ("PAD", "PadOptions") if value is None else ("PADV2", "PadV2Options")
    outputs = (Operand(output, 0.1, zero_point, dtype),)
    return Case(name, op, tuple(inputs), outputs, (table, {}))


NONE = (0, 0)

CASES = (
    case("an image all round", (1, 5, 4, 3), (NONE, (1, 1), (1, 1), NONE)),
    case("an image at the top and left", (1, 5, 4, 3), (NONE, (1, 0), (2, 0), NONE), -128),
    case("an image at the bottom and right", (1, 5, 4, 3), (NONE, (0, 1), (0, 2), NONE), 127),
    case("an image by unequal borders", (1, 5, 4, 3), (NONE, (3, 1), (0, 4), NONE), 17),
    case("channels alone", (1, 5, 4, 3), (NONE, NONE, NONE, (2, 3)), -5),
    case("every dimension of an image", (1, 5, 4, 3), ((0, 1), (1, 2), (2, 1), (3, 2)), -5),
    case("the batch alone", (1, 5, 4, 3), ((1, 2), NONE, NONE, NONE), -5),
    case("nothing at all", (1, 5, 4, 3), (NONE, NONE, NONE, NONE), 9),
    case("a single element", (1, 1, 1, 1), (NONE, (3, 3), (3, 3), (1, 1)), 9),
    case("a vector", (1, 7), (NONE, (2, 5)), 3),
    case("rows of tokens", (1, 5, 8), (NONE, (1, 0), NONE), 3),
    case("five dimensions", (1, 2, 3, 2, 3), (NONE, (1, 0), (0, 2), (2, 1), (1, 1)), -7),
    case("uint8 at its zero point", (1, 3, 4, 2), (NONE, (1, 1), (1, 1), NONE), 200, None, "uint8"),
    case("a value of its own", (1, 5, 4, 3), (NONE, (1, 1), (1, 1), NONE), 4, -77),
    case("the lowest value", (1, 5, 4, 3), (NONE, (1, 1), (1, 1), NONE), 4, -128),
    case("the highest value", (1, 5, 4, 3), (NONE, (1, 1), (1, 1), NONE), 4, 127),
    case("a uint8 value", (1, 3, 4, 2), (NONE, (1, 1), (1, 1), NONE), 7, 255, "uint8"),
)
