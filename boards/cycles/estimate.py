# SPDX-License-Identifier: Apache-2.0
"""The executed blocks times the cycles that a core needs for each."""

from collections.abc import Sequence
from dataclasses import dataclass

from mcuforge.boards.cycles.core import Core
from mcuforge.boards.cycles.execution_log import BasicBlock, Edges
from mcuforge.boards.cycles.instruction import Instruction
from mcuforge.boards.cycles.listing import Listing


@dataclass(frozen=True)
class Cost:
    """The cost of one run: instructions executed, and cycles estimated for them."""

    instructions: int
    cycles: int


def price(
    blocks: Sequence[BasicBlock], runs: Sequence[Edges], listing: Listing, core: Core
) -> tuple[Cost, ...]:
    """Compute the cost of each run.

    A block is priced behind each block it followed, so the overlap inside a loop counts. In each
    run, a branch to several places counts as predicted when it goes to its most frequent place.
    """
    code = [listing.between(block.first, block.last) for block in blocks]
    known: dict[tuple[int, int], int] = {}
    return tuple(_price(run, code, core, known) for run in runs)


def _price(
    run: Edges, code: list[tuple[Instruction, ...]], core: Core, known: dict[tuple[int, int], int]
) -> Cost:
    instructions = cycles = 0
    leaving: dict[int, list[int]] = {}
    for (source, target), count in run.items():
        if (source, target) not in known:
            before = code[source] if source >= 0 else ()
            known[source, target] = core.cycles(before, code[target], _taken(before, code[target]))
        instructions += count * len(code[target])
        cycles += count * known[source, target]
        if source >= 0 and code[source][-1].jumps:
            leaving.setdefault(source, []).append(count)
    surprises = sum(sum(counts) - max(counts) for counts in leaving.values())
    return Cost(instructions, cycles + surprises * core.mispredict_cycles)


def _taken(before: Sequence[Instruction], block: Sequence[Instruction]) -> bool:
    if not before or not before[-1].jumps:
        return False
    return before[-1].address + before[-1].bytes != block[0].address
