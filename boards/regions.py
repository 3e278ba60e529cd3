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
from mcuforge.runtime_c.sources import CANARY_BYTES

VARIABLES_BYTES = 4 * 1024  # of the check firmware: 1.6 KiB today, the model's state, alignment
CODE_BYTES = 96 * 1024  # code and constants of model and check firmware, without the weights


def memory_regions(
    board: Board,
    kind: Literal["ram", "flash"] = "ram",
    *,
    reserved_bytes: int | None = None,
    external: bool = False,
    split_runs: bool = False,
) -> tuple[Region, ...]:
    """List the regions for a model's arenas ("ram") or weights ("flash"), the image's own first.

    Neighbouring memories are one region, so that a tensor may lie across their border and no byte
    of the run is lost. With `split_runs` each memory is a region, and the solver fills the fastest.
    Memories that software must set up first are left out unless `external`.

    The image's region is shorter by `reserved_bytes`. The default, None, reserves an estimate of
    the image without arenas or weights if there are several regions. With one region it reserves
    nothing, since the planner has no choice and the linker checks every byte. With several regions
    each RAM is also shorter by the canaries around an arena.
    """
    image, *further = board.runs(kind)
    others = [run for run in further if external or not run[0].external]
    parts = len(image) if split_runs else 1
    alone = parts == 1 and not others
    if reserved_bytes is None:
        reserved_bytes = 0 if alone else _image_bytes(board, kind)
    if alone:
        size = _sum(image) - reserved_bytes
        return (Region(kind, max(1, size), _slowest(image), _reached(image)),)
    canaries = 2 * CANARY_BYTES if kind == "ram" else 0
    free = [_without_start(image, reserved_bytes), *others]
    return tuple(
        region
        for run, left in zip((image, *others), free, strict=True)
        for region in _regions(run, left, canaries, split_runs)
    )


def _image_bytes(board: Board, kind: Literal["ram", "flash"]) -> int:
    return default_stack_bytes(board) + VARIABLES_BYTES if kind == "ram" else CODE_BYTES


def _regions(
    run: Sequence[Memory], left: Sequence[Memory], canaries: int, split_runs: bool
) -> list[Region]:
    """List the regions for the rest of a run, memory by memory or as one."""
    if split_runs:
        return [Region(m.name, max(1, m.bytes - canaries), m.speed, m.dma) for m in left]
    return [Region(run_name(run), max(1, _sum(left) - canaries), _slowest(run), _reached(run))]


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
