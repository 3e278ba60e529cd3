# SPDX-License-Identifier: Apache-2.0
"""The cores that have timings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mcuforge.boards.cycles import cortex_m4, cortex_m7
from mcuforge.boards.cycles.instruction import Instruction
from mcuforge.errors import BoardError


@dataclass(frozen=True)
class Core:
    """Timings of one core, with every fetch and every access to data served at once.

    cycles(before, block, taken): of `block` after `before`, including the way from one to the
    other. `before` is empty at the start of a run; `taken`: its last instruction branched to
    `block`.
    """

    cycles: Callable[[Sequence[Instruction], Sequence[Instruction], bool], int]
    mispredict_cycles: int  # lost when a branch leaves its usual way; 0 without prediction


CORES = {
    "cortex-m4": Core(cortex_m4.cycles, 0),  # a taken branch is priced by its target instead
    "cortex-m7": Core(cortex_m7.cycles, cortex_m7.MISPREDICT),
}


def core_of(cpu: str, board: str) -> Core:
    """Find the timings of a core; BoardError when none are documented or published."""
    if cpu not in CORES:
        raise BoardError(
            f"the cycles of a {cpu} cannot be estimated, expected one of {', '.join(CORES)}",
            f"board {board}",
            "bench without --cycles, which counts instructions; docs/cycles.md says what is priced",
        )
    return CORES[cpu]
