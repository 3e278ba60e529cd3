# SPDX-License-Identifier: Apache-2.0
"""LinearReal: vectors and rows, with and without a bias, one scale or one per output."""

from mcuforge.compiler.ops.reals.linear_real import LinearReal
from tests.golden.case import Operand, OwnCase


def linear_real(
    name: str,
    shape: tuple[int, ...],
    outputs: int,
    scale: float | tuple[float, ...] = 0.02,
    bias: bool = True,
    zero: int = 3,
) -> OwnCase:
    """Random weights, and a bias unless it is left out."""
    weights = Operand((outputs, shape[-1]), scale, 0, axis=0, data="random")
    added = (Operand((outputs,), 0.001, 0, "int32", data="random"),) if bias else ()
    output = Operand((*shape[:-1], outputs), dtype="float32")
    return OwnCase(name, LinearReal(), (Operand(shape, 0.05, zero), weights, *added), output)


CASES = (
    linear_real("a vector to floats", (1, 37), 5),
    linear_real("tokens to floats", (1, 7, 24), 6),
    linear_real("pixels to floats", (1, 3, 4, 10), 3, zero=-128),
    linear_real("floats without a bias", (1, 16), 4, bias=False, zero=127),
    linear_real("floats on a scale each", (1, 21), 3, (0.01, 0.5, 1e-4)),
    linear_real("one float from a vector", (1, 300), 1),
)

WHOLE_ONLY = tuple(case.name for case in CASES)  # none of them runs row by row
