# SPDX-License-Identifier: Apache-2.0
"""The line between a UART of a virtual chip and the host: bytes, their times, what is checked."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule, Violation

BITS_PER_BYTE = 10  # 8N1
TOLERANCE = 0.02


class SerialPeripheral(Peripheral, ABC):
    """A UART wired to a host that sends and receives 8N1 at `baud`.

    Bytes of the host wait in `host_bytes`, where the program finds them as fast as it reads. If
    `line_speed` is true, bytes take their time in both directions, and those that the program does
    not read in time are lost. A model overrides the methods below `deliver`.
    """

    def __init__(
        self,
        name: str,
        origin: int,
        registers: Iterable[Register],
        manual: str,
        count: Callable[[], int],
        core_hz: Callable[[], int],
    ) -> None:
        """count: cycles since reset; core_hz: cycles per second."""
        super().__init__(name, origin, registers, manual)
        self._count, self.core_hz = count, core_hz
        self.baud = 0
        self.line_speed = False
        self.host_bytes: deque[int] = deque()
        self.sent = bytearray()  # what has reached the host
        self.first_sent: int | None = None  # count
        self.last_sent = 0
        self.overruns = 0  # bytes of the host that came while the receiver had no room
        self.check_pins: Callable[[], None] = lambda: None
        self.on_send: Callable[[], None] = lambda: None
        self.on_wait: Callable[[object], None] = lambda read: None
        self._checked: object = None
        self._byte_came = 0  # count, of the last byte from the line
        self._sends_until = 0  # count
        self._leaving: deque[tuple[int, int]] = deque()  # count of its last bit, byte

    def host_sends(self, data: bytes) -> None:
        """Put bytes on the line to the program."""
        if not self.host_bytes:
            self._byte_came = max(self._byte_came, self._count())  # the line was idle
        self.host_bytes.extend(data)

    def next_event(self) -> int | None:
        """Let through what is due; returns the count at which the next byte has crossed the line.

        None: no byte is on its way.
        """
        self.let_in()
        self.deliver()
        due = [self._leaving[0][0]] if self._leaving else []
        if self.host_bytes and self.line_speed:
            due.append(self._byte_came + self._byte_cycles())
        return min(due, default=None)

    def deliver(self) -> None:
        """Hand bytes of the program to the host: those whose last bit has come."""
        while self._leaving and self._leaving[0][0] <= self._count():
            self.sent.append(self._leaving.popleft()[1])

    @abstractmethod
    def asks(self) -> bool:
        """Tell whether the interrupt line is up."""

    @abstractmethod
    def listens(self) -> bool:
        """Tell whether the receiver is on."""

    @abstractmethod
    def has_room(self) -> bool:
        """Tell whether a byte from the line would not be lost."""

    @abstractmethod
    def arrive(self, byte: int) -> None:
        """Take a byte from the line; without room it is lost."""

    @abstractmethod
    def setting(self) -> object:
        """Return what the line depends on: it is checked again when this changes."""

    @abstractmethod
    def check_format(self) -> None:
        """Raise a Violation unless format and pins are right."""

    @abstractmethod
    def reached_baud(self) -> float:
        """Compute the baud rate that the registers make."""

    def let_in(self) -> None:
        """Let bytes of the host in: those that fit, or those whose time has come.

        At the speed of the line a byte is lost while the receiver is off or has no room.
        """
        if not self.host_bytes:
            return
        hears = self.listens() and self._line_works()
        if not self.line_speed:
            while hears and self.host_bytes and self.has_room():
                self.arrive(self.host_bytes.popleft())
            return
        while self.host_bytes and self._count() >= self._byte_came + self._byte_cycles():
            self._byte_came += self._byte_cycles()
            byte = self.host_bytes.popleft()
            if hears:
                self.overruns += not self.has_room()
                self.arrive(byte)

    def send(self, byte: int) -> None:
        """Put a byte of the program on the line to the host."""
        self.check_line()
        now = self._count()
        if self.first_sent is None:
            self.first_sent = now
        self.last_sent = now
        self._sends_until = max(now, self._sends_until) + self._byte_cycles()
        self._leaving.append((self._sends_until, byte))
        self.deliver()
        self.on_send()

    def read(self, offset: int) -> int:
        """Read a register; while bytes leave, the program may be waiting for that."""
        value = super().read(offset)
        if self._leaving:
            self.on_wait((offset, value))
        return value

    def unsent_bytes(self) -> float:
        """Tell how many bytes of the program are not on the line yet."""
        if not self.line_speed:
            return 0.0
        return max(0.0, (self._sends_until - self._count()) / self._byte_cycles())

    def check_line(self) -> None:
        """Check format, baud rate and pins, once for each setting."""
        setting = self.setting()
        if setting == self._checked:
            return
        self.check_format()
        reached = self.reached_baud()
        if abs(reached / self.baud - 1) >= TOLERANCE:
            raise self.violation(
                Rule.BAUD,
                f"{self.name} runs at {reached:,.0f} baud ({self.divisor_in_words()}), "
                f"the host at {self.baud:,}",
            )
        self.check_pins()
        self._checked = setting

    def _line_works(self) -> bool:
        """Tell whether bytes can come in: not while the program still sets up pins and baud rate.

        A setting that stays wrong is refused when the program sends.
        """
        try:
            self.check_line()
        except Violation:
            return False
        return True

    @abstractmethod
    def divisor_in_words(self) -> str:
        """Say how the baud rate comes about."""

    def _byte_cycles(self) -> int:
        return self.core_hz() * BITS_PER_BYTE // self.baud if self.line_speed else 0
