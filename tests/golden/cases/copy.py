# SPDX-License-Identifier: Apache-2.0
"""Copy: every type, shapes of no, one and many dimensions."""

from mcuforge.compiler.ops.copy import Copy
from tests.golden.case import Operand, OwnCase


def copy(name: str, shape: tuple[int, ...], dtype: str = "int8") -> OwnCase:
    """An output that is its input once more."""
    operand = Operand(shape, 0.1, 3, dtype) if "int8" in dtype else Operand(shape, dtype=dtype)
    return OwnCase(name, Copy(), (operand,), operand)


CASES = (
    copy("tokens", (1, 5, 7)),
    copy("one element", (1, 1)),
    copy("a scalar", ()),
    copy("uint8", (1, 13), "uint8"),
    copy("int32", (1, 9), "int32"),
    copy("float32", (1, 2, 3), "float32"),
)
WHOLE_ONLY = tuple(case.name for case in CASES)
