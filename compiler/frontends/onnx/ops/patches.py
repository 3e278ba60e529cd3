# SPDX-License-Identifier: Apache-2.0
"""Patches of an image times weights, as reshape + transpose + linear: a convolution.

Its rows are computed from stripes of the image; the moves would need the whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcuforge.compiler.frontends.onnx.layout import Shape, View
from mcuforge.compiler.frontends.onnx.work import Work
from mcuforge.compiler.ir import Tensor
from mcuforge.compiler.ops.common.window import Pair

RANK = 6  # batch, rows of patches, rows in one, columns of patches, columns in one, channels
ACROSS, INSIDE = (0, 1, 3), (2, 4, 5)


@dataclass(frozen=True, eq=False)
class Patches:
    """An image (1, h, w, c) in patches of `size`; `order`: INSIDE as the file's vectors have it."""

    image: Tensor
    size: Pair
    outer: Shape  # (1, rows of patches, columns of patches)
    order: Shape

    def filters(self, data: NDArray[np.int8]) -> NDArray[np.int8]:
        """Reorder int8 weights (n, k) into those of a convolution, (n, kh, kw, c)."""
        sizes = dict(zip(INSIDE, (*self.size, self.image.shape[3]), strict=True))
        spread = data.reshape(-1, *(sizes[axis] for axis in self.order))
        return spread.transpose(0, *(1 + self.order.index(axis) for axis in INSIDE))


def patches_of(work: Work, view: View) -> Patches | None:
    """The image whose patches are the vectors of `view`, None where they are none."""
    shape = view.tensor.shape
    if len(shape) != RANK or shape[0] != 1 or view.perm[:3] != ACROSS:
        return None
    _, rows, height, columns, width, channels = shape
    if view.shape[-1] != height * width * channels or height * width == 1:
        return None
    image = work.reshaped(view.tensor, (1, rows * height, columns * width, channels))
    return Patches(image, (height, width), (1, rows, columns), view.perm[3:])
