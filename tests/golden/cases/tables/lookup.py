# SPDX-License-Identifier: Apache-2.0
"""Lookup: tables that no formula makes; the ramp feed meets every value of the 256 elements."""

import math

from mcuforge.compiler.ops.tables.lookup import Lookup
from tests.golden.case import Operand, OwnCase

Shape = tuple[int, ...]


def lookup(
    name: str,
    table: tuple[int, ...],
    shape: Shape = (1, 256),
    quant: tuple[float, int] = (0.05, 3),
    out: tuple[float, int] = (0.02, -7),
) -> OwnCase:
    """From one quantization to another."""
    return OwnCase(name, Lookup(name, table), (Operand(shape, *quant),), Operand(shape, *out))


def gelu(value: int) -> int:
    """GELU from the quantization of the cases' inputs to that of their outputs."""
    x = 0.05 * (value - 3)
    y = round(0.5 * x * (1 + math.erf(x / math.sqrt(2))) / 0.02) - 7
    return min(max(y, -128), 127)


CASES = (
    lookup("gelu", tuple(gelu(value) for value in range(-128, 128))),
    lookup("itself", tuple(range(-128, 128))),
    lookup("backwards", tuple(range(127, -129, -1))),
    lookup("a permutation", tuple((i * 77 + 13) % 256 - 128 for i in range(256))),
    lookup("one value", (5,) * 256),
    lookup("an image", tuple((i * 91) % 256 - 128 for i in range(256)), (1, 8, 4, 8)),
    lookup("tokens of odd width", tuple((i * 31) % 256 - 128 for i in range(256)), (1, 7, 9)),
    lookup("a single element", tuple(range(127, -129, -1)), (1,)),
)
