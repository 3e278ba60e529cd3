# SPDX-License-Identifier: Apache-2.0
"""CONCATENATION, PACK."""

from tests.golden.case import Case, Data, Operand

Shape = tuple[int, ...]


def case(
    name: str, axis: int, *shapes: Shape, dtype: str = "int8", constant: tuple[int, ...] = ()
) -> Case:
    """Joins `shapes` along `axis`; the inputs numbered in `constant` are in the model."""
    place = axis % len(shapes[0])
    joined = sum(s[place] for s in shapes)
    output = (*shapes[0][:place], joined, *shapes[0][place + 1 :])
    data: tuple[Data, ...] = tuple("random" if i in constant else None for i in range(len(shapes)))
    inputs = tuple(Operand(s, 0.1, 3, dtype, data=d) for s, d in zip(shapes, data, strict=True))
    options = ("ConcatenationOptions", {"Axis": axis})
    return Case(name, "CONCATENATION", inputs, (Operand(output, 0.1, 3, dtype),), options)


def packed(
    name: str, axis: int, shape: Shape, count: int, dtype: str = "int8", constant: int = -1
) -> Case:
    """PACK of `count` inputs, the one numbered `constant` in the model."""
    place = axis % (len(shape) + 1)
    output = (*shape[:place], count, *shape[place:])
    data: tuple[Data, ...] = tuple("random" if i == constant else None for i in range(count))
    inputs = tuple(Operand(shape, 0.1, 3, dtype, data=d) for d in data)
    options = ("PackOptions", {"Axis": axis, "ValuesCount": count})
    return Case(name, "PACK", inputs, (Operand(output, 0.1, 3, dtype),), options)


CASES = (
    case("channels", 3, (1, 4, 5, 3), (1, 4, 5, 2)),
    case("channels by a negative axis", -1, (1, 4, 5, 3), (1, 4, 5, 2)),
    case("rows", 1, (1, 2, 5, 3), (1, 3, 5, 3)),
    case("columns", 2, (1, 4, 1, 3), (1, 4, 6, 3)),
    case("batches", 0, (1, 4, 5, 3), (1, 4, 5, 3)),
    case("one channel each", 3, (1, 4, 5, 1), (1, 4, 5, 1)),
    case("three inputs of unequal size", 3, (1, 4, 5, 1), (1, 4, 5, 7), (1, 4, 5, 2)),
    case("eight inputs", 1, *(((1, 9),) * 8)),
    case("a single input", 3, (1, 4, 5, 3)),
    case("vectors", 1, (1, 4), (1, 11)),
    case("a class token before the tokens", 1, (1, 1, 8), (1, 16, 8), constant=(0,)),
    case("a constant after the input", 3, (1, 3, 3, 2), (1, 3, 3, 2), constant=(1,)),
    case("constants on both sides", 2, (1, 3, 1, 2), (1, 3, 4, 2), (1, 3, 1, 2), constant=(0, 2)),
    case("a middle axis of five", 2, (1, 2, 3, 2, 2), (1, 2, 1, 2, 2)),
    case("the last axis of five", 4, (1, 2, 3, 2, 2), (1, 2, 3, 2, 3)),
    case("heads side by side", 2, (1, 7, 4), (1, 7, 4), (1, 7, 4)),
    case("six heads side by side", -1, *(((1, 5, 3),) * 6)),
    case("tokens between two constants", 1, (1, 2, 8), (1, 9, 8), (1, 1, 8), constant=(0, 2)),
    case("tokens without a batch below a constant", 0, (2, 8), (1, 8), constant=(0,)),
    packed("stacked before rows", 1, (1, 4, 3), 3),
    packed("stacked as channels", -1, (1, 4, 3), 2),
    packed("vectors stacked in front", 0, (6,), 4),
    packed("a single one stacked", 1, (1, 6), 1),
    packed("a constant among the stacked", 1, (1, 6), 3, constant=1),
    packed("uint8 stacked", 2, (1, 2, 3), 2, "uint8"),
    case("uint8", 3, (1, 4, 5, 3), (1, 4, 5, 2), dtype="uint8"),
)
