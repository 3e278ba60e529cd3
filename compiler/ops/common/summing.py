# SPDX-License-Identifier: Apache-2.0
"""Calls of kernels that add up the rows of their input in the scratch buffer."""

from dataclasses import replace

from mcuforge.compiler.calls import ROWS, Blank, Call

SUM_BYTES = 4  # one int32 per output element


def summing(whole: Call, kernel: str, outputs: int) -> Call:
    """Make a call of `kernel`, which sums the rows of call `whole`, with the same parameters."""
    kept = tuple(a for a in whole.args if a not in ROWS)
    args = (*kept, Blank.SCRATCH, *ROWS)
    return replace(whole, kernel=kernel, args=args, scratch_bytes=outputs * SUM_BYTES)
