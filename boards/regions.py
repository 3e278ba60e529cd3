# SPDX-License-Identifier: Apache-2.0
"""A board's memories as the regions in which a plan places buffers and weights.

A plan with one region calls it "ram" (or "flash"). With several, each has the name of its memory,
or the name that `memory.run_name` gives a whole run. The linker script has a section for every
such name.
"""

from collections.abc import Sequence
from typing import Literal

from mcuforge.boards.build.linker import default_stack_bytes
from mcuforge.boards.catalog.board import Board
from mcuforge.boards.catalog.memory import Memory, limited, run_name
from mcuforge.memplan.problem import Region

VARIABLES_BYTES = 4 * 1024  # of the check firmware: 1.6 KiB today, the model's state, alignment
CODE_BYTES = 96 * 1024  # code and constants of model and check firmware, without the weights
CANARIES_BYTES = 32  # canaries before and behind an arena of the check firmware


def memory_regions(
    board: Board,
    kind: Literal["ram", "flash"] = "ram",
    *,
    external: bool = False,
    split_runs: bool = False,
) -> tuple[Region, ...]:
    """List the regions for a model's arenas ("ram") or weights ("flash"), the image's own first.

    Neighbouring memories are one region, so that a tensor may lie across their border and no byte
    of the run is lost. With `split_runs` each memory is a region, and the solver fills the fastest.
    Memories that software must set up first are left out unless `external`.

    With several regions the image's is shorter by an estimate of the image without arenas or
    weights, and each RAM by the canaries around an arena. With one region nothing is reserved,
    since the planner has no choice and the linker checks every byte.
    """
    image, *further = board.runs(kind)
    others = [run for run in further if external or not run[0].external]
    parts = len(image) if split_runs else 1
    if parts == 1 and not others:
        return (Region(kind, max(1, _sum(image)), _slowest(image), _reached(image)),)
    guards = CANARIES_BYTES if kind == "ram" else 0
    free = [_without_start(image, _image_bytes(board, kind)), *others]
    return tuple(
        region
        for run, left in zip((image, *others), free, strict=True)
        for region in _regions(run, left, guards, split_runs)
    )


def _image_bytes(board: Board, kind: Literal["ram", "flash"]) -> int:
    return default_stack_bytes(board) + VARIABLES_BYTES if kind == "ram" else CODE_BYTES


def _regions(
    run: Sequence[Memory], left: Sequence[Memory], guards: int, split_runs: bool
) -> list[Region]:
    """List the regions for the rest of a run, memory by memory or as one."""
    if split_runs:
        return [Region(m.name, max(1, m.bytes - guards), m.speed, m.dma) for m in left]
    return [Region(run_name(run), max(1, _sum(left) - guards), _slowest(run), _reached(run))]


def _without_start(run: Sequence[Memory], reserved: int) -> tuple[Memory, ...]:
    """Cut the first `reserved` bytes off a run; sizes only: the linker sets the addresses."""
    backwards = limited(tuple(reversed(run)), max(1, _sum(run) - reserved))
    return tuple(reversed(backwards))


def _sum(run: Sequence[Memory]) -> int:
    return sum(memory.bytes for memory in run)


def _reached(run: Sequence[Memory]) -> bool:
    """Tell whether peripherals reach a buffer anywhere in the run."""
    return all(memory.dma for memory in run)


def _slowest(run: Sequence[Memory]) -> int:
    """Return the speed that every buffer in the run has at least."""
    return min(memory.speed for memory in run)
