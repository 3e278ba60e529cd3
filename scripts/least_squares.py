# SPDX-License-Identifier: Apache-2.0
"""Least squares whose solution has no negative element."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

STILL = 1e-10  # a slope, relative to `aim`, that ends the search
ROUNDS = 10  # of the search for each column: three are enough in practice


def not_negative(rows: Vector, aim: Vector) -> Vector:
    """Minimize |rows @ x - aim| over x >= 0, by the active sets of Lawson and Hanson (1974).

    rows: float64 (n, k), aim: float64 (n,); returns float64 (k,). A column of zeros gets 0.
    """
    size = np.linalg.norm(rows, axis=0)
    scaled = rows / np.where(size > 0, size, 1.0)
    still = STILL * float(np.linalg.norm(aim))
    x = np.zeros(len(size))
    free = np.zeros(len(size), np.bool_)  # columns whose x is above 0; the others are held there
    for _ in range(ROUNDS * len(size)):
        slope = np.where(free, 0.0, scaled.T @ (aim - scaled @ x))
        if slope.max(initial=0.0) <= still:
            break
        free[slope.argmax()] = True
        while True:
            best = np.zeros(len(size))
            best[free] = np.linalg.lstsq(scaled[:, free], aim, rcond=None)[0]
            below = free & (best < 0)
            if not below.any():
                x = best
                break
            step = (x[below] / (x[below] - best[below])).min()  # to where the first one is 0
            x += step * (best - x)
            free &= x > STILL
            x[~free] = 0.0
    found: Vector = x / np.where(size > 0, size, 1.0)
    return found
