# SPDX-License-Identifier: Apache-2.0
"""The independent checker: executes a schedule on a map of who owns each byte of memory.

It shares no code with the solvers and ignores lifetimes and overlap relations: whatever those
claimed, a read must find its own bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mcuforge.errors import InternalError
from mcuforge.memplan.problem import Placement, Problem

INDEX_BITS = 32  # a mark is owner << 32 | byte index; 0: never written
INDEX_MASK = (1 << INDEX_BITS) - 1


@dataclass(frozen=True)
class Read:
    """The hardware may read bytes [begin, end) of a tensor as late as now."""

    tensor: str
    begin: int
    end: int


@dataclass(frozen=True)
class Write:
    """The hardware may write bytes [begin, end) of a tensor as early as now."""

    tensor: str
    begin: int
    end: int


Event = Read | Write


@dataclass(frozen=True)
class Step:
    """One step of the schedule: its accesses in the worst order the hardware may take.

    A kernel that may read any input after writing any output writes all of it, then reads. One that
    works row by row reads and writes row by row.
    """

    name: str
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Trace:
    """A whole run: inputs arrive before the first step, outputs are read after the last."""

    arrive: tuple[Write, ...]
    steps: tuple[Step, ...]
    leave: tuple[Read, ...]


class ReplayError(InternalError):
    """The plan lets a byte be lost, or puts a tensor where it may not lie.

    `tensor` is the one read or placed, `owner` the one that now owns its byte ("" for nobody),
    `step` says when ("" for a fault of the placement itself), `byte` is the index within `tensor`
    and `address` the offset in `region` (-1 for none).
    """

    def __init__(
        self,
        message: str,
        *,
        tensor: str,
        owner: str = "",
        step: str = "",
        region: str = "",
        byte: int = -1,
        address: int = -1,
    ) -> None:
        self.tensor = tensor
        self.owner = owner
        self.step = step
        self.region = region
        self.byte = byte
        self.address = address
        super().__init__(message)


def replay(problem: Problem, placements: Mapping[str, Placement], trace: Trace) -> None:
    """Run `trace` with every tensor at its place; raise ReplayError at the first byte gone wrong.

    Tensors are the problem's buffers, by name. Also refused: a tensor without a place, outside its
    region or in one it may not use, misaligned, or accessed outside its own bytes.
    """
    _check_places(problem, placements)
    sizes = {buffer.name: buffer.bytes for buffer in problem.buffers}
    owners = {name: i for i, name in enumerate(sizes, start=1)}
    memory = _empty_memory(problem, placements)
    indices = np.arange(max(sizes.values(), default=0), dtype=np.int64)
    for step, event in _in_order(trace):
        _check_event(step, event, sizes)
        place = placements[event.tensor]
        cells = memory[place.region][place.offset + event.begin : place.offset + event.end]
        marks = indices[event.begin : event.end] + (owners[event.tensor] << INDEX_BITS)
        if isinstance(event, Write):
            cells[:] = marks
        elif not np.array_equal(cells, marks):
            first = int(np.argmax(cells != marks))
            found = int(cells[first])
            owner = tuple(owners)[(found >> INDEX_BITS) - 1] if found else ""
            raise _lost(step, event.tensor, event.begin + first, place, owner, found & INDEX_MASK)


def _check_places(problem: Problem, placements: Mapping[str, Placement]) -> None:
    """Refuse a plan that puts a tensor where it may not lie, whatever the schedule."""
    regions = {region.name: region for region in problem.regions}
    for buffer in problem.buffers:
        name = buffer.name
        if name not in placements:
            raise ReplayError(f"'{name}' has no place", tensor=name)
        place = placements[name]
        if place.region not in regions or (buffer.regions and place.region not in buffer.regions):
            message = f"'{name}' lies in '{place.region}', where it may not"
        elif place.offset < 0 or place.offset + buffer.bytes > regions[place.region].bytes:
            message = (
                f"'{name}' lies in [{place.offset}, {place.offset + buffer.bytes}) of "
                f"'{place.region}', which has {regions[place.region].bytes} bytes"
            )
        elif place.offset % buffer.alignment:
            message = f"'{name}' lies at {place.offset}, no multiple of {buffer.alignment}"
        else:
            continue
        raise ReplayError(message, tensor=name, region=place.region, address=place.offset)


def _empty_memory(
    problem: Problem, placements: Mapping[str, Placement]
) -> dict[str, NDArray[np.int64]]:
    """A mark for every byte the plan uses of each region, nothing written yet."""
    used = {region.name: 0 for region in problem.regions}
    for buffer in problem.buffers:
        place = placements[buffer.name]
        used[place.region] = max(used[place.region], place.offset + buffer.bytes)
    return {name: np.zeros(count, np.int64) for name, count in used.items()}


def _in_order(trace: Trace) -> Iterator[tuple[str, Event]]:
    """Every access with the words that say when it happens."""
    for write in trace.arrive:
        yield "before the first step", write
    for step in trace.steps:
        for event in step.events:
            yield f"step '{step.name}'", event
    for read in trace.leave:
        yield "after the last step", read


def _check_event(step: str, event: Event, sizes: Mapping[str, int]) -> None:
    """Refuse an access to no tensor or outside the tensor."""
    tensor = event.tensor
    if tensor not in sizes:
        raise ReplayError(f"{step}: '{tensor}' is not in the plan", tensor=tensor, step=step)
    if not 0 <= event.begin < event.end <= sizes[tensor]:
        raise ReplayError(
            f"{step}: bytes [{event.begin}, {event.end}) of '{tensor}', which has {sizes[tensor]}",
            tensor=tensor,
            step=step,
        )


def _lost(
    step: str, tensor: str, byte: int, place: Placement, owner: str, owner_byte: int
) -> ReplayError:
    address = place.offset + byte
    now = f"now holds byte {owner_byte} of '{owner}'" if owner else "was never written"
    return ReplayError(
        f"{step} reads byte {byte} of '{tensor}' at {place.region}+{address}, which {now}",
        tensor=tensor,
        owner=owner,
        step=step,
        region=place.region,
        byte=byte,
        address=address,
    )
