# SPDX-License-Identifier: Apache-2.0
"""What every virtual chip is to the board around it: a core, a UART, and virtual time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mcuforge.boards.catalog.hardware import Hardware
from mcuforge.boards.catalog.memory import Memory
from mcuforge.boards.catalog.pin import Pin
from mcuforge.boards.virtual.serial import SerialPeripheral
from mcuforge.errors import InternalError


class Core(Protocol):
    """A processor that runs until a count of instructions."""

    waits: bool

    @property
    def count(self) -> int:
        """Instructions executed since reset."""

    @property
    def pc(self) -> int:
        """The address of the instruction that comes next."""

    def run(self, until: int) -> None:
        """Run until the count is `until`, or until something asks for attention."""

    def sleep_until(self, count: int) -> None:
        """Let virtual time pass in `wfi`."""

    def stop_at(self, count: int) -> None:
        """End the run that is going on at a count."""

    def skip_wait(self, read: object) -> None:
        """Let the time of a loop pass that only reads a register; `read`: which, and its value."""


class Clock(Protocol):
    """The clocks of a chip."""

    def seconds_at(self, count: int) -> float:
        """Virtual time of a count that lies behind the last change of the clock."""


@dataclass(frozen=True)
class Edge:
    """A new level of an output that instruments watch.

    count: cycles since reset; hz: the clock of the core then.
    """

    pin: str
    high: bool
    count: int
    hz: int


class Outputs:
    """The outputs that instruments watch; `edges` are in the order of time."""

    def __init__(self, hardware: Hardware, level: Callable[[Pin], bool | None]) -> None:
        """level: what a pin drives; None while it is no output of the program."""
        self._pins = {} if hardware.pins is None else hardware.pins.named()
        self._level = level
        self._last: dict[str, bool | None] = {}
        self.now: Callable[[], tuple[int, int]] = lambda: (0, 0)  # cycles since reset, Hz
        self.edges: list[Edge] = []

    def look(self) -> None:
        """Note what has changed: called at each write to a register of the pins."""
        for name, pin in self._pins.items():
            level = self._level(pin)
            if level is not None and level != self._last.get(name):
                self.edges.append(Edge(name, level, *self.now()))
            self._last[name] = level


class VirtualChip:
    """A virtual chip on a board: run it, give its UART bytes, take what it sent."""

    core: Core
    clocks: Clock
    uart: SerialPeripheral
    outputs: Outputs

    @property
    def seconds(self) -> float:
        """Virtual time since reset."""
        return self.clocks.seconds_at(self.core.count)

    def cycles_in(self, seconds: float) -> int:
        """How many cycles such a time is at the present clock, at least one."""
        return int(seconds * self.uart.core_hz()) + 1

    def attach(self, memory: Memory, data: bytes) -> None:
        """Put a memory outside the chip on its pins; `data`: its first bytes."""
        raise InternalError(f"the virtual chip has no controller for '{memory.name}'")

    def run(self, until: int) -> None:
        """Run until the count is `until`, or until something asks for attention."""
        due = self.uart.next_event()
        if due is not None:
            until = min(until, max(due, self.core.count + 1))
        self.core.run(until)
        if self.core.waits and due is not None:
            self.core.sleep_until(due)


class Elapsed:
    """Virtual time: one cycle per instruction, at a clock that the program changes."""

    def __init__(self, hz: int) -> None:
        """hz: the clock of the core after reset."""
        self.hz = hz
        self._since, self._seconds = 0, 0.0

    def change(self, count: int, hz: int) -> None:
        """Go on at another clock from a count on."""
        self._since, self._seconds = count, self.seconds_at(count)
        self.hz = hz

    def seconds_at(self, count: int) -> float:
        """Virtual time of a count that lies behind the last change of the clock."""
        return self._seconds + (count - self._since) / self.hz
