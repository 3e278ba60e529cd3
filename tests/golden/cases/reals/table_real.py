# SPDX-License-Identifier: Apache-2.0
"""TableReal; 256 elements, so that the ramp feed meets every value."""

import math

from mcuforge.compiler.ops.reals.table_real import TableReal
from tests.golden.case import Operand, OwnCase


def table_real(name: str, table: tuple[float, ...], shape: tuple[int, ...] = (1, 256)) -> OwnCase:
    """Look int8 up in float32."""
    op = TableReal(name, table)
    return OwnCase(name, op, (Operand(shape, 0.05, 3),), Operand(shape, dtype="float32"))


CASES = (
    table_real("hyperbolic", tuple(math.tanh(i / 40) for i in range(-128, 128))),
    table_real("extreme floats", (*(float(i) * 2e36 for i in range(-128, 128)),)),
    table_real("an image of floats", tuple(1 / (i + 0.5) for i in range(-128, 128)), (1, 8, 4, 9)),
    table_real("one float", tuple(float(i) for i in range(256)), (1, 1)),
)
