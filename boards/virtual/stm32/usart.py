# SPDX-License-Identifier: Apache-2.0
"""The USART of the STM32 in its two kinds: with SR and DR (F4), and with ISR, RDR and TDR (F7).

RM0090, chapter 30; RM0390, chapter 25; RM0385, chapter 31.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.stm32.facts import Facts

BITS_PER_BYTE = 10  # 8N1
RXNE, ORE, TC, TXE = 1 << 5, 1 << 3, 1 << 6, 1 << 7
TE, RE, RXNEIE, TXEIE, TCIE = 1 << 3, 1 << 2, 1 << 5, 1 << 7, 1 << 6
PCE, OVER8 = 1 << 10, 1 << 15
TEACK = 1 << 21


class Usart(Peripheral, ABC):
    """A USART of either kind, wired to a host that sends and receives 8N1 at `baud`.

    Bytes of the host wait in `host_bytes`, where the program finds them as fast as it reads, or at
    the speed of the line if `line_speed` is true; then the USART can overrun.
    """

    enable: int  # UE of CR1
    long_words: int  # the bits of CR1 that make a byte of other than 8 bits
    send_name: str  # of the register that takes the byte to send

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
        manual = (
            f"{facts.manual}, 'Universal synchronous asynchronous receiver transmitter (USART)'"
        )
        super().__init__(name, origin, self.table(), manual)
        self._clock, self._count, self._hclk = clock, count, hclk
        self.baud = 0
        self.line_speed = False
        self.host_bytes: deque[int] = deque()
        self.sent = bytearray()
        self.first_sent: int | None = None  # count
        self.last_sent = 0
        self.check_pins: Callable[[], None] = lambda: None
        self.on_send: Callable[[], None] = lambda: None
        self._checked: tuple[int, ...] = ()
        self._received = -1  # in DR; -1: empty
        self.overrun = False
        self._byte_came = 0  # count, of the last byte from the line
        self._sends_until = 0  # count

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

    def host_sends(self, data: bytes) -> None:
        """Put bytes on the line to the program."""
        if not self.host_bytes:
            self._byte_came = max(self._byte_came, self._count())  # the line was idle
        self.host_bytes.extend(data)

    def next_byte(self) -> int | None:
        """Let in what has arrived; returns the count at which the next byte does.

        None: at once, or never.
        """
        self._take()
        if not self.host_bytes or not self.line_speed:
            return None
        return self._byte_came + self._byte_cycles()

    def pending(self) -> bool:
        """Tell whether the flags can change: something is sent, or the UART may receive."""
        return self.is_on()

    def is_on(self) -> bool:
        """Tell whether UE is set."""
        return bool(self.values["CR1"] & self.enable)

    def is_sending(self) -> bool:
        """Tell whether a byte is still on its way to the host."""
        return self._sends_until > self._count()

    def take_byte(self) -> int:
        """Read the byte that was received last."""
        self._take()
        byte, self._received = max(self._received, 0), -1
        return byte

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
        self._check_line()
        now = self._count()
        if self.first_sent is None:
            self.first_sent = now
        self.last_sent = now
        self._sends_until = max(now, self._sends_until) + self._byte_cycles()
        self.sent.append(new & 0xFF)
        self.on_send()

    def status(self) -> int:
        """The flags RXNE, ORE, TC and TXE, which have the same places in SR and ISR."""
        self._take()
        status = RXNE if self._received >= 0 else 0
        status |= ORE if self.overrun else 0
        waits = self._sends_until - self._count() if self.line_speed else 0
        status |= TXE if waits <= self._byte_cycles() else 0
        return status | (TC if waits <= 0 else 0)

    def _take(self) -> None:
        """Let bytes of the host in: one if DR is empty, or those whose time has come."""
        if not self.host_bytes or not self.is_on() or not self.values["CR1"] & RE:
            return
        if not self._line_works():
            return
        if not self.line_speed:
            if self._received < 0:
                self._received = self.host_bytes.popleft()
            return
        while self.host_bytes and self._count() >= self._byte_came + self._byte_cycles():
            self._byte_came += self._byte_cycles()
            byte = self.host_bytes.popleft()
            if self._received >= 0:
                self.overrun = True  # the new byte is lost
            else:
                self._received = byte

    def _byte_cycles(self) -> int:
        return self._hclk() * BITS_PER_BYTE // self.baud if self.line_speed else 0

    def _line_works(self) -> bool:
        """Tell whether bytes can come in: not while the program still sets up pins and baud rate.

        A setting that stays wrong is refused when the program sends.
        """
        try:
            self._check_line()
        except Violation:
            return False
        return True

    def _check_line(self) -> None:
        """Check format, baud rate and pins, once for each setting."""
        cr1, brr = self.values["CR1"], self.values["BRR"]
        format_bits = self.long_words | PCE
        setting = (cr1 & (format_bits | OVER8), self.values["CR2"] & 0x3000, brr, self._clock())
        if setting == self._checked:
            return
        if cr1 & format_bits or self.values["CR2"] & 0x3000:
            raise self.violation(
                Rule.FRAME_FORMAT,
                f"{self.name} has M, PCE or STOP set: the host speaks 8N1",
            )
        divisor = brr
        if cr1 & OVER8:  # eighths, in the lowest three bits
            divisor = (brr >> 4) * 16 + (brr & 7) * 2
            divisor //= 2
        reached = self._clock() / divisor if divisor else 0.0
        if abs(reached / self.baud - 1) >= 0.02:
            raise self.violation(
                Rule.BAUD,
                f"{self.name} runs at {reached:,.0f} baud (BRR {brr} of {self._clock():,} Hz), "
                f"the host at {self.baud:,}",
            )
        self.check_pins()
        self._checked = setting


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
        return self.is_on() and (not self.overrun or self.is_sending())

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
