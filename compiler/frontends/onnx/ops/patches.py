# SPDX-License-Identifier: Apache-2.0
"""Turns patches of an image times weights (reshape, transpose, linear) into a convolution.

A convolution computes its rows from stripes of the image; the moves need the whole image.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.work import GraphBuilder
from mcuforge.compiler.ops.common.window import Pair
from mcuforge.compiler.tensors import Tensor

RANK = 6  # batch, rows of patches, rows in one, columns of patches, columns in one, channels
ACROSS, INSIDE = (0, 1, 3), (2, 4, 5)


@dataclass(frozen=True, eq=False)
class Patches:
    """An image (1, h, w, c) in patches of `size`; `order`: INSIDE in the order of the vectors."""

    image: Tensor
    size: Pair
    outer: Shape  # (1, rows of patches, columns of patches)
    order: Shape

    def filters(self, data: NDArray[np.int8]) -> NDArray[np.int8]:
        """Reorder int8 weights (n, k) into those of a convolution, (n, kh, kw, c)."""
        sizes = dict(zip(INSIDE, (*self.size, self.image.shape[3]), strict=True))
        spread = data.reshape(-1, *(sizes[axis] for axis in self.order))
        return spread.transpose(0, *(1 + self.order.index(axis) for axis in INSIDE))


def patches_of(work: GraphBuilder, view: View) -> Patches | None:
    """Find the image whose patches are the vectors of `view`; None for other vectors."""
    shape = view.tensor.shape
    if len(shape) != RANK or shape[0] != 1 or view.perm[:3] != ACROSS:
        return None
    _, rows, height, columns, width, channels = shape
    if view.shape[-1] != height * width * channels or height * width == 1:
        return None
    image = work.reshaped(view.tensor, (1, rows * height, columns * width, channels))
    return Patches(image, (height, width), (1, rows, columns), view.perm[3:])
