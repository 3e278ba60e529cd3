# SPDX-License-Identifier: Apache-2.0
"""1 / sqrt(x) in fixed point: runtime_c's common/inverse_sqrt.h, in numpy.

Four steps of Newton's y = y * (3 - x * y * y) / 2, from the line nearest to the curve on [1/4, 1).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mcuforge.compiler.ops.common.fixed_point import Int64

UInt64 = NDArray[np.uint64]
LINE_AT_ZERO = 2290047081  # 2.13277 * 2**30: the line of least relative error, 8.6 %
LINE_SLOPE = 1308598332  # 1.21873 * 2**30, downwards
STEPS = 4  # errors 8.6 %, 1.1e-2, 1.9e-4, 5e-8, 4e-15: only rounding remains
RELATIVE_ERROR = 2.0**-29


def inverse_sqrt(x: ArrayLike) -> Int64:
    """Compute 1 / sqrt(x) with 30 fraction bits, for x in [1/4, 1) with 32 fraction bits.

    Returns int64 of x's shape, below 2**31.
    """
    value = np.asarray(x, np.uint64)
    y = np.uint64(LINE_AT_ZERO) - _rounded_mul(value, np.uint64(LINE_SLOPE), 32)
    for _ in range(STEPS):
        near_one = _rounded_mul(value, _rounded_mul(y, y, 31), 32)
        y = _rounded_mul(y, np.uint64(3 << 29) - near_one, 30)
    return np.minimum(y, np.uint64(2**31 - 1)).astype(np.int64)


def _rounded_mul(a: UInt64, b: UInt64 | np.uint64, shift: int) -> UInt64:
    """Compute round(a * b / 2**shift), halves upwards, of factors below 2**32."""
    result: UInt64 = (a * b + np.uint64(1 << (shift - 1))) >> np.uint64(shift)
    return result
