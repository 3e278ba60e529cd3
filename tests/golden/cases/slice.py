# SPDX-License-Identifier: Apache-2.0
"""STRIDED_SLICE, SLICE, SPLIT, SPLIT_V, UNPACK."""

from mcuforge.compiler.builders.tflite_writer import Field
from tests.golden.case import Case, Operand

Shape = tuple[int, ...]


def numbers(values: Shape) -> Operand:
    """A constant list of integers."""
    return Operand((len(values),), dtype="int32", data=values)


def strided(
    name: str,
    x: Shape,
    cut: tuple[Shape, Shape, Shape],
    output: Shape,
    dtype: str = "int8",
    **masks: int,
) -> Case:
    """STRIDED_SLICE; `cut` is begin, end, strides."""
    inputs = (Operand(x, 0.1, 3, dtype), *(numbers(values) for values in cut))
    zero: dict[str, Field] = dict.fromkeys(
        ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask"), 0
    )
    options = ("StridedSliceOptions", zero | masks)
    return Case(name, "STRIDED_SLICE", inputs, (Operand(output, 0.1, 3, dtype),), options)


def box(name: str, x: Shape, begin: Shape, size: Shape, output: Shape) -> Case:
    """SLICE."""
    inputs = (Operand(x, 0.1, 3), numbers(begin), numbers(size))
    return Case(name, "SLICE", inputs, (Operand(output, 0.1, 3),), ("SliceOptions", {}))


def split(name: str, x: Shape, axis: int, parts: int, output: Shape) -> Case:
    """SPLIT into equal parts."""
    inputs = (Operand((1,), dtype="int32", data=(axis,)), Operand(x, 0.1, 3))
    options = ("SplitOptions", {"NumSplits": parts})
    return Case(name, "SPLIT", inputs, (Operand(output, 0.1, 3),) * parts, options)


def split_v(name: str, x: Shape, axis: int, sizes: Shape, outputs: tuple[Shape, ...]) -> Case:
    """SPLIT_V into given sizes."""
    inputs = (Operand(x, 0.1, 3), numbers(sizes), Operand((1,), dtype="int32", data=(axis,)))
    options = ("SplitVOptions", {"NumSplits": len(outputs)})
    return Case(name, "SPLIT_V", inputs, tuple(Operand(o, 0.1, 3) for o in outputs), options)


def unpack(name: str, x: Shape, axis: int, dtype: str = "int8") -> Case:
    """UNPACK: every element of `axis` an output."""
    place = axis % len(x)
    output = Operand((*x[:place], *x[place + 1 :]), 0.1, 3, dtype)
    options = ("UnpackOptions", {"Axis": axis, "Num": x[place]})
    return Case(name, "UNPACK", (Operand(x, 0.1, 3, dtype),), (output,) * x[place], options)


IMAGE = (1, 6, 7, 4)
ALL = (1, 1, 1, 1)

CASES = (
    strided("a box", IMAGE, ((0, 1, 2, 1), (1, 5, 6, 3), ALL), (1, 4, 4, 2)),
    strided("every second row", IMAGE, ((0, 0, 0, 0), IMAGE, (1, 2, 1, 1)), (1, 3, 7, 4)),
    strided("every third column", IMAGE, ((0, 0, 1, 0), IMAGE, (1, 1, 3, 1)), (1, 6, 2, 4)),
    strided("every second channel", IMAGE, ((0, 0, 0, 1), IMAGE, (1, 1, 1, 2)), (1, 6, 7, 2)),
    strided("a corner of patches", IMAGE, ((0, 1, 1, 0), IMAGE, (1, 2, 2, 1)), (1, 3, 3, 4)),
    strided("rows upside down", IMAGE, ((0, -1, 0, 0), (1, -7, 7, 4), (1, -1, 1, 1)), (1, 6, 7, 4)),
    strided("columns mirrored", IMAGE, ((0, 0, -1, 0), (1, 6, -8, 4), (1, 1, -1, 1)), (1, 6, 7, 4)),
    strided(
        "channels from the back", IMAGE, ((0, 0, 0, -1), (1, 6, 7, -5), (1, 1, 1, -1)), (1, 6, 7, 4)
    ),
    strided(
        "backwards in steps of two on two axes",
        IMAGE,
        ((0, 5, 6, 0), (1, 0, 0, 4), (1, -2, -2, 1)),
        (1, 3, 3, 4),
    ),
    strided(
        "backwards in steps of three within a part",
        IMAGE,
        ((0, 4, 6, 0), (1, 1, 1, 4), (1, -2, -3, 1)),
        (1, 2, 2, 4),
    ),
    strided(
        "begin and end counted from the back",
        IMAGE,
        ((0, -4, -3, -2), (1, -1, -1, 4), ALL),
        (1, 3, 2, 2),
    ),
    strided(
        "begin and end masked",
        IMAGE,
        ((0, 3, 3, 3), (0, 4, 4, 4), ALL),
        (1, 4, 7, 4),
        BeginMask=0b1111,
        EndMask=0b1101,
    ),
    strided(
        "masks with a negative stride",
        IMAGE,
        ((0, 0, 0, 0), (1, 0, 7, 4), (1, -1, 1, 1)),
        (1, 6, 7, 4),
        BeginMask=0b0010,
        EndMask=0b0010,
    ),
    strided("ends beyond the tensor", IMAGE, ((0, -90, 2, 0), (9, 90, 90, 90), ALL), (1, 6, 5, 4)),
    strided(
        "one row with its axis dropped",
        IMAGE,
        ((0, 2, 0, 0), (1, 3, 7, 4), ALL),
        (1, 7, 4),
        ShrinkAxisMask=0b0010,
    ),
    strided(
        "the last token",
        (1, 9, 8),
        ((0, -1, 0), (1, 0, 8), (1, 1, 1)),
        (1, 8),
        ShrinkAxisMask=0b010,
    ),
    strided(
        "an ellipsis before the channels",
        IMAGE,
        ((0, 1), (0, 3), (1, 1)),
        (1, 6, 7, 2),
        EllipsisMask=0b01,
    ),
    strided("everything", IMAGE, ((0, 0, 0, 0), IMAGE, ALL), IMAGE),
    strided("uint8", IMAGE, ((0, 1, 2, 1), (1, 5, 6, 3), ALL), (1, 4, 4, 2), "uint8"),
    strided(
        "strides on five axes",
        (1, 4, 4, 5, 5),
        ((0, 0, 3, 0, 4), (1, 4, 0, 5, 0), (1, 2, -1, 2, -2)),
        (1, 2, 3, 3, 2),
    ),
    box("a box by sizes", IMAGE, (0, 2, 1, 1), (1, 3, 4, 2), (1, 3, 4, 2)),
    box("a box to the ends", IMAGE, (0, 2, 1, 1), (-1, -1, -1, -1), (1, 4, 6, 3)),
    box("part of a vector", (1, 40), (0, 7), (1, 20), (1, 20)),
    box(
        "a box of five dimensions",
        (1, 3, 4, 3, 4),
        (0, 1, 1, 1, 1),
        (1, 2, 2, 2, 2),
        (1, 2, 2, 2, 2),
    ),
    split("channels halved", (1, 5, 5, 6), 3, 2, (1, 5, 5, 3)),
    split("rows in three", (1, 6, 5, 2), 1, 3, (1, 2, 5, 2)),
    split("columns in four", (1, 3, 8, 2), -2, 4, (1, 3, 2, 2)),
    split("queries keys and values", (1, 7, 24), -1, 3, (1, 7, 8)),
    split("into one", (1, 7, 24), -1, 1, (1, 7, 24)),
    split_v(
        "channels in unequal parts",
        (1, 5, 5, 6),
        3,
        (1, 3, 2),
        ((1, 5, 5, 1), (1, 5, 5, 3), (1, 5, 5, 2)),
    ),
    box("the first token", (1, 9, 8), (0, 0, 0), (1, 1, 8), (1, 1, 8)),
    box("one head of three", (1, 7, 12), (0, 0, 4), (1, 7, 4), (1, 7, 4)),
    unpack("queries keys and values unpacked", (1, 3, 5, 4), 1),
    unpack("columns unpacked", (1, 4, 3, 2), -2),
    unpack("channels unpacked", (1, 5, 3), 2),
    unpack("one of one unpacked", (1, 1, 6), 1),
    unpack("uint8 unpacked", (1, 2, 6), 1, "uint8"),
    split_v("rows with the rest last", (1, 6, 5, 2), 1, (4, -1), ((1, 4, 5, 2), (1, 2, 5, 2))),
)

WHOLE_ONLY = (  # none of them runs row by row
    "rows upside down",
    "backwards in steps of two on two axes",
    "backwards in steps of three within a part",
    "masks with a negative stride",
)
