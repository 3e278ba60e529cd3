# SPDX-License-Identifier: Apache-2.0
"""A board's memories as windows of an emulator's: same names and sizes, gaps where it has gaps."""

from collections.abc import Sequence
from dataclasses import replace

from mcuforge.boards.catalog.memory import Memory, limited, run_name, runs

WINDOW_BYTES = 64 * 1024  # windows start at its multiples, and as much is left between two of them


class NoRoom(Exception):
    """A memory of the chip for which the emulator has too little left."""

    def __init__(self, run: Sequence[Memory], left: int) -> None:
        self.name, self.bytes, self.left = run_name(run), sum(m.bytes for m in run), left
        super().__init__(self.name)


def windows(regions: Sequence[Memory], host: Sequence[Memory]) -> tuple[Memory, ...]:
    """A board's regions (RAM and flash) at addresses of an emulator's machine that has `host`.

    Names and sizes stay, and so do borders without a gap; between runs at least WINDOW_BYTES lie
    free. The first run of each kind is where the machine's image starts. Further flash lies in RAM
    where the machine has no other. An external memory that is longer than any room left is as long
    as that room; for others: NoRoom.
    """
    rooms = [_Room(memory) for memory in host if memory.kind != "code"]
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


class _Room:
    """What is left of a memory of the emulator's machine."""

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


def _sorted_for(rooms: Sequence[_Room], run: Sequence[Memory]) -> list[_Room]:
    """The rooms to try for a further run: like first, then RAM for flash, never flash for RAM."""
    kind, external = run[0].kind, run[0].external
    allowed = [room for room in rooms if kind == "flash" or room.memory.kind == "ram"]
    return sorted(
        allowed,
        key=lambda room: (room.memory.external != external, room.memory.kind != kind),
    )


def _place(run: Sequence[Memory], rooms: Sequence[_Room]) -> list[Memory]:
    size = sum(memory.bytes for memory in run)
    for room in rooms:
        if size <= room.left:
            return room.take(run)
    widest = max(rooms, key=lambda room: room.left)
    if not run[0].external or widest.left == 0:
        raise NoRoom(run, widest.left)
    return widest.take(limited(run, widest.left))
