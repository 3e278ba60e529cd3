# SPDX-License-Identifier: Apache-2.0
"""What the clocks of every STM32 are to the chip around them, and bits that rise after a while."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.chip import Elapsed

AHB_DIVISORS = (1,) * 8 + (2, 4, 8, 16, 64, 128, 256, 512)
APB_DIVISORS = (1,) * 4 + (2, 4, 8, 16)


class Awaited:
    """Something that is ready a number of cycles after it was asked for."""

    def __init__(self, count: Callable[[], int]) -> None:
        """count: cycles since reset."""
        self._count = count
        self._due: int | None = None

    def ask(self, cycles: int) -> None:
        """Ask for it now."""
        self._due = self._count() + cycles

    def drop(self) -> None:
        """Ask for it no longer."""
        self._due = None

    @property
    def asked(self) -> bool:
        """Tell whether it was asked for."""
        return self._due is not None

    @property
    def ready(self) -> bool:
        """Tell whether it is there."""
        return self._due is not None and self._count() >= self._due

    @property
    def pending(self) -> bool:
        """Tell whether it is still to come."""
        return self._due is not None and self._count() < self._due


class ClockTree(Peripheral, ABC):
    """RCC of any STM32: clocks of core and buses, and virtual time."""

    def __init__(
        self,
        origin: int,
        registers: Iterable[Register],
        manual: str,
        count: Callable[[], int],
        hz: int,
    ) -> None:
        """count: cycles since reset; hz: the clock of the core after reset."""
        super().__init__("RCC", origin, registers, manual)
        self.count = count
        self._elapsed = Elapsed(hz)

    @property
    def hclk(self) -> int:
        """The clock of the core in Hz."""
        return self._elapsed.hz

    @property
    def seconds(self) -> float:
        """Virtual time since reset: one cycle per instruction, at the clocks of the program."""
        return self.seconds_at(self.count())

    def seconds_at(self, count: int) -> float:
        """Virtual time of a count that lies behind the last change of the clock."""
        return self._elapsed.seconds_at(count)

    def run_core_at(self, hz: int) -> None:
        """Go on at another clock of the core."""
        self._elapsed.change(self.count(), hz)

    def is_on(self, register: str, bit: int) -> bool:
        """Tell whether an enable register has a bit set."""
        return bool(self.values[register] >> bit & 1)

    @abstractmethod
    def bus_hz(self, name: str) -> int:
        """The clock of a bus, "APB1" or "APB2", in Hz."""

    @property
    @abstractmethod
    def apb1_timers(self) -> int:
        """The clock of the timers on APB1 in Hz."""
