# SPDX-License-Identifier: Apache-2.0
"""PWR and FLASH of the STM32L4+.

RM0432, 'Power control (PWR)' and 'Embedded Flash memory (FLASH)'.
"""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.stm32.clock_tree import Awaited
from mcuforge.boards.virtual.stm32l4.facts import L4Facts

RANGE_CYCLES = 160  # 40 us at 4 MHz: DS12023, 'Wakeup time using', regulator transition
LATENCY = 0xF


class Flash(Peripheral):
    """The access control register; a program here does not erase or write flash."""

    def __init__(self, facts: L4Facts) -> None:
        """Only ACR: wait states, prefetch, caches, power-down."""
        acr = Register("ACR", 0x00, 0x600, 0x7F0F, waited=True)
        super().__init__(
            "FLASH", 0x40022000, (acr,), f"{facts.manual}, 'Embedded Flash memory (FLASH)'"
        )
        self.check: Callable[[], None] = lambda: None

    @property
    def wait_states(self) -> int:
        """The wait states of a read."""
        return self.values["ACR"] & LATENCY

    def changed(self, register: Register, old: int, new: int) -> None:
        """Check the clock against the new wait states."""
        self.check()


class Power(Peripheral):
    """Voltage range, boost, and the supply of the pins on VDDIO2."""

    def __init__(self, facts: L4Facts, count: Callable[[], int]) -> None:
        """count: cycles since reset."""
        registers = (
            Register("CR1", 0x00, 0x200, 0x4717),
            Register("CR2", 0x04, 0, 0x6FF),
            Register("CR3", 0x08, 0x8000, 0x951F),
            Register("CR4", 0x0C, 0, 0x31F),
            Register("SR1", 0x10, 0, 0, 0x811F),
            Register("SR2", 0x14, 0, 0, 0xFF00, waited=True),
            Register("SCR", 0x18, 0, 0x11F),
            Register("CR5", 0x80, 0x100, 0x100),
        )
        manual = f"{facts.manual}, 'Power control (PWR)'"
        super().__init__("PWR", 0x40007000, registers, manual)
        self._facts = facts
        self._change = Awaited(count)
        self._change.ask(0)
        self.check: Callable[[], None] = lambda: None

    @property
    def voltage_range(self) -> int:
        """The voltage range: VOS, and 2 until a higher voltage is reached."""
        return (self.values["CR1"] >> 9 & 3) if self._change.ready else 2

    @property
    def boost(self) -> bool:
        """Tell whether range 1 is in boost mode: R1MODE is 0."""
        return not self.values["CR5"] >> 8 & 1

    @property
    def io_supply(self) -> bool:
        """Tell whether IOSV connects the pins on VDDIO2."""
        return bool(self.values["CR2"] >> 9 & 1)

    def pending(self) -> bool:
        """Tell whether the voltage still changes."""
        return self._change.pending

    def seen(self, register: Register, value: int) -> int:
        """Show VOSF while the voltage rises."""
        return value | self._change.pending << 10 if register.name == "SR2" else value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Refuse ranges that do not exist; check the clock against range and boost."""
        if register.name == "CR1":
            if (chosen := new >> 9 & 3) not in self._facts.ranges:
                raise self.violation(Rule.RESERVED, f"PWR_CR1.VOS is set to {chosen}")
            if (old ^ new) >> 9 & 3:
                self._change.ask(RANGE_CYCLES if chosen == 1 else 0)
        self.check()
