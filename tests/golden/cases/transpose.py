# SPDX-License-Identifier: Apache-2.0
"""TRANSPOSE."""

from tests.golden.case import Case, Operand

Shape = tuple[int, ...]


def case(name: str, x: Shape, perm: Shape, dtype: str = "int8") -> Case:
    """Dimension i of the output is dimension perm[i] of the input."""
    output = tuple(x[p] for p in perm)
    inputs = (Operand(x, 0.1, 3, dtype), Operand((len(perm),), dtype="int32", data=perm))
    return Case(
        name, "TRANSPOSE", inputs, (Operand(output, 0.1, 3, dtype),), ("TransposeOptions", {})
    )


CASES = (
    case("a matrix", (1, 5, 7), (0, 2, 1)),
    case("a matrix without a batch", (1, 9), (1, 0)),
    case("channels first", (1, 4, 5, 3), (0, 3, 1, 2)),
    case("channels last", (1, 3, 4, 5), (0, 2, 3, 1)),
    case("rows and columns", (1, 4, 5, 3), (0, 2, 1, 3)),
    case("everything reversed", (1, 4, 5, 3), (3, 2, 1, 0)),
    case("nothing moved", (1, 4, 5, 3), (0, 1, 2, 3)),
    case("only the batch moved", (1, 4, 5, 3), (1, 2, 3, 0)),
    case("heads before tokens", (1, 9, 4, 8), (0, 2, 1, 3)),
    case("keys for the product", (1, 9, 4, 8), (0, 2, 3, 1)),
    case("five dimensions", (1, 2, 3, 4, 5), (0, 3, 1, 4, 2)),
    case("five dimensions reversed", (1, 2, 3, 4, 5), (4, 3, 2, 1, 0)),
    case("pixels to patches", (1, 6, 4, 6, 4), (0, 1, 3, 2, 4)),
    case("six dimensions that are fewer", (1, 2, 3, 2, 3, 4), (0, 1, 3, 2, 4, 5)),
    case("one element", (1, 1, 1), (2, 0, 1)),
    case("uint8", (1, 4, 5, 3), (0, 3, 1, 2), "uint8"),
)

WHOLE_ONLY = (  # none of them runs row by row
    "a matrix",
    "a matrix without a batch",
    "channels first",
    "channels last",
    "rows and columns",
    "everything reversed",
    "only the batch moved",
    "heads before tokens",
    "keys for the product",
    "five dimensions",
    "five dimensions reversed",
    "uint8",
)
