# SPDX-License-Identifier: Apache-2.0
"""QUANTIZE: from float32, and between 8-bit quantizations over all 256 values."""

from tests.golden.case import Case, Operand

Quant = tuple[float, int]


def from_float(
    name: str, output: Quant, dtype: str = "int8", shape: tuple[int, ...] = (1, 257)
) -> Case:
    """257 elements make the ramp feed step by 1/16 from -8 to 8."""
    x = Operand(shape, dtype="float32")
    return Case(name, "QUANTIZE", (x,), (Operand(shape, *output, dtype),))


def between(name: str, x: Quant, output: Quant, dtypes: str = "int8 int8") -> Case:
    """From one 8-bit quantization to another."""
    before, after = dtypes.split()
    shape = (1, 4, 64)
    inputs = (Operand(shape, *x, before),)
    return Case(name, "QUANTIZE", inputs, (Operand(shape, *output, after),))


CASES = (
    from_float("float to int8", (0.0625, 0)),
    from_float("float to uint8", (0.0625, 128), "uint8"),
    from_float("float to int8 with every second value a tie", (0.125, 0)),
    from_float("float to uint8 with every second value a tie", (0.125, 100), "uint8"),
    from_float("float to int8 on an odd scale", (0.0471, 3), shape=(1, 1000)),
    from_float("float to uint8 on an odd scale", (0.0713, 77), "uint8", (1, 1000)),
    from_float("float to int8 that saturates on both sides", (0.01, 0)),
    from_float("float to int8 at the lowest zero point", (0.03, -128)),
    from_float("float to int8 at the highest zero point", (0.03, 127)),
    from_float("float to uint8 at zero point 0", (0.03, 0), "uint8"),
    from_float("float to uint8 at zero point 255", (0.03, 255), "uint8"),
    from_float("float to int8 on a scale coarser than the values", (20.0, 5)),
    from_float("float to int8 on a scale where a value is half", (16.0, 5)),
    from_float("float to int8 on a tiny scale", (3e-7, 5)),
    from_float("float to int8 on a huge scale", (1e10, 5)),
    from_float("float to int8 of one element", (0.1, 5), shape=(1, 1)),
    from_float("float image to int8", (0.0471, 3), shape=(1, 8, 5, 3)),
    from_float("float tokens to uint8", (0.0713, 77), "uint8", (1, 9, 7)),
    between("int8 to the same int8", (0.1, 5), (0.1, 5)),
    between("int8 to another zero point", (0.1, 5), (0.1, -20)),
    between("int8 to half the scale", (0.1, 5), (0.05, -20)),
    between("int8 to twice the scale", (0.1, 5), (0.2, -20)),
    between("int8 to an odd ratio", (0.0371, -128), (0.0913, 127)),
    between("int8 to a much finer scale", (0.5, 0), (1e-6, 0)),
    between("int8 to a much coarser scale", (1e-6, 0), (0.5, 9)),
    between("int8 to a scale that leaves no bits", (2e-12, 0), (0.5, 9)),
    between("int8 to uint8 by 128", (0.1, -3), (0.1, 125), "int8 uint8"),
    between("int8 to uint8 otherwise", (0.1, -3), (0.07, 255), "int8 uint8"),
    between("int8 to uint8 at zero points 127 and 0", (0.1, 127), (0.07, 0), "int8 uint8"),
    between("uint8 to int8 by 128", (0.1, 125), (0.1, -3), "uint8 int8"),
    between("uint8 to int8 otherwise", (0.1, 255), (0.13, -128), "uint8 int8"),
    between("uint8 to int8 at zero point 0", (0.1, 0), (0.09, 127), "uint8 int8"),
    between("uint8 to uint8", (0.1, 30), (0.17, 200), "uint8 uint8"),
    between("uint8 to the same uint8", (0.1, 30), (0.1, 30), "uint8 uint8"),
)
