# SPDX-License-Identifier: Apache-2.0
"""GATHER with constant indices: a Slice where their steps are equal, else copies of runs."""

from tests.golden.case import Case, Operand

Shape = tuple[int, ...]


def case(
    name: str,
    x: Shape,
    axis: int,
    indices: Shape,
    shape: Shape | None = None,
    dtype: str = "int8",
    batch: int = 0,
    index_type: str = "int32",
) -> Case:
    """`shape` is that of the indices, by default a list; `batch` counts shared dimensions."""
    place = axis % len(x)
    shape = (len(indices),) if shape is None else shape
    output = (*x[:place], *shape[batch:], *x[place + 1 :])
    inputs = (Operand(x, 0.1, 3, dtype), Operand(shape, dtype=index_type, data=indices))
    options = ("GatherOptions", {"Axis": axis, "BatchDims": batch})
    return Case(name, "GATHER", inputs, (Operand(output, 0.1, 3, dtype),), options)


CASES = (
    case("the class token", (1, 9, 8), 1, (0,), ()),
    case("the last token kept as one of one", (1, 9, 8), 1, (8,)),
    case("tokens at equal steps", (1, 9, 8), 1, (1, 3, 5)),
    case("tokens backwards", (1, 9, 8), 1, (6, 5, 4)),
    case("tokens rising", (1, 9, 8), 1, (0, 2, 3, 7)),
    case("tokens falling and rising", (1, 9, 8), 1, (5, 0, 2, 3)),
    case("one token three times", (1, 9, 8), 1, (4, 4, 4)),
    case("rows of an image in turn", (1, 6, 5, 3), 1, (3, 3, 0, 1, 2, 5)),
    case("columns picked", (1, 4, 6, 3), 2, (0, 1, 4)),
    case("channels shuffled", (1, 3, 4, 6), 3, (0, 3, 1, 4, 2, 5)),
    case("channels from the back", (1, 3, 4, 6), -1, (5, 4, 1)),
    case("a channel picked and dropped", (1, 3, 4, 6), 3, (2,), ()),
    case("a matrix of indices", (1, 9, 8), 1, (0, 1, 5, 3, 2, 8), (2, 3)),
    case("a matrix of a range", (1, 9, 8), 1, (2, 3, 4, 5), (2, 2)),
    case("elements of a vector", (1, 17), 1, (16, 0, 1, 2, 9, 9)),
    case("the only batch", (1, 4, 3), 0, (0,)),
    case("the only batch twice", (1, 4, 3), 0, (0, 0)),
    case("indices with the shared batch", (1, 9, 8), 1, (4, 0, 1), (1, 3), batch=1),
    case("int64 indices", (1, 9, 8), 1, (7, 1, 2), index_type="int64"),
    case("five dimensions", (1, 2, 4, 3, 2), 2, (3, 0, 1)),
    case("uint8", (1, 9, 8), 1, (7, 1, 2), dtype="uint8"),
)

WHOLE_ONLY = (  # none of them runs row by row
    "tokens backwards",
    "tokens falling and rising",
    "rows of an image in turn",
    "a matrix of indices",
    "the only batch twice",
    "indices with the shared batch",
    "int64 indices",
    "uint8",
)
