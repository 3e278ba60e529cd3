# SPDX-License-Identifier: Apache-2.0
"""Sum: every choice of axes, dimensions kept or dropped, scales equal and not."""

from mcuforge.compiler.ops.sum import Sum
from tests.golden.case import Operand, OwnCase

Quant = tuple[float, int]


def sum_of(
    name: str,
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    keep_dims: bool = False,
    x: Quant = (0.05, -4),
    out: Quant = (0.4, 3),
) -> OwnCase:
    """(scale, zero point) of input and output."""
    kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    dropped = tuple(n for i, n in enumerate(shape) if i not in axes)
    output = Operand(kept if keep_dims else dropped, *out)
    return OwnCase(name, Sum(axes), (Operand(shape, *x),), output)


IMAGE = (1, 5, 6, 4)

CASES = (
    sum_of("height and width", IMAGE, (1, 2)),
    sum_of("height and width kept", IMAGE, (1, 2), keep_dims=True),
    sum_of("height", IMAGE, (1,)),
    sum_of("channels kept", IMAGE, (3,), keep_dims=True),
    sum_of("height and channels around the width", IMAGE, (1, 3)),
    sum_of("everything", IMAGE, (0, 1, 2, 3)),
    sum_of("tokens", (1, 16, 12), (1,)),
    sum_of("features of each token", (1, 16, 12), (2,), keep_dims=True),
    sum_of("a matrix along its rows", (1, 23), (1,)),
    sum_of("a vector", (19,), (0,)),
    sum_of("one element", (1, 1, 1, 1), (1, 2)),
    sum_of("equal scales", IMAGE, (1, 2), x=(0.05, -4), out=(0.05, -4)),
    sum_of("zero points -128", IMAGE, (1, 2), x=(0.05, -128), out=(1.5, -128)),
    sum_of("zero points 127", IMAGE, (1, 2), x=(0.05, 127), out=(1.5, 127)),
    sum_of("zero points at opposite ends", IMAGE, (3,), x=(0.05, 127), out=(0.2, -128)),
    sum_of("count of 2500", (1, 50, 50, 1), (1, 2), x=(0.02, 3), out=(1.0, 3)),
    sum_of("output so fine that most saturate", IMAGE, (1, 2), x=(0.5, 0), out=(0.00001, 0)),
    sum_of("output so coarse that all is zero", IMAGE, (1, 2), x=(1e-9, 5), out=(100.0, 9)),
)
