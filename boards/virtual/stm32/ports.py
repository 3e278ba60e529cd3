# SPDX-License-Identifier: Apache-2.0
"""GPIO, TIM5 and DBGMCU of the STM32.

RM0090, chapters 8, 18 and 38; RM0390, chapters 7, 17 and 33; RM0385, chapters 6, 23 and 40; RM0432
and RM0433: 'General-purpose I/Os (GPIO)', 'General-purpose timers (TIM2/TIM3/TIM4/TIM5)', 'Debug
support (DBG)'.
"""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.stm32.facts import ChipFacts

OUTPUT_MODE, ALTERNATE_MODE = 1, 2


class Gpio(Peripheral):
    """A port of sixteen pins."""

    def __init__(self, facts: ChipFacts, port: int) -> None:
        """port: 0 is GPIOA; ports A and B start with the debug pins in use."""
        ports = facts.ports
        mode, pull, speed = ports.resets.get(port, (ports.other, 0, 0))
        every = 0xFFFFFFFF
        registers = [
            Register("MODER", 0x00, mode, every),
            Register("OTYPER", 0x04, 0, 0xFFFF),
            Register("OSPEEDR", 0x08, speed, every),
            Register("PUPDR", 0x0C, pull, every),
            Register("IDR", 0x10, 0, 0, 0xFFFF),
            Register("ODR", 0x14, 0, 0xFFFF),
            Register("BSRR", 0x18, 0, every),
            Register("LCKR", 0x1C, 0, 0x1FFFF),
            Register("AFRL", 0x20, 0, every),
            Register("AFRH", 0x24, 0, every),
        ]
        if ports.has_brr:
            registers.append(Register("BRR", 0x28, 0, 0xFFFF))
        name = f"GPIO{chr(ord('A') + port)}"
        manual = f"{facts.manual}, 'General-purpose I/Os (GPIO)'"
        super().__init__(name, ports.origin + 0x400 * port, registers, manual)
        self.on_change: Callable[[], None] = lambda: None

    def level(self, pin: int) -> bool | None:
        """Return what a pin drives; None while it is no output of the program."""
        return bool(self.values["ODR"] >> pin & 1) if self.mode(pin) == OUTPUT_MODE else None

    def mode(self, pin: int) -> int:
        """MODER of a pin: 0 input, 1 output, 2 alternate, 3 analog."""
        return self.values["MODER"] >> (2 * pin) & 3

    def alternate(self, pin: int) -> int:
        """The alternate function of a pin."""
        return self.values["AFRH" if pin >= 8 else "AFRL"] >> (4 * (pin % 8)) & 15

    def changed(self, register: Register, old: int, new: int) -> None:
        """BSRR sets and clears bits of ODR, BRR clears them.

        SWDIO and SWCLK must stay with the debug probe, which must flash the next image.
        """
        if register.name in ("BSRR", "BRR"):
            self.values[register.name] = 0
            cleared = new >> 16 if register.name == "BSRR" else new
            raised = new & 0xFFFF if register.name == "BSRR" else 0
            self.values["ODR"] = (self.values["ODR"] & ~cleared) | raised
        self.on_change()
        if register.name == "MODER" and self.name == "GPIOA":
            for pin, signal in ((13, "SWDIO"), (14, "SWCLK")):
                if self.mode(pin) != ALTERNATE_MODE:
                    raise self.violation(
                        Rule.DEBUG_PINS,
                        f"GPIOA_MODER takes PA{pin} from the debug probe ({signal})",
                    )


class Timer(Peripheral):
    """TIM5 as a free-running counter of 32 bits."""

    def __init__(
        self,
        facts: ChipFacts,
        count: Callable[[], int],
        ratio: Callable[[], tuple[int, int]],
    ) -> None:
        """ratio: the timer's clock and the core's, in Hz."""
        registers = (
            Register("CR1", 0x00, 0, facts.tim5_cr1),
            Register("DIER", 0x0C, 0, 0x5F5F),
            Register("SR", 0x10, 0, 0x1E5F),
            Register("EGR", 0x14, 0, 0x5F),
            Register("CNT", 0x24, 0, 0xFFFFFFFF),
            Register("PSC", 0x28, 0, 0xFFFF),
            Register("ARR", 0x2C, 0xFFFFFFFF, 0xFFFFFFFF),
        )
        manual = f"{facts.manual}, 'General-purpose timers (TIM2 to TIM5)'"
        super().__init__("TIM5", 0x40000C00, registers, manual)
        self._count, self._ratio = count, ratio
        self._start = 0
        self._prescale = 1  # the prescaler works from the next update event on

    def seen(self, register: Register, value: int) -> int:
        """Count while CEN is set."""
        if register.name == "CNT" and self.values["CR1"] & 1:
            timer, core = self._ratio()
            ticks = (self._count() - self._start) * timer // core // self._prescale
            return (value + ticks) % (self.values["ARR"] + 1)
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """An update event loads the prescaler and clears the counter; CEN starts it."""
        if register.name == "EGR":
            self.values["EGR"] = 0
            if new & 1:
                self.values["CNT"] = 0
                self._prescale = self.values["PSC"] + 1
                self._start = self._count()
        if register.name == "CR1" and new & ~old & 1:
            self._start = self._count()


class Debug(Peripheral):
    """DBGMCU: who the chip is."""

    def __init__(self, facts: ChipFacts) -> None:
        """Only IDCODE and CR."""
        origin, control = facts.debug
        registers = (
            Register("IDCODE", 0x00, facts.idcode, 0, 0xFFFFFFFF),
            Register("CR", 0x04, 0, control),
        )
        super().__init__("DBGMCU", origin, registers, f"{facts.manual}, 'Debug support (DBG)'")
