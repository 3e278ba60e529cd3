# SPDX-License-Identifier: Apache-2.0
"""The USART of the STM32: with SR and DR (F4), ISR, RDR and TDR (F7), or a FIFO too (L4+, H7).

RM0090, chapter 30; RM0390, chapter 25; RM0385, chapter 31; RM0432 and RM0433, 'Universal
synchronous/asynchronous receiver transmitter (USART/UART)'; RM0432, 'Low-power universal
asynchronous receiver transmitter (LPUART)'.
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable

from mcuforge.boards.virtual.bus import Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.serial import SerialPeripheral
from mcuforge.boards.virtual.stm32.facts import ChipFacts

RXNE, ORE, TC, TXE = 1 << 5, 1 << 3, 1 << 6, 1 << 7
TE, RE, RXNEIE, TXEIE, TCIE = 1 << 3, 1 << 2, 1 << 5, 1 << 7, 1 << 6
PCE, OVER8 = 1 << 10, 1 << 15
STOP = 3 << 12  # of CR2
TEACK = 1 << 21


class Usart(SerialPeripheral):
    """A USART of either kind, wired to a host."""

    enable: int  # UE of CR1
    long_words: int  # the bits of CR1 that make a byte of other than 8 bits
    send_name: str  # of the register that takes the byte to send

    def __init__(
        self,
        facts: ChipFacts,
        name: str,
        clock: Callable[[], int],
        count: Callable[[], int],
        hclk: Callable[[], int],
    ) -> None:
        """clock: the bus clock in Hz; count: cycles since reset; hclk: cycles per second."""
        manual = (
            f"{facts.manual}, 'Universal synchronous asynchronous receiver transmitter (USART)'"
        )
        super().__init__(name, facts.uarts[name].origin, self.table(), manual, count, hclk)
        self.clock = clock
        self._received: deque[int] = deque()  # what waits in DR or the FIFO
        self.overrun = False

    @staticmethod
    @abstractmethod
    def table() -> tuple[Register, ...]:
        """The registers."""

    def asks(self) -> bool:
        """Tell whether the interrupt line is up."""
        cr1 = self.values["CR1"]
        if not self.is_on():
            return False
        status = self.status()
        return bool(
            (cr1 & RXNEIE and status & (RXNE | ORE))
            or (cr1 & TXEIE and status & TXE)
            or (cr1 & TCIE and status & TC)
        )

    def pending(self) -> bool:
        """Tell whether the flags can change: something is sent, or the UART may receive."""
        return self.is_on()

    def is_on(self) -> bool:
        """Tell whether UE is set."""
        return bool(self.values["CR1"] & self.enable)

    def take_byte(self) -> int:
        """Read the byte that was received last."""
        self.let_in()
        return self._received.popleft() if self._received else 0

    def changed(self, register: Register, old: int, new: int) -> None:
        """Send what is written to the register for that."""
        if register.name != self.send_name:
            return
        bits = (("UE", self.enable), ("TE", TE))
        missing = [name for name, bit in bits if not self.values["CR1"] & bit]
        if missing:
            raise self.violation(
                Rule.UART_OFF, f"{self.name} sends while {' and '.join(missing)} of CR1 are 0"
            )
        self.send(new & 0xFF)

    def status(self) -> int:
        """The flags RXNE, ORE, TC and TXE, which have the same places in SR and ISR."""
        self.let_in()
        status = RXNE if self._received else 0
        status |= ORE if self.overrun else 0
        waits = self.unsent_bytes()
        status |= TXE if waits <= self.depth() else 0
        return status | (TC if waits <= 0 else 0)

    def listens(self) -> bool:
        """Tell whether the receiver is on."""
        return self.is_on() and bool(self.values["CR1"] & RE)

    def has_room(self) -> bool:
        """Tell whether another byte can be received."""
        return len(self._received) < self.depth()

    def depth(self) -> int:
        """The number of bytes that wait in either direction."""
        return 1

    def arrive(self, byte: int) -> None:
        """Take a byte from the line; without room for it the new one is lost."""
        if self.has_room():
            self._received.append(byte)
        else:
            self.overrun = True

    def setting(self) -> object:
        """Return format, divisor and clock."""
        form = self.values["CR1"] & (self.long_words | PCE | OVER8)
        return form, self.values["CR2"] & STOP, self.values["BRR"], self.clock()

    def check_format(self) -> None:
        """Refuse another format than 8N1."""
        if self.values["CR1"] & (self.long_words | PCE) or self.values["CR2"] & STOP:
            raise self.violation(
                Rule.FRAME_FORMAT,
                f"{self.name} has M, PCE or STOP set: the host speaks 8N1",
            )

    def reached_baud(self) -> float:
        """Compute the baud rate; with OVER8 the lowest three bits of BRR are eighths."""
        divisor = brr = self.values["BRR"]
        if self.values["CR1"] & OVER8:
            divisor = ((brr >> 4) * 16 + (brr & 7) * 2) // 2
        return self.clock() / divisor if divisor else 0.0

    def divisor_in_words(self) -> str:
        """Say how the baud rate comes about."""
        return f"BRR {self.values['BRR']} of {self.clock():,} Hz"


class StatusUsart(Usart):
    """With SR and DR: reading DR clears RXNE and ORE."""

    enable = 1 << 13
    long_words = 1 << 12
    send_name = "DR"

    @staticmethod
    def table() -> tuple[Register, ...]:
        """RM0090, 30.6; RM0390, 25.6."""
        return (
            Register("SR", 0x00, 0xC0, 0x360, 0x9F, waited=True),
            Register("DR", 0x04, 0, 0x1FF),
            Register("BRR", 0x08, 0, 0xFFFF),
            Register("CR1", 0x0C, 0, 0xBFFF),
            Register("CR2", 0x10, 0, 0x7F6F),
            Register("CR3", 0x14, 0, 0xFFF),
            Register("GTPR", 0x18, 0, 0xFFFF),
        )

    def seen(self, register: Register, value: int) -> int:
        """Show the line in SR; reading DR takes the byte."""
        if register.name == "SR":
            return (value & ~(RXNE | ORE | TC | TXE)) | self.status()
        if register.name == "DR":
            self.overrun = False
            return self.take_byte()
        return value


class FlagUsart(Usart):
    """With ISR, ICR, RDR and TDR: reading RDR clears RXNE, and only ICR clears ORE."""

    enable = 1 << 0
    long_words = 1 << 28 | 1 << 12
    send_name = "TDR"

    @staticmethod
    def table() -> tuple[Register, ...]:
        """RM0385, 31.8."""
        return (
            Register("CR1", 0x00, 0, 0x1FFFFFFD),
            Register("CR2", 0x04, 0, 0xFFFFFF70),
            Register("CR3", 0x08, 0, 0x000EFFFF),
            Register("BRR", 0x0C, 0, 0xFFFF),
            Register("GTPR", 0x10, 0, 0xFFFF),
            Register("RTOR", 0x14, 0, 0xFFFFFFFF),
            Register("RQR", 0x18, 0, 0x1F),
            Register("ISR", 0x1C, 0x020000C0, 0, 0x002FDFFF, waited=True),
            Register("ICR", 0x20, 0, 0x00021B5F),
            Register("RDR", 0x24, 0, 0, 0x1FF),
            Register("TDR", 0x28, 0, 0x1FF),
        )

    def pending(self) -> bool:
        """Tell whether the flags can change: an overrun stays until it is cleared."""
        return self.is_on() and (not self.overrun or self.unsent_bytes() > 0)

    def seen(self, register: Register, value: int) -> int:
        """Show the line in ISR; reading RDR takes the byte."""
        if register.name == "ISR":
            ready = TEACK if self.is_on() and self.values["CR1"] & TE else 0
            return (value & ~(RXNE | ORE | TC | TXE)) | ready | self.status()
        if register.name == "RDR":
            return self.take_byte()
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Clear flags, and keep the settings that may only change while the UART is off."""
        if register.name == "ICR":
            self.values["ICR"] = 0
            self.overrun = self.overrun and not new & ORE
        elif register.name == "RQR":
            self.values["RQR"] = 0
        elif register.name in ("BRR", "CR2") and self.is_on() and old != new:
            raise self.violation(
                Rule.LOCKED, f"{self.name}_{register.name} is changed while UE of CR1 is 1"
            )
        super().changed(register, old, new)


FIFO_ON = 1 << 29  # FIFOEN of CR1
FIFO_BYTES = 8  # of a USART and of an LPUART: DS12023, DS12110
PRESCALERS = (1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256)


class FifoUsart(FlagUsart):
    """With a FIFO, which FIFOEN switches on, and a prescaler."""

    @staticmethod
    def table() -> tuple[Register, ...]:
        """RM0432 and RM0433, 'USART registers'."""
        return (
            Register("CR1", 0x00, 0, 0xFFFFFFFF),
            Register("CR2", 0x04, 0, 0xFFFFFF79),
            Register("CR3", 0x08, 0, 0xFFFEFFFF),
            Register("BRR", 0x0C, 0, 0xFFFF),
            Register("GTPR", 0x10, 0, 0xFFFF),
            Register("RTOR", 0x14, 0, 0xFFFFFFFF),
            Register("RQR", 0x18, 0, 0x1F),
            Register("ISR", 0x1C, 0x000000C0, 0, 0x0FFFFFFF, waited=True),
            Register("ICR", 0x20, 0, 0x00123BFF),
            Register("RDR", 0x24, 0, 0, 0x1FF),
            Register("TDR", 0x28, 0, 0x1FF),
            Register("PRESC", 0x2C, 0, 0xF),
        )

    def depth(self) -> int:
        """The number of bytes that wait in either direction."""
        return FIFO_BYTES if self.values["CR1"] & FIFO_ON else 1

    def setting(self) -> object:
        """Return format, divisor, prescaler and clock."""
        return super().setting(), self.values["PRESC"]

    def prescaler(self) -> int:
        """What PRESC divides the clock by."""
        return PRESCALERS[min(self.values["PRESC"], len(PRESCALERS) - 1)]

    def reached_baud(self) -> float:
        """Compute the baud rate."""
        return super().reached_baud() / self.prescaler()


class LowPowerUart(FifoUsart):
    """An LPUART: BRR divides 256 times the clock."""

    @staticmethod
    def table() -> tuple[Register, ...]:
        """RM0432, 'LPUART registers'."""
        return (
            Register("CR1", 0x00, 0, 0xF3FF7FFF),
            Register("CR2", 0x04, 0, 0xFF0FB010),
            Register("CR3", 0x08, 0, 0xFEF0F7C9),
            Register("BRR", 0x0C, 0, 0xFFFFF),
            Register("RQR", 0x18, 0, 0x1E),
            Register("ISR", 0x1C, 0x000000C0, 0, 0x0DFF06FF, waited=True),
            Register("ICR", 0x20, 0, 0x0012025F),
            Register("RDR", 0x24, 0, 0, 0x1FF),
            Register("TDR", 0x28, 0, 0x1FF),
            Register("PRESC", 0x2C, 0, 0xF),
        )

    def reached_baud(self) -> float:
        """Compute the baud rate; below 0x300 the divisor is forbidden, and makes none."""
        divisor = self.values["BRR"]
        return 256 * self.clock() / self.prescaler() / divisor if divisor >= 0x300 else 0.0

    def divisor_in_words(self) -> str:
        """Say how the baud rate comes about."""
        return f"BRR {self.values['BRR']} (at least 768) of 256 times {self.clock():,} Hz"


def make_usart(
    facts: ChipFacts,
    name: str,
    clock: Callable[[], int],
    count: Callable[[], int],
    hclk: Callable[[], int],
) -> Usart:
    """Make a UART of the chip's kind; the arguments are those of Usart."""
    kinds: dict[str, type[StatusUsart] | type[FlagUsart]] = {
        "SR and DR": StatusUsart,
        "ISR and RDR": FlagUsart,
        "FIFO": FifoUsart,
    }
    kind = LowPowerUart if name.startswith("LPUART") else kinds[facts.usart]
    return kind(facts, name, clock, count, hclk)
