# SPDX-License-Identifier: Apache-2.0
"""What the kernels share that add up rows of their input into sums in the scratch buffer."""

from __future__ import annotations

from dataclasses import replace

from mcuforge.compiler.calls import Call, Slot

SUM_BYTES = 4  # an int32 per output element
SUMMING = (Slot.SCRATCH, Slot.FIRST_ROW, Slot.END_ROW)  # the end of such a kernel's arguments


def summing(whole: Call, kernel: str, outputs: int) -> Call:
    """The call of `kernel`, which sums what the call `whole` computes, with the same parameters."""
    kept = tuple(a for a in whole.args if a not in (Slot.FIRST_ROW, Slot.END_ROW))
    return replace(whole, kernel=kernel, args=(*kept, *SUMMING), scratch_bytes=outputs * SUM_BYTES)
