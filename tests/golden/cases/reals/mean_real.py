# SPDX-License-Identifier: Apache-2.0
"""MeanReal: axes inside, in front and behind, counts of powers of two and others."""

from mcuforge.compiler.ops.reals.mean_real import MeanReal
from tests.golden.case import Operand, OwnCase


def mean_real(
    name: str, shape: tuple[int, ...], axes: tuple[int, ...], zero: int = 3, keep: bool = False
) -> OwnCase:
    """Average int8 into float32."""
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    dropped = tuple(n for i, n in enumerate(shape) if i not in axes)
    output = Operand(kept if keep else dropped, dtype="float32")
    return OwnCase(name, MeanReal(axes), (Operand(shape, 0.05, zero),), output)


CASES = (
    mean_real("an image to floats", (1, 5, 6, 7), (1, 2)),
    mean_real("an image to floats, kept", (1, 5, 6, 7), (1, 2), keep=True),
    mean_real("tokens to a float each", (1, 9, 16), (2,), zero=-128),
    mean_real("tokens to floats", (1, 9, 16), (1,), zero=127),
    mean_real("one float", (1, 33), (1,), keep=True),
    mean_real("of one element each", (1, 1, 5), (1,)),
)

WHOLE_ONLY = tuple(case.name for case in CASES)  # none of them runs row by row
