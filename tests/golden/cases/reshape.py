# SPDX-License-Identifier: Apache-2.0
"""RESHAPE, SQUEEZE, EXPAND_DIMS."""

from mcuforge.compiler.builders.tflite_writer import Field
from tests.golden.case import Case, Operand

Shape = tuple[int, ...]


def case(name: str, x: Shape, output: Shape, dtype: str = "int8") -> Case:
    """RESHAPE by a constant second input."""
    quant = None if dtype in ("int32", "float32") else 0.1
    inputs = (
        Operand(x, quant, 3 if quant else 0, dtype),
        Operand((len(output),), dtype="int32", data=output),
    )
    outputs = (Operand(output, quant, 3 if quant else 0, dtype),)
    return Case(name, "RESHAPE", inputs, outputs, ("ReshapeOptions", {}))


def by_options(name: str, op: str, x: Shape, output: Shape, table: str, field: str) -> Case:
    """RESHAPE or SQUEEZE by their options alone."""
    numbers: dict[str, Field] = {field: output if op == "RESHAPE" else (1, 2)}
    return Case(name, op, (Operand(x, 0.1, 3),), (Operand(output, 0.1, 3),), (table, numbers))


def expanded(name: str, x: Shape, axis: int, output: Shape) -> Case:
    """EXPAND_DIMS by a constant axis."""
    inputs = (Operand(x, 0.1, 3), Operand((1,), dtype="int32", data=(axis,)))
    return Case(name, "EXPAND_DIMS", inputs, (Operand(output, 0.1, 3),), ("ExpandDimsOptions", {}))


CASES = (
    case("an image to a vector", (1, 5, 6, 7), (1, 210)),
    case("a vector to an image", (1, 210), (1, 5, 6, 7)),
    case("rows and columns joined", (1, 5, 6, 7), (1, 30, 7)),
    case("the same shape", (1, 5, 6, 7), (1, 5, 6, 7)),
    case("six dimensions", (1, 64), (1, 2, 2, 2, 2, 4)),
    case("uint8", (1, 5, 6), (1, 30), "uint8"),
    case("float32", (1, 5, 6), (1, 30), "float32"),
    case("int32", (1, 5, 6), (1, 30), "int32"),
    by_options(
        "the shape in the options", "RESHAPE", (1, 4, 6), (1, 24), "ReshapeOptions", "NewShape"
    ),
    by_options(
        "two dimensions squeezed", "SQUEEZE", (1, 1, 1, 9), (1, 9), "SqueezeOptions", "SqueezeDims"
    ),
    expanded("a dimension in front", (1, 9), 0, (1, 1, 9)),
    expanded("a dimension at the end", (1, 9), -1, (1, 9, 1)),
)
