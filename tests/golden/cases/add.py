# SPDX-License-Identifier: Apache-2.0
"""ADD and SUB: broadcasting of every kind, constants on either side, scales far apart."""

from dataclasses import replace

from tflite import ActivationFunctionType as Act

from tests.golden.case import Case, Data, Operand

Shape = tuple[int, ...]


def add(
    name: str,
    a: Shape,
    b: Shape,
    act: int = Act.NONE,
    quant_a: tuple[float, int] = (0.05, -4),
    quant_b: tuple[float, int] = (0.03, 11),
    out: tuple[float, int] = (0.06, 2),
    data_a: Data = None,
    data_b: Data = None,
) -> Case:
    """(scale, zero point) of each; the output's shape follows from the inputs'."""
    rank = max(len(a), len(b))
    full_a, full_b = ((1,) * (rank - len(s)) + s for s in (a, b))
    shape = tuple(max(m, n) for m, n in zip(full_a, full_b, strict=True))
    inputs = (Operand(a, *quant_a, data=data_a), Operand(b, *quant_b, data=data_b))
    options = {"FusedActivationFunction": act}
    return Case(name, "ADD", inputs, (Operand(shape, *out),), ("AddOptions", options))


def sub(case: Case) -> Case:
    """The same as a subtraction."""
    assert case.options is not None
    return replace(
        case, name=f"subtract: {case.name}", op="SUB", options=("SubOptions", case.options[1])
    )


IMAGE = (1, 4, 5, 3)

CASES = (
    add("two images", IMAGE, IMAGE),
    add("one element", (1, 1), (1, 1)),
    add("vectors without batch", (17,), (17,)),
    add("five dimensions", (1, 2, 3, 2, 3), (1, 2, 3, 2, 3)),
    add("scalar constant", IMAGE, (1,), data_b="random"),
    add("scalar of rank 0", IMAGE, (), data_b=(100,)),
    add("scalar constant on the left", (1,), IMAGE, data_a="random"),
    add("constant per channel", IMAGE, (3,), data_b="random"),
    add("constant per channel on the left", (1, 1, 1, 3), IMAGE, data_a="random"),
    add("whole constant", IMAGE, IMAGE, data_b="extremes"),
    add("whole constant on the left", IMAGE, IMAGE, data_a="extremes"),
    add("one value per pixel", IMAGE, (1, 4, 5, 1)),
    add("one value per row", IMAGE, (1, 4, 1, 1)),
    add("one value per column", IMAGE, (1, 1, 5, 1)),
    add("one row for all", IMAGE, (1, 1, 5, 3)),
    add("one column for all", IMAGE, (1, 4, 1, 3)),
    add("row and column give an image", (1, 4, 1, 3), (1, 1, 5, 3)),
    add("channels against pixels", (1, 1, 1, 7), (1, 3, 2, 1)),
    add("both sides repeat in turn", (1, 3, 1, 2), (1, 1, 4, 1)),
    add("lower rank against higher", (5, 3), IMAGE, data_a="random"),
    add("positions added to tokens", (1, 9, 8), (1, 9, 8), data_b="random"),
    add("five dimensions in turn", (1, 2, 1, 3, 1), (2, 1, 3, 1, 2), data_b="random"),
    add("the repeated dimension in the middle", (1, 2, 1, 2, 3), (1, 2, 3, 2, 3)),
    add("relu", IMAGE, IMAGE, act=Act.RELU),
    add("relu6", IMAGE, IMAGE, act=Act.RELU6, out=(0.04, -128)),
    add("relu_n1_to_1", IMAGE, IMAGE, act=Act.RELU_N1_TO_1),
    add("zero points -128", IMAGE, IMAGE, quant_a=(0.05, -128), quant_b=(0.03, -128),
        out=(0.08, -128)),
    add("zero points 127", IMAGE, IMAGE, quant_a=(0.05, 127), quant_b=(0.03, 127), out=(0.08, 127)),
    add("zero points at opposite ends", IMAGE, IMAGE, quant_a=(0.05, 127), quant_b=(0.05, -128),
        out=(0.1, 0)),
    add("equal scales", IMAGE, IMAGE, quant_a=(0.05, 0), quant_b=(0.05, 0), out=(0.05, 0)),
    add("scales a thousand apart", IMAGE, IMAGE, quant_a=(0.0001, 0), quant_b=(0.1, 0)),
    add("scales so far apart that one vanishes", IMAGE, IMAGE, quant_a=(1e-11, 0),
        quant_b=(10.0, 0), out=(10.0, 1)),
    add("output much finer than the inputs", IMAGE, IMAGE, out=(1e-6, 0)),
    add("output multiplier close to 1", IMAGE, IMAGE, quant_a=(1.0, 0), out=(2.0**-18.9, 0)),
    add("output much coarser than the inputs", IMAGE, IMAGE, out=(5.0, 0)),
    sub(add("two images", IMAGE, IMAGE)),
    sub(add("constant per channel", IMAGE, (3,), data_b="random")),
    sub(add("constant per channel on the left", (3,), IMAGE, data_a="random")),
    sub(add("scalar constant on the left", (1,), IMAGE, data_a=(-128,))),
    sub(add("one value per pixel", IMAGE, (1, 4, 5, 1))),
    sub(add("row and column give an image", (1, 4, 1, 3), (1, 1, 5, 3))),
    sub(add("zero points at opposite ends", IMAGE, IMAGE, quant_a=(0.05, -128),
            quant_b=(0.05, 127))),
    sub(add("scales a thousand apart", IMAGE, IMAGE, quant_a=(0.1, 3), quant_b=(0.0001, 5))),
    sub(add("relu", IMAGE, IMAGE, act=Act.RELU)),
    sub(add("relu6", IMAGE, IMAGE, act=Act.RELU6)),
    sub(add("relu_n1_to_1", IMAGE, IMAGE, act=Act.RELU_N1_TO_1)),
    sub(add("five dimensions", (1, 2, 3, 2, 3), (1, 2, 3, 2, 3))),
    add("rows of 21 and a finer value each", (1, 5, 21), (1, 5, 1)),
    add("rows of 21 and a coarser value each", (1, 5, 21), (1, 5, 1), quant_a=(0.02, 9),
        quant_b=(0.07, -6)),
    add("a finer value each on the left of rows", (1, 5, 1), (1, 5, 22), quant_a=(0.02, 9),
        quant_b=(0.07, -6)),
    add("a coarser value each on the left of rows", (1, 5, 1), (1, 5, 23)),
    add("a value each of one scale with rows", (1, 5, 21), (1, 5, 1), quant_a=(0.05, 3),
        quant_b=(0.05, -7)),
    add("the same on the left", (1, 5, 1), (1, 5, 21), quant_a=(0.05, 3), quant_b=(0.05, -7)),
    add("rows of 96 and a vector, coarser", (1, 3, 96), (96,), quant_b=(0.3, 1), data_b="random"),
    add("vanishing values with rows", (1, 5, 13), (1, 5, 1), quant_a=(10.0, 3),
        quant_b=(1e-11, 0), out=(70.0, -128)),
    add("values of rows, output much finer", (1, 5, 13), (1, 5, 1), out=(1e-7, 4)),
    add("values of rows, output much coarser", (1, 5, 13), (1, 5, 1), out=(3.0, 100)),
    sub(add("rows of 21 and a finer value each", (1, 5, 21), (1, 5, 1))),
    sub(add("rows of 21 and a coarser value each", (1, 5, 21), (1, 5, 1), quant_a=(0.02, 9),
            quant_b=(0.07, -6))),
    sub(add("a finer value each on the left of rows", (1, 5, 1), (1, 5, 22), quant_a=(0.02, 9),
            quant_b=(0.07, -6))),
    sub(add("a coarser value each on the left of rows", (1, 5, 1), (1, 5, 23), act=Act.RELU)),
    sub(add("a value each of one scale with rows", (1, 5, 21), (1, 5, 1), quant_a=(0.05, 3),
            quant_b=(0.05, -7))),
)  # fmt: skip

WHOLE_ONLY = (  # none of them runs row by row
    "five dimensions in turn",
)
