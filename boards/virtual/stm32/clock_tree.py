# SPDX-License-Identifier: Apache-2.0
"""What the clocks of every STM32 are to the chip around them, and bits that rise after a while."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import ClassVar

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.chip import Elapsed
from mcuforge.boards.virtual.failure import Rule

AHB_DIVISORS = (1,) * 8 + (2, 4, 8, 16, 64, 128, 256, 512)
APB_DIVISORS = (1,) * 4 + (2, 4, 8, 16)
HSE_ON, HSE_BYPASS = 1 << 16, 1 << 18  # of RCC_CR in every family

# what the board has at OSC_IN: its frequency in Hz, and whether it is a clock signal
Oscillator = tuple[int, bool]


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

    def check_hse(self, old: int, new: int, oscillator: Oscillator | None) -> None:
        """Refuse an HSEBYP in RCC_CR that changes while HSE is on, or does not fit the board."""
        if (old ^ new) & HSE_BYPASS and old & HSE_ON:
            raise self.violation(Rule.LOCKED, "RCC_CR.HSEBYP is changed while HSE is on")
        bypass = bool(new & HSE_BYPASS)
        if new & ~old & HSE_ON and (oscillator is None or bypass != oscillator[1]):
            has = "a crystal" if oscillator else "nothing"
            raise self.violation(
                Rule.OSCILLATOR,
                f"HSE starts with HSEBYP = {bypass:d}, and the board has "
                f"{'a clock signal' if oscillator and oscillator[1] else has} at OSC_IN",
            )


class SourceTree(ClockTree):
    """RCC of a family that numbers its sources in SW; the last one is the PLL."""

    names: ClassVar[tuple[str, ...]]
    on_bits: ClassVar[tuple[int, ...]]  # of RCC_CR
    ready_bits: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        origin: int,
        registers: Iterable[Register],
        manual: str,
        count: Callable[[], int],
        hz: int,
        oscillator: Oscillator | None,
    ) -> None:
        """oscillator: what the board has at OSC_IN; the others as for ClockTree."""
        super().__init__(origin, registers, manual, count, hz)
        self.oscillator = oscillator
        self.sources = tuple(Awaited(count) for _ in self.names)

    @abstractmethod
    def start(self, number: int) -> None:
        """Ask for a source; Violation if it cannot start."""

    @abstractmethod
    def in_use(self) -> tuple[int | None, ...]:
        """List the sources that the core and the PLL use."""

    def pending(self) -> bool:
        """Tell whether a ready bit is still to come."""
        return any(source.pending for source in self.sources)

    def seen_ready(self) -> int:
        """The ready bits of RCC_CR."""
        bits = zip(self.ready_bits, self.sources, strict=True)
        return sum(source.ready << bit for bit, source in bits)

    def switch_sources(self, old: int, new: int) -> None:
        """Follow the bits of RCC_CR that switch sources on and off."""
        self.check_hse(old, new, self.oscillator)
        for number, bit in enumerate(self.on_bits):
            if new & ~old & 1 << bit:
                self.start(number)
            if old & ~new & 1 << bit:
                if number in self.in_use():
                    raise self.violation(
                        Rule.LOCKED, f"{self.names[number]} is switched off while it is in use"
                    )
                self.sources[number].drop()

    def check_ready(self, number: int, user: str) -> None:
        """Refuse a source that is not ready; `user`: "the PLL starts from"."""
        if not self.sources[number].ready:
            raise self.violation(
                Rule.NOT_READY, f"{user} {self.names[number]} before its ready bit is 1"
            )
