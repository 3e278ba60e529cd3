# SPDX-License-Identifier: Apache-2.0
"""Tells which layers of a pipeline run while something is held: sets of layers, as bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def layers_during(
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    reached: NDArray[np.int64],
    run_by: NDArray[np.int16],
) -> int:
    """The layers that run while any row is held, a bit for each.

    Row y is held in tasks begin[y] to end[y]; reached[y] is the last of rows up to y. `run_by`: the
    layer of each task.
    """
    if np.logical_and.reduce(
        begin[1:] <= reached[:-1]
    ):  # some row is held from the first task to the last
        return layer_bits(run_by[begin[0] : reached[-1] + 1])
    count = len(run_by) + 1
    marks = np.bincount(begin, minlength=count) - np.bincount(end + 1, minlength=count)
    return layer_bits(run_by[np.cumsum(marks[:-1]) > 0])


def layer_bits(tasks: NDArray[np.int16]) -> int:
    """A bit for each layer that runs one of these tasks."""
    bits = np.packbits(np.bincount(tasks) > 0, bitorder="little")
    return int.from_bytes(bits.tobytes(), "little")


def layer_span(layers: int) -> tuple[int, int]:
    """The first of some layers, given as bits, and the one after the last."""
    return (layers & -layers).bit_length() - 1, layers.bit_length()
