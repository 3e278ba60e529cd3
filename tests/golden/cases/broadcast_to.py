# SPDX-License-Identifier: Apache-2.0
"""BROADCAST_TO."""

from tests.golden.case import Case, Operand

Shape = tuple[int, ...]


def case(name: str, x: Shape, output: Shape, dtype: str = "int8") -> Case:
    """Repeats x to the output's shape."""
    inputs = (Operand(x, 0.1, 3, dtype), Operand((len(output),), dtype="int32", data=output))
    outputs = (Operand(output, 0.1, 3, dtype),)
    return Case(name, "BROADCAST_TO", inputs, outputs, ("BroadcastToOptions", {}))


CASES = (
    case("one token for all", (1, 1, 8), (1, 5, 8)),
    case("one channel for all", (1, 4, 5, 1), (1, 4, 5, 3)),
    case("one pixel for all", (1, 1, 1, 4), (1, 3, 2, 4)),
    case("columns repeated", (1, 4, 1, 3), (1, 4, 5, 3)),
    case("rows and channels repeated", (1, 1, 5, 1), (1, 4, 5, 3)),
    case("a vector to an image", (6,), (1, 3, 2, 6)),
    case("one number", (1,), (1, 3, 4)),
    case("nothing repeated", (1, 3, 4), (1, 3, 4)),
    case("more batches", (1, 3, 4), (3, 3, 4)),
    case("five dimensions", (1, 1, 3, 1, 2), (1, 2, 3, 4, 2)),
    case("uint8", (1, 1, 8), (1, 5, 8), "uint8"),
)

WHOLE_ONLY = (  # none of them runs row by row
    "more batches",
)
