# SPDX-License-Identifier: Apache-2.0
"""The interface of a core's timings, and the cores that have timings."""

from collections.abc import Sequence
from typing import Protocol

from mcuforge.boards.cycles.cortex_m4 import CortexM4
from mcuforge.boards.cycles.cortex_m7 import CortexM7
from mcuforge.boards.cycles.instruction import Instruction
from mcuforge.errors import BoardError


class Core(Protocol):
    """Timings of one core, with every fetch and every access to data served at once."""

    @property
    def mispredict_cycles(self) -> int:
        """Cycles lost when a branch leaves its usual way; 0 for a core without prediction."""

    def cycles(
        self, before: Sequence[Instruction], block: Sequence[Instruction], taken: bool
    ) -> int:
        """Return the cycles of `block` after `before`, including the way from one to the other.

        `before` is empty at the start of a run; `taken`: its last instruction branched to `block`.
        """


def core_of(cpu: str, board: str) -> Core:
    """Find the timings of a core; BoardError when none are documented or published."""
    cores: dict[str, Core] = {"cortex-m4": CortexM4(), "cortex-m7": CortexM7()}
    if cpu not in cores:
        raise BoardError(
            f"the cycles of a {cpu} cannot be estimated, expected one of {', '.join(cores)}",
            f"board {board}",
            "bench without --cycles, which counts instructions; docs/cycles.md says what is priced",
        )
    return cores[cpu]
