# SPDX-License-Identifier: Apache-2.0
"""The independent checker: executes a schedule on a map of which value owns each byte.

It shares no code with the solvers and ignores lifetimes and overlap relations: whatever they
claim, a read must find its own bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mcuforge.errors import InternalError
from mcuforge.memplan.problem import Placement, Problem


@dataclass(slots=True)  # not frozen: it takes three times as long to make, and there are many
class Access:
    """Bytes [begin, end) of a value, which stand in `buffer` from its byte `at` on.

    A value is the whole content of a tensor. A ring keeps only some of its rows, each somewhere in
    the buffer, so `at` differs from `begin`. The bytes of one access stand side by side: at the end
    of a ring an access is split in two. Several values may take turns in a buffer (a sum stored
    over its operand). By default the buffer is the tensor: `at` is `begin`, `value` its name.
    """

    buffer: str
    begin: int
    end: int
    at: int = -1  # -1: `begin`
    value: str = ""  # "": the buffer's name

    @property
    def place(self) -> tuple[int, int]:
        """The touched bytes of the buffer, half-open."""
        at = self.begin if self.at < 0 else self.at
        return at, at + self.end - self.begin

    @property
    def tensor(self) -> str:
        """The value's name."""
        return self.value or self.buffer


@dataclass(slots=True)
class Read(Access):
    """The hardware may read these bytes as late as now."""


@dataclass(slots=True)
class Write(Access):
    """The hardware may write these bytes as early as now."""


Event = Read | Write
Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SweepReads:
    """Bytes [begin[i], end[i]) of a value in its buffer that unit i of a sweep reads."""

    buffer: str
    value: str
    begin: Indices
    end: Indices
    before: bool  # the unit reads all of it before it is written; otherwise after


@dataclass(frozen=True, eq=False)
class Sweep:
    """A value written into its buffer unit by unit, with the reads of each: many events as one.

    Unit i is bytes [i * unit_bytes, (i + 1) * unit_bytes).
    """

    buffer: str
    value: str
    unit_bytes: int
    units: int
    reads: tuple[SweepReads, ...]

    def events(self) -> Iterator[Event]:
        """Yield every read and write of it, in order."""
        begins = [(read, read.begin.tolist(), read.end.tolist()) for read in self.reads]
        for i in range(self.units):
            for late in (False, True):
                for read, begin, end in begins:
                    if read.before is not late and begin[i] < end[i]:
                        yield Read(read.buffer, begin[i], end[i], value=read.value)
                if not late:
                    at = i * self.unit_bytes
                    yield Write(self.buffer, at, at + self.unit_bytes, value=self.value)


@dataclass(frozen=True)
class Step:
    """One step of the schedule: its accesses in the worst order the hardware may take.

    A kernel that may read any input after writing any output writes all of it, then reads. One that
    works row by row reads and writes row by row.
    """

    name: str
    accesses: tuple[Event | Sweep, ...]

    @property
    def events(self) -> tuple[Event, ...]:
        """List the step's reads and writes one by one."""
        each = (a.events() if isinstance(a, Sweep) else (a,) for a in self.accesses)
        return tuple(chain.from_iterable(each))


@dataclass(frozen=True)
class Trace:
    """A whole run: inputs arrive before the first step, outputs are read after the last."""

    arrive: tuple[Write, ...]
    steps: tuple[Step, ...]
    leave: tuple[Read, ...]


class ReplayError(InternalError):
    """The plan lets a byte be lost, or puts a tensor where it may not lie.

    `tensor` is the value read or the buffer placed; `owner` is the value that now holds its byte
    ("": none; `tensor` itself when another of its bytes lies there now); `step` says when ("" for a
    wrong placement); `byte` is the index within `tensor` and `address` the offset in `region` (-1
    for none).
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
    """Run `trace` with every buffer at its place; raise ReplayError at the first wrong byte.

    A read must find the same byte of the same value as last written there: not a byte of another
    value and, in a ring, not another byte of its own. It also refuses a buffer without a place,
    outside its region, in a region it may not use, misaligned, or accessed outside its own bytes.
    """
    check_places(problem, placements)
    memory = _Memory(problem, placements)
    for step, access in _in_order(trace):
        if not isinstance(access, Sweep):
            memory.run(step, access)
        elif not memory.sweep(access):
            for event in access.events():  # says which byte goes wrong, if one does
                memory.run(step, event)


class _Memory:
    """Knows which byte of which value every byte of memory holds.

    The mark of an address says which value owns it and how far the index of the byte is from the
    address. Marks are numbered from 1 on as they are first written; 0: never written.
    """

    def __init__(self, problem: Problem, placements: Mapping[str, Placement]) -> None:
        self.sizes = {buffer.name: buffer.bytes for buffer in problem.buffers}
        self.placements = placements
        used = problem.peaks(placements).items()
        self.cells = {region: np.zeros(count, np.int32) for region, count in used}
        self.marks: dict[tuple[str, int], int] = {}

    def run(self, step: str, event: Event) -> None:
        """Carry out one access; ReplayError where it reads bytes that are not there."""
        begin, end = checked_place(step, event, self.sizes)
        place = self.placements[event.buffer]
        cells = self.cells[place.region][place.offset + begin : place.offset + end]
        key = (event.tensor, event.begin - begin - place.offset)
        if isinstance(event, Write):
            cells[:] = self.marks.setdefault(key, len(self.marks) + 1)
            return
        wrong = cells != self.marks.get(key, -1)
        if np.count_nonzero(wrong):  # quicker than any(), and there are tens of thousands
            first = int(np.argmax(wrong))
            address = place.offset + begin + first
            found = int(cells[first])
            owner, shift = list(self.marks)[found - 1] if found else ("", 0)
            raise _lost(step, event, event.begin + first, place.region, address, owner, shift)

    def sweep(self, sweep: Sweep) -> bool:
        """Carry out a whole sweep if that certainly equals its events in turn; False if not.

        It does when every byte it reads is right before it begins and, where the sweep overwrites
        it, is read for the last time before that.
        """
        written = sweep.units * sweep.unit_bytes
        if not 0 < written <= self.sizes.get(sweep.buffer, 0):
            return False
        if not all(self._is_read_in_time(sweep, reads) for reads in sweep.reads):
            return False
        place = self.placements[sweep.buffer]
        mark = self.marks.setdefault((sweep.value, -place.offset), len(self.marks) + 1)
        self.cells[place.region][place.offset : place.offset + written] = mark
        return True

    def _is_read_in_time(self, sweep: Sweep, reads: SweepReads) -> bool:
        units = np.flatnonzero(reads.begin < reads.end)
        if not len(units):
            return True
        begin, end = reads.begin[units], reads.end[units]
        rising = (begin[1:] >= begin[:-1]).all() and (end[1:] >= end[:-1]).all()
        if not rising or begin[0] < 0 or end[-1] > self.sizes.get(reads.buffer, 0):
            return False
        read = np.arange(begin[0], end[-1])
        # the last one that begins at or before it
        last = np.searchsorted(begin, read, side="right") - 1
        some = end[last] > read
        read, last = read[some], units[last[some]]
        source, target = self.placements[reads.buffer], self.placements[sweep.buffer]
        mark = self.marks.get((reads.value, -source.offset), -1)
        address = read + source.offset
        if reads.value == sweep.value or (self.cells[source.region][address] != mark).any():
            return False
        if source.region != target.region:
            return True
        unit = (address - target.offset) // sweep.unit_bytes  # the one that is written there
        lost = (unit < last) if reads.before else (unit <= last)
        return not (lost & (unit >= 0) & (unit < sweep.units)).any()


def check_places(problem: Problem, placements: Mapping[str, Placement]) -> None:
    """Refuse a plan that puts a buffer where it may not lie, whatever the schedule does."""
    regions = {region.name: region for region in problem.regions}
    for buffer in problem.buffers:
        name = buffer.name
        if name not in placements:
            raise ReplayError(f"'{name}' has no place", tensor=name)
        place = placements[name]
        if place.region not in regions or not buffer.allows(place.region):
            message = f"'{name}' lies in '{place.region}', where it may not"
        elif place.offset < 0 or place.offset + buffer.bytes > regions[place.region].bytes:
            message = (
                f"'{name}' lies in [{place.offset}, {place.offset + buffer.bytes}) of "
                f"'{place.region}', which has {regions[place.region].bytes} bytes"
            )
        elif place.offset % buffer.alignment:
            message = (
                f"'{name}' lies at {place.offset}, which is not a multiple of {buffer.alignment}"
            )
        else:
            continue
        raise ReplayError(message, tensor=name, region=place.region, address=place.offset)


def _in_order(trace: Trace) -> Iterator[tuple[str, Event | Sweep]]:
    """List every access, with the words that say when it happens."""
    for write in trace.arrive:
        yield "before the first step", write
    for step in trace.steps:
        for access in step.accesses:
            yield f"step '{step.name}'", access
    for read in trace.leave:
        yield "after the last step", read


def checked_place(step: str, event: Event, sizes: Mapping[str, int]) -> tuple[int, int]:
    """The touched bytes of the buffer; refuses an unknown buffer, and bytes outside of it."""
    if event.buffer not in sizes:
        raise ReplayError(
            f"{step}: '{event.buffer}' is not in the plan", tensor=event.tensor, step=step
        )
    size = sizes[event.buffer]
    begin, end = event.place
    if event.begin < 0 or not 0 <= begin < end <= size:
        what = f"bytes [{event.begin}, {event.end}) of '{event.tensor}'"
        where = f", which has {size}"
        if event.at >= 0 or event.value:
            where = f" at bytes [{begin}, {end}) of '{event.buffer}', which has {size}"
        raise ReplayError(f"{step}: {what}{where}", tensor=event.tensor, step=step)
    return begin, end


def _lost(
    step: str, event: Event, byte: int, region: str, address: int, owner: str, shift: int
) -> ReplayError:
    now = f"now holds byte {address + shift} of '{owner}'" if owner else "was never written"
    return ReplayError(
        f"{step} reads byte {byte} of '{event.tensor}' at {region}+{address}, which {now}",
        tensor=event.tensor,
        owner=owner,
        step=step,
        region=region,
        byte=byte,
        address=address,
    )
