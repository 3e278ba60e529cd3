# SPDX-License-Identifier: Apache-2.0
"""Breaks the largest element over any axes into max pools: both front ends use it."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from mcuforge.compiler.ops.max_pool2d import MaxPool2D
from mcuforge.compiler.ops.tables.lookup import Lookup
from mcuforge.compiler.tensors import Quant

Shape = tuple[int, ...]
# -1 - q: the negative of a value, exactly, under the zero point that is turned likewise
TURN = Lookup("turn", tuple(int(v) for v in -1 - np.arange(-128, 128)))


@dataclass(frozen=True)
class Step:
    """One node: the tensor's bytes seen as the image `before` become `after`, then `shape`."""

    op: MaxPool2D
    before: Shape
    after: Shape
    shape: Shape


def steps(shape: Shape, axes: Shape) -> Iterator[Step]:
    """Yield the pools that leave the largest element of `axes`, which stay as 1.

    Axes that follow each other are one pool. An image keeps its rows, so that the pool may run
    behind what makes them.
    """
    if len(shape) == 4 and shape[0] == 1 and set(axes) <= {1, 2}:
        kernel = (shape[1] if 1 in axes else 1, shape[2] if 2 in axes else 1)
        after = (1, shape[1] // kernel[0], shape[2] // kernel[1], shape[3])
        yield Step(MaxPool2D(kernel), shape, after, after)
        return
    left = sorted(axes)
    while left:
        last = left.pop()
        first = last
        while left and left[-1] == first - 1:
            first = left.pop()
        size = prod(shape[first : last + 1])
        outer, inner = prod(shape[:first]), prod(shape[last + 1 :])
        shape = (*shape[:first], *(1,) * (last + 1 - first), *shape[last + 1 :])
        if outer == 1:
            yield Step(MaxPool2D((size, 1)), (1, size, 1, inner), (1, 1, 1, inner), shape)
        else:
            op = MaxPool2D((1, size))
            yield Step(op, (1, outer, size, inner), (1, outer, 1, inner), shape)


def turned(quant: Quant) -> Quant:
    """Return the quantization of what `TURN` makes of values of `quant`."""
    return Quant(quant.scale, -1 - quant.zero_point, nearest=quant.nearest)
