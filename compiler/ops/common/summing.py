# SPDX-License-Identifier: Apache-2.0
"""Calls of kernels that add up the rows of their input in the scratch buffer."""

from __future__ import annotations

from dataclasses import replace

from mcuforge.compiler.calls import Blank, Call

SUM_BYTES = 4  # one int32 per output element
SUMMING = (
    Blank.SCRATCH,
    Blank.FIRST_ROW,
    Blank.END_ROW,
)  # the end of such a kernel's arguments


def summing(whole: Call, kernel: str, outputs: int) -> Call:
    """Make a call of `kernel`, which sums the rows of call `whole`, with the same parameters."""
    kept = tuple(a for a in whole.args if a not in (Blank.FIRST_ROW, Blank.END_ROW))
    return replace(whole, kernel=kernel, args=(*kept, *SUMMING), scratch_bytes=outputs * SUM_BYTES)
