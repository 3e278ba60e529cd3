# SPDX-License-Identifier: Apache-2.0
"""How far below an input an output must begin to lie over it safely: derived from what is read."""

from __future__ import annotations

import numpy as np

from mcuforge.compiler.ops.base import Reads


def least_distance(reads: Reads) -> int:
    """The least d with which the output may begin d bytes below the input's first byte.

    For every output unit i, its last byte must lie below the first input byte that may still be
    read once unit i is being written:

        (i + 1) * out_bytes - d <= in_bytes * min(first[j] for j >= i)

    With `before_write` unit i's own reading is over by then, and only j > i count. Negative: the
    output may begin that far above the input's first byte. Any greater d is safe too. The output's
    size is returned when nothing less is found: the two then lie apart.
    """
    units = len(reads.first)
    size = units * reads.out_bytes
    far = np.iinfo(np.int64).max // 2
    used = np.where(reads.first < reads.end, reads.first, far // max(reads.in_bytes, 1))
    still = np.minimum.accumulate(used[::-1])[::-1]  # the lowest unit read from unit i on
    if reads.before_write:
        still = np.append(still[1:], far // max(reads.in_bytes, 1))
    written = (np.arange(units, dtype=np.int64) + 1) * reads.out_bytes
    return int(min(size, (written - still * reads.in_bytes).max(initial=-size)))
