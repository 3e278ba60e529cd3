# SPDX-License-Identifier: Apache-2.0
"""MIRROR_PAD and TILE: rows and columns picked in any order."""

from tests.golden.case import Case, Operand

Shape = tuple[int, ...]
NONE = (0, 0)


def mirror(name: str, shape: Shape, widths: tuple[Shape, ...], symmetric: bool = False) -> Case:
    """`widths` are (before, after) per dimension."""
    output = tuple(n + before + after for n, (before, after) in zip(shape, widths, strict=True))
    flat = tuple(n for pair in widths for n in pair)
    inputs = (
        Operand(shape, 0.1, 3),
        Operand((len(shape), 2), dtype="int32", data=flat),
    )
    outputs = (Operand(output, 0.1, 3),)
    return Case(name, "MIRROR_PAD", inputs, outputs, ("MirrorPadOptions", {"Mode": int(symmetric)}))


def tile(name: str, shape: Shape, times: Shape, dtype: str = "int8") -> Case:
    """Repeat each dimension."""
    output = tuple(n * t for n, t in zip(shape, times, strict=True))
    inputs = (
        Operand(shape, 0.1, 3, dtype),
        Operand((len(shape),), dtype="int32", data=times),
    )
    return Case(name, "TILE", inputs, (Operand(output, 0.1, 3, dtype),))


CASES = (
    mirror("tokens", (1, 6, 4), (NONE, (3, 0), NONE)),
    mirror("reflect all round", (1, 5, 4, 3), (NONE, (1, 1), (1, 1), NONE)),
    mirror("reflect as far as it goes", (1, 5, 4, 3), (NONE, (4, 4), (3, 3), NONE)),
    mirror("symmetric all round", (1, 5, 4, 3), (NONE, (2, 1), (1, 2), NONE), True),
    mirror("symmetric as far as it goes", (1, 3, 2, 3), (NONE, (3, 3), (2, 2), NONE), True),
    mirror("rows alone", (1, 5, 4, 3), (NONE, (2, 3), NONE, NONE)),
    mirror("columns alone", (1, 5, 4, 3), (NONE, NONE, (2, 3), NONE)),
    mirror("channels too", (1, 5, 4, 3), (NONE, (1, 0), (0, 1), (2, 1))),
    tile("tokens twice", (1, 8, 4), (1, 2, 1)),
    tile("an image", (1, 3, 2, 5), (1, 2, 3, 1)),
    tile("every dimension", (1, 3, 2, 5), (1, 2, 3, 2)),
    tile("once", (1, 3, 2), (1, 1, 1)),
    tile("one vector to many", (1, 1, 7), (1, 9, 1)),
    tile("uint8", (1, 3, 4), (1, 3, 2), "uint8"),
)
