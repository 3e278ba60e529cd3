# SPDX-License-Identifier: Apache-2.0
"""MEAN: every choice of axes, dimensions kept or dropped, scales equal and not."""

from tests.golden.case import Case, Operand

Quant = tuple[float, int]
SAME: Quant = (0.05, -4)


def mean(
    name: str,
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    keep_dims: bool = False,
    x: Quant = (0.05, -4),
    out: Quant = (0.04, 3),
) -> Case:
    """(scale, zero point) of input and output; axes as the model says them."""
    averaged = {axis % len(shape) for axis in axes}
    kept = tuple(1 if i in averaged else n for i, n in enumerate(shape))
    dropped = tuple(n for i, n in enumerate(shape) if i not in averaged)
    inputs = (Operand(shape, *x), Operand((len(axes),), dtype="int32", data=axes))
    outputs = (Operand(kept if keep_dims else dropped, *out),)
    return Case(name, "MEAN", inputs, outputs, ("ReducerOptions", {"KeepDims": keep_dims}))


IMAGE = (1, 5, 6, 4)

CASES = (
    mean("height and width", IMAGE, (1, 2)),
    mean("height and width kept", IMAGE, (1, 2), keep_dims=True),
    mean("width and height kept, the other way round", IMAGE, (2, 1), keep_dims=True),
    mean("height and width, counted from the end", IMAGE, (-3, -2), keep_dims=True),
    mean("an axis named twice", IMAGE, (1, 2, -2)),
    mean("height", IMAGE, (1,)),
    mean("width", IMAGE, (2,), keep_dims=True),
    mean("channels", IMAGE, (3,)),
    mean("channels kept", IMAGE, (3,), keep_dims=True),
    mean("width and channels", IMAGE, (2, 3)),
    mean("height and channels around the width", IMAGE, (1, 3)),
    mean("height and channels around the width kept", IMAGE, (1, 3), keep_dims=True),
    mean("everything but the batch", IMAGE, (1, 2, 3)),
    mean("everything", IMAGE, (0, 1, 2, 3)),
    mean("everything kept", IMAGE, (0, 1, 2, 3), keep_dims=True),
    mean("the batch of one", IMAGE, (0,)),
    mean("tokens", (1, 16, 12), (1,)),
    mean("tokens kept", (1, 16, 12), (1,), keep_dims=True),
    mean("features of each token", (1, 16, 12), (2,), keep_dims=True),
    mean("features of each token, dropped", (1, 16, 12), (2,)),
    mean("a matrix along its rows", (1, 23), (1,)),
    mean("a vector", (19,), (0,)),
    mean("five dimensions, every second", (1, 3, 4, 2, 3), (0, 2, 4)),
    mean("five dimensions, the others", (1, 3, 4, 2, 3), (1, 3)),
    mean("one element", (1, 1, 1, 1), (1, 2)),
    mean("one pixel of seven channels", (1, 1, 1, 7), (1, 2)),
    mean("equal scales", IMAGE, (1, 2), x=SAME, out=SAME),
    mean("equal scales kept", IMAGE, (1, 2), keep_dims=True, x=SAME, out=SAME),
    mean("equal scales over channels", IMAGE, (3,), x=SAME, out=SAME),
    mean("equal scales, zero points apart", IMAGE, (1, 2), x=(0.05, 127), out=(0.05, -128)),
    mean("zero points -128", IMAGE, (1, 2), x=(0.05, -128), out=(0.05, -128)),
    mean("zero points 127", IMAGE, (1, 2), x=(0.05, 127), out=(0.02, 127)),
    mean("count of a power of two", (1, 8, 8, 3), (1, 2), x=(0.02, 3), out=(0.02, 3)),
    mean("count of 49", (1, 7, 7, 5), (1, 2), x=(0.02, 3), out=(0.011, 3)),
    mean("count of 2500", (1, 50, 50, 1), (1, 2), x=(0.02, 3), out=(0.001, 3)),
    mean("finer output", IMAGE, (1, 2), x=(0.5, 0), out=(0.004, 0)),
    mean("coarser output", IMAGE, (3,), x=(0.05, 0), out=(3.0, 0)),
    mean("output so coarse that all is zero", IMAGE, (1, 2), x=(1e-9, 5), out=(100.0, 9)),
    mean("scales at the last right shift", IMAGE, (1, 2), x=(2.0**-31, -128), out=(1.0, 0)),
)
