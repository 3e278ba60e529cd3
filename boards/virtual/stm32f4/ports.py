# SPDX-License-Identifier: Apache-2.0
"""GPIO, USART, TIM5 and DBGMCU of the STM32F4.

RM0090, chapters 8, 18, 30 and 38; RM0390, chapters 7, 17, 25 and 33.
"""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.serial import SerialPeripheral
from mcuforge.boards.virtual.stm32f4.facts import Facts

ALTERNATE_MODE = 2
RXNE, ORE, TC, TXE = 1 << 5, 1 << 3, 1 << 6, 1 << 7
UE, TE, RE, RXNEIE, TXEIE, TCIE = 1 << 13, 1 << 3, 1 << 2, 1 << 5, 1 << 7, 1 << 6


class Gpio(Peripheral):
    """A port of sixteen pins."""

    def __init__(self, facts: Facts, port: int) -> None:
        """port: 0 is GPIOA; ports A and B start with the debug pins in use."""
        reset = {0: (0xA8000000, 0x64000000, 0x0C000000), 1: (0x00000280, 0x00000100, 0x000000C0)}
        mode, pull, speed = reset.get(port, (0, 0, 0))
        every = 0xFFFFFFFF
        registers = (
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
        )
        name = f"GPIO{chr(ord('A') + port)}"
        manual = f"{facts.manual}, 'General-purpose I/Os (GPIO)'"
        super().__init__(name, 0x40020000 + 0x400 * port, registers, manual)

    def mode(self, pin: int) -> int:
        """MODER of a pin: 0 input, 1 output, 2 alternate, 3 analog."""
        return self.values["MODER"] >> (2 * pin) & 3

    def alternate(self, pin: int) -> int:
        """The alternate function of a pin."""
        return self.values["AFRH" if pin >= 8 else "AFRL"] >> (4 * (pin % 8)) & 15

    def changed(self, register: Register, old: int, new: int) -> None:
        """Refuse to take SWDIO and SWCLK from the debug probe, which must flash the next image."""
        if register.name == "MODER" and self.name == "GPIOA":
            for pin, signal in ((13, "SWDIO"), (14, "SWCLK")):
                if self.mode(pin) != ALTERNATE_MODE:
                    raise self.violation(
                        Rule.DEBUG_PINS,
                        f"GPIOA_MODER takes PA{pin} from the debug probe ({signal})",
                    )


class Usart(SerialPeripheral):
    """A USART with SR and DR."""

    def __init__(
        self,
        facts: Facts,
        name: str,
        origin: int,
        clock: Callable[[], int],
        count: Callable[[], int],
        hclk: Callable[[], int],
    ) -> None:
        """clock: the bus clock in Hz; count: cycles since reset; hclk: cycles per second."""
        registers = (
            Register("SR", 0x00, 0xC0, 0x360, 0x9F, waited=True),
            Register("DR", 0x04, 0, 0x1FF),
            Register("BRR", 0x08, 0, 0xFFFF),
            Register("CR1", 0x0C, 0, 0xBFFF),
            Register("CR2", 0x10, 0, 0x7F6F),
            Register("CR3", 0x14, 0, 0xFFF),
            Register("GTPR", 0x18, 0, 0xFFFF),
        )
        manual = (
            f"{facts.manual}, 'Universal synchronous asynchronous receiver transmitter (USART)'"
        )
        super().__init__(name, origin, registers, manual, count, hclk)
        self._clock = clock
        self._received = -1  # in DR; -1: empty
        self._overrun = False

    def asks(self) -> bool:
        """Tell whether the interrupt line is up."""
        cr1 = self.values["CR1"]
        if not cr1 & UE:
            return False
        status = self._status()
        return bool(
            (cr1 & RXNEIE and status & (RXNE | ORE))
            or (cr1 & TXEIE and status & TXE)
            or (cr1 & TCIE and status & TC)
        )

    def pending(self) -> bool:
        """Tell whether SR can change: something is sent, or the UART is on and may receive."""
        return bool(self.values["CR1"] & UE)

    def seen(self, register: Register, value: int) -> int:
        """Show the line in SR; reading DR takes the byte."""
        if register.name == "SR":
            return self._status()
        if register.name == "DR":
            self.let_in()
            byte, self._received = max(self._received, 0), -1
            self._overrun = False
            return byte
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Send what is written to DR."""
        if register.name != "DR":
            return
        missing = [name for name, bit in (("UE", UE), ("TE", TE)) if not self.values["CR1"] & bit]
        if missing:
            raise self.violation(
                Rule.UART_OFF, f"{self.name} sends while {' and '.join(missing)} of CR1 are 0"
            )
        self.send(new & 0xFF)

    def listens(self) -> bool:
        """Tell whether the receiver is on."""
        return self.values["CR1"] & (UE | RE) == UE | RE

    def has_room(self) -> bool:
        """Tell whether DR is empty."""
        return self._received < 0

    def arrive(self, byte: int) -> None:
        """Take a byte from the line; while DR is full the new byte is lost."""
        if self._received >= 0:
            self._overrun = True
        else:
            self._received = byte

    def setting(self) -> object:
        """Return format, divisor and clock."""
        brr, stop = self.values["BRR"], self.values["CR2"] & 0x3000
        return self.values["CR1"] & 0x9400, stop, brr, self._clock()

    def check_format(self) -> None:
        """Refuse another format than 8N1."""
        if self.values["CR1"] & 0x1400 or self.values["CR2"] & 0x3000:
            raise self.violation(
                Rule.FRAME_FORMAT,
                f"{self.name} has M, PCE or STOP set: the host speaks 8N1",
            )

    def reached_baud(self) -> float:
        """Compute the baud rate; with OVER8 the lowest three bits of BRR are eighths."""
        divisor = brr = self.values["BRR"]
        if self.values["CR1"] & 0x8000:
            divisor = ((brr >> 4) * 16 + (brr & 7) * 2) // 2
        return self._clock() / divisor if divisor else 0.0

    def divisor_in_words(self) -> str:
        """Say how the baud rate comes about."""
        return f"BRR {self.values['BRR']} of {self._clock():,} Hz"

    def _status(self) -> int:
        self.let_in()
        status = self.values["SR"] & ~(RXNE | ORE | TC | TXE)
        status |= RXNE if self._received >= 0 else 0
        status |= ORE if self._overrun else 0
        waits = self.unsent_bytes()
        status |= TXE if waits <= 1 else 0
        return status | (TC if waits <= 0 else 0)


class Timer(Peripheral):
    """TIM5 as a free-running counter of 32 bits."""

    def __init__(
        self,
        facts: Facts,
        count: Callable[[], int],
        ratio: Callable[[], tuple[int, int]],
    ) -> None:
        """ratio: the timer's clock and the core's, in Hz."""
        registers = (
            Register("CR1", 0x00, 0, 0x3FF),
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

    def __init__(self, facts: Facts) -> None:
        """Only IDCODE and CR."""
        registers = (
            Register("IDCODE", 0x00, facts.idcode, 0, 0xFFFFFFFF),
            Register("CR", 0x04, 0, 0xE7),
        )
        super().__init__("DBGMCU", 0xE0042000, registers, f"{facts.manual}, 'Debug support (DBG)'")
