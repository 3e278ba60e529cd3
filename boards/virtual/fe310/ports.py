# SPDX-License-Identifier: Apache-2.0
"""GPIO, UART0 and PLIC of the FE310-G002: the chapters of its manual with these names."""

from collections import deque
from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.serial import SerialPeripheral

EVERY = 0xFFFFFFFF
FIFO_BYTES = 8
SOURCES = 52  # of the PLIC; 0 is none
ENABLE, WATERMARK_TX, WATERMARK_RX = 1, 1, 2


class Gpio(Peripheral):
    """Thirty-two pins; each is the program's, or belongs to one of two hardware functions."""

    def __init__(self) -> None:
        """All pins are inputs that nothing reads."""
        edges = ("rise", "fall", "high", "low")
        interrupts = (f"{edge}_{kind}" for edge in edges for kind in ("ie", "ip"))
        names = ("output_en", "port", "pullup", "drive", *interrupts, "iof_en", "iof_sel")
        registers = [Register("value", 0x00, 0, 0, EVERY), Register("input_en", 0x04, 0, EVERY)]
        registers += [Register(name, 0x08 + 4 * n, 0, EVERY) for n, name in enumerate(names)]
        registers.append(Register("out_xor", 0x40, 0, EVERY))
        manual = "SiFive FE310-G002 Manual, 'General Purpose Input/Output Controller (GPIO)'"
        super().__init__("GPIO0", 0x10012000, registers, manual, size=0x1000)
        self.on_change: Callable[[], None] = lambda: None

    def level(self, pin: int) -> bool | None:
        """Return what a pin drives; None while it is no output of the program."""
        if self.values["iof_en"] >> pin & 1 or not self.values["output_en"] >> pin & 1:
            return None
        return bool((self.values["port"] ^ self.values["out_xor"]) >> pin & 1)

    def changed(self, register: Register, old: int, new: int) -> None:
        """Tell that a pin may have another level."""
        self.on_change()

    def function(self, pin: int) -> int | None:
        """The hardware function that has a pin, 0 or 1; None: the program has it."""
        if not self.values["iof_en"] >> pin & 1:
            return None
        return self.values["iof_sel"] >> pin & 1


class Uart(SerialPeripheral):
    """UART0: a byte takes 10 (div + 1) cycles of the core, and eight bytes fit each way."""

    def __init__(self, count: Callable[[], int], core_hz: Callable[[], int]) -> None:
        """count: cycles since reset; core_hz: cycles per second."""
        registers = (
            Register("txdata", 0x00, 0, 0xFF, 1 << 31, waited=True),
            Register("rxdata", 0x04, 0, 0, 0x800000FF, waited=True),
            Register("txctrl", 0x08, 0, 0x00070003),
            Register("rxctrl", 0x0C, 0, 0x00070001),
            Register("ie", 0x10, 0, 0x3),
            Register("ip", 0x14, 0, 0, 0x3, waited=True),
            Register("div", 0x18, 0, 0xFFFF),
        )
        manual = "SiFive FE310-G002 Manual, 'Universal Asynchronous Receiver/Transmitter (UART)'"
        super().__init__("UART0", 0x10013000, registers, manual, count, core_hz)
        self.bytes = 0x1000
        self._received: deque[int] = deque()

    def asks(self) -> bool:
        """Tell whether the interrupt line is up."""
        return bool(self.values["ie"] & self._pending_interrupts())

    def pending(self) -> bool:
        """Tell whether a byte may still come or go."""
        return bool((self.values["txctrl"] | self.values["rxctrl"]) & ENABLE)

    def seen(self, register: Register, value: int) -> int:
        """Show the FIFOs; reading rxdata takes a byte."""
        if register.name == "txdata":
            return 1 << 31 if self.unsent_bytes() > FIFO_BYTES else 0
        if register.name == "rxdata":
            self.let_in()
            return self._received.popleft() if self._received else 1 << 31
        return self._pending_interrupts() if register.name == "ip" else value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Send what is written to txdata."""
        if register.name != "txdata":
            return
        if not self.values["txctrl"] & ENABLE:
            raise self.violation(Rule.UART_OFF, "UART0 sends while txctrl.txen is 0")
        if self.unsent_bytes() > FIFO_BYTES:
            raise self.violation(Rule.UART_OFF, "UART0_txdata is written while its FIFO is full")
        self.send(new & 0xFF)

    def listens(self) -> bool:
        """Tell whether the receiver is on."""
        return bool(self.values["rxctrl"] & ENABLE)

    def has_room(self) -> bool:
        """Tell whether the FIFO has room."""
        return len(self._received) < FIFO_BYTES

    def arrive(self, byte: int) -> None:
        """Take a byte from the line; while the FIFO is full it is lost, and nothing tells."""
        if self.has_room():
            self._received.append(byte)

    def setting(self) -> object:
        """Return divisor, stop bits and clock."""
        return self.values["div"], self.values["txctrl"] & 2, self.core_hz()

    def check_format(self) -> None:
        """Refuse a second stop bit."""
        if self.values["txctrl"] & 2:
            raise self.violation(
                Rule.FRAME_FORMAT, "UART0 has txctrl.nstop set: the host speaks 8N1"
            )

    def reached_baud(self) -> float:
        """Compute the baud rate."""
        return self.core_hz() / (self.values["div"] + 1)

    def divisor_in_words(self) -> str:
        """Say how the baud rate comes about."""
        return f"div {self.values['div']} of {self.core_hz():,} Hz"

    def _pending_interrupts(self) -> int:
        self.let_in()
        sent, received = self.values["txctrl"] >> 16 & 7, self.values["rxctrl"] >> 16 & 7
        raised = WATERMARK_TX if self.unsent_bytes() < sent else 0
        return raised | (WATERMARK_RX if len(self._received) > received else 0)


class Plic(Peripheral):
    """The platform-level interrupt controller, with one context."""

    def __init__(self) -> None:
        """No source is enabled."""
        registers = [Register(f"priority{n}", 4 * n, 0, 0x7) for n in range(1, SOURCES + 1)]
        registers += [Register(f"pending{n}", 0x1000 + 4 * n, 0, 0, EVERY) for n in range(2)]
        registers += [
            Register("enable0", 0x2000, 0, 0xFFFFFFFE),
            Register("enable1", 0x2004, 0, 0x001FFFFF),
            Register("threshold", 0x200000, 0, 0x7),
            Register("claim", 0x200004, 0, 0x3FF),
        ]
        manual = "SiFive FE310-G002 Manual, 'Platform-Level Interrupt Controller (PLIC)'"
        super().__init__("PLIC", 0x0C000000, registers, manual, size=0x200400)
        self.lines: dict[int, Callable[[], bool]] = {}  # source -> whether it asks
        self._claimed: set[int] = set()

    def asks(self) -> bool:
        """Tell whether the hart's external interrupt is up."""
        return self._best() != 0

    def seen(self, register: Register, value: int) -> int:
        """A read of claim takes the source with the highest priority."""
        if register.name == "claim":
            source = self._best()
            if source:
                self._claimed.add(source)
            return source
        if register.name.startswith("pending"):
            first = 32 * int(register.name.removeprefix("pending"))
            return sum(
                1 << (n - first)
                for n, line in self.lines.items()
                if 0 <= n - first < 32 and n not in self._claimed and line()
            )
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """A write to claim completes a source."""
        if register.name != "claim":
            return
        if new not in self._claimed:
            raise self.violation(
                Rule.COMPLETION, f"interrupt {new} is completed, which was not claimed"
            )
        self._claimed.remove(new)

    def _best(self) -> int:
        """The source with the highest priority above the threshold; 0: none."""
        asking = [
            (self.values[f"priority{n}"], -n)
            for n, line in self.lines.items()
            if self.values[f"enable{n // 32}"] >> n % 32 & 1
            and n not in self._claimed
            and self.values[f"priority{n}"] > self.values["threshold"]
            and line()
        ]
        return -max(asking)[1] if asking else 0
