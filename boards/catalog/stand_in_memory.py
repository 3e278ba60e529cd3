# SPDX-License-Identifier: Apache-2.0
"""A board's memories as parts of an emulator's: same names and sizes, gaps where it has gaps."""

from collections.abc import Sequence
from dataclasses import replace

from mcuforge.boards.catalog.memory import Memory, limited, run_name, runs

WINDOW_BYTES = 64 * 1024  # parts start at multiples of it; gaps are as long


class NoSpace(Exception):
    """A memory of the chip for which the emulator has too little memory left."""

    def __init__(self, run: Sequence[Memory], left: int) -> None:
        self.name, self.bytes, self.left = run_name(run), sum(m.bytes for m in run), left
        super().__init__(self.name)


def windows(regions: Sequence[Memory], host: Sequence[Memory]) -> tuple[Memory, ...]:
    """Lay a board's regions (RAM and flash) at addresses of an emulated machine that has `host`.

    Names and sizes stay, and so do borders without a gap; at least WINDOW_BYTES between two runs
    stay free. The first run of each kind lies where the machine's image starts. Further flash lies
    in RAM if the machine has no other flash. An external memory that is longer than every part
    left is cut to the longest part; for any other memory that is too long: NoSpace.
    """
    rooms = [_Space(memory) for memory in host if memory.kind != "code"]
    placed: list[Memory] = []
    for kind in ("ram", "flash"):
        of_kind = runs([memory for memory in regions if memory.kind == kind])
        for number, run in enumerate(of_kind):
            if number == 0:
                room = next(room for room in rooms if room.memory.kind == kind)
                candidates = [room]
            else:
                candidates = _sorted_for(rooms, run)
            placed += _place(run, candidates)
    return tuple(placed)


class _Space:
    """The part of a memory of the emulated machine that is still free."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.start = memory.origin

    @property
    def left(self) -> int:
        return max(0, self.memory.end - self.start)

    def take(self, run: Sequence[Memory]) -> list[Memory]:
        moved, at = [], self.start
        for memory in run:
            moved.append(replace(memory, origin=at))
            at += memory.bytes
        self.start = -(-(at + WINDOW_BYTES) // WINDOW_BYTES) * WINDOW_BYTES
        return moved


def _sorted_for(rooms: Sequence[_Space], run: Sequence[Memory]) -> list[_Space]:
    """List the rooms for a further run: its own kind, then RAM for flash; no flash for RAM."""
    kind, external = run[0].kind, run[0].external
    allowed = [room for room in rooms if kind == "flash" or room.memory.kind == "ram"]
    return sorted(
        allowed,
        key=lambda room: (room.memory.external != external, room.memory.kind != kind),
    )


def _place(run: Sequence[Memory], rooms: Sequence[_Space]) -> list[Memory]:
    size = sum(memory.bytes for memory in run)
    for room in rooms:
        if size <= room.left:
            return room.take(run)
    widest = max(rooms, key=lambda room: room.left)
    if not run[0].external or widest.left == 0:
        raise NoSpace(run, widest.left)
    return widest.take(limited(run, widest.left))
