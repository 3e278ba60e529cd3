# SPDX-License-Identifier: Apache-2.0
"""Pins, UART0, TIMER and identity of the RP2040: chapters of its data sheet with these names."""

from collections import deque
from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.rp2040.blocks import BLOCK_BYTES, MANUAL
from mcuforge.boards.virtual.rp2040.clocks import MHZ, TICK_HZ, Watchdog
from mcuforge.boards.virtual.serial import BITS_PER_BYTE, SerialPeripheral

EVERY = 0xFFFFFFFF
PINS = 30
EVERY_PIN = (1 << PINS) - 1
CHIP_ID = 0x20002927  # revision B2, part 2, Raspberry Pi: 'SYSINFO'
UART_FUNCTION, SIO_FUNCTION = 2, 5
OD, IE, PUE, PDE = 1 << 7, 1 << 6, 1 << 3, 1 << 2  # of a pad
PAD_BITS = 0xFF
FIFO_BYTES = 32
TIMEOUT_BITS = 32  # of silence, after which bytes below the trigger level ask too
RECEIVE_LEVELS = (4, 8, 16, 24, 28)  # of IFLS.RXIFLSEL: an eighth to seven eighths of the FIFO
RXIM, TXIM, RTIM, OEIM = 1 << 4, 1 << 5, 1 << 6, 1 << 10
UARTEN, TXE, RXE = 1 << 0, 1 << 8, 1 << 9
FEN, WLEN_8, WORD_FORMAT = 1 << 4, 3 << 5, 0xEF  # of LCR_H; all of it that makes the format


class SysInfo(Peripheral):
    """SYSINFO: who the chip is."""

    def __init__(self) -> None:
        """CHIP_ID and PLATFORM; both read 0 in a description of reset values."""
        registers = (
            Register("CHIP_ID", 0x0, 0, 0, EVERY),
            Register("PLATFORM", 0x4, 0, 0, 0x3),
        )
        super().__init__("SYSINFO", 0x40000000, registers, f"{MANUAL}, 'SYSINFO'", BLOCK_BYTES)

    def seen(self, register: Register, value: int) -> int:
        """Show a chip, not an FPGA."""
        return CHIP_ID if register.name == "CHIP_ID" else 0x2


class XipCache(Peripheral):
    """XIP_CTRL: the cache in front of the flash, which is on after a reset."""

    def __init__(self) -> None:
        """EN, ERR_BADWRITE, POWER_DOWN."""
        registers = (Register("CTRL", 0x0, 0x3, 0xB),)
        super().__init__("XIP_CTRL", 0x14000000, registers, f"{MANUAL}, 'XIP'", BLOCK_BYTES)


class ChipReset(Peripheral):
    """VREG_AND_CHIP_RESET: the regulator, and what reset the chip."""

    def __init__(self) -> None:
        """Power has just come."""
        registers = (
            Register("VREG", 0x0, 0xB1, 0xF3, 0x1000),
            Register("BOD", 0x4, 0x91, 0xF1),
            Register("CHIP_RESET", 0x8, 0, 0x01000000, 0x00110100),
        )
        super().__init__(
            "VREG_AND_CHIP_RESET",
            0x40064000,
            registers,
            f"{MANUAL}, 'Chip-Level Reset' and 'Supply Voltage'",
            BLOCK_BYTES,
        )

    def seen(self, register: Register, value: int) -> int:
        """Show HAD_POR."""
        return value | 0x100 if register.name == "CHIP_RESET" else value


class IoBank(Peripheral):
    """IO_BANK0: which function a pin has."""

    def __init__(self) -> None:
        """No pin has one."""
        registers = [
            register
            for pin in range(PINS)
            for register in (
                Register(f"GPIO{pin}_STATUS", 8 * pin, 0, 0, 0x050A3300),
                Register(f"GPIO{pin}_CTRL", 8 * pin + 4, 0x1F, 0x3003331F),
            )
        ]
        super().__init__("IO_BANK0", 0x40014000, registers, f"{MANUAL}, 'GPIO'", BLOCK_BYTES)
        self.on_change: Callable[[], None] = lambda: None

    def changed(self, register: Register, old: int, new: int) -> None:
        """Tell that a pin may have another level."""
        self.on_change()

    def function(self, pin: int) -> int:
        """FUNCSEL of a pin."""
        return self.values[f"GPIO{pin}_CTRL"] & 0x1F

    def overrides(self, pin: int) -> int:
        """What inverts or forces a pin's signals."""
        return self.values[f"GPIO{pin}_CTRL"] & ~0x1F


class Sio(Peripheral):
    """SIO: the levels and directions of pins that the program drives, as core 0 sees them."""

    def __init__(self) -> None:
        """No pin is an output."""
        registers = [Register("CPUID", 0x00, 0, 0, EVERY), Register("GPIO_IN", 0x04, 0, 0, EVERY)]
        for first, name in ((0x10, "GPIO_OUT"), (0x20, "GPIO_OE")):
            kinds = ("", "_SET", "_CLR", "_XOR")
            registers += [
                Register(f"{name}{kind}", first + 4 * n, 0, EVERY_PIN)
                for n, kind in enumerate(kinds)
            ]
        super().__init__("SIO", 0xD0000000, registers, f"{MANUAL}, 'SIO'", BLOCK_BYTES)
        self.on_change: Callable[[], None] = lambda: None

    def level(self, pin: int) -> bool | None:
        """Return what the program drives on a pin; None while it is an input."""
        if not self.values["GPIO_OE"] >> pin & 1:
            return None
        return bool(self.values["GPIO_OUT"] >> pin & 1)

    def changed(self, register: Register, old: int, new: int) -> None:
        """SET, CLR and XOR change the register beside them, and read as 0."""
        name, _, kind = register.name.rpartition("_")
        if kind in ("SET", "CLR", "XOR"):
            self.values[register.name] = 0
            now = self.values[name]
            self.values[name] = {"SET": now | new, "CLR": now & ~new, "XOR": now ^ new}[kind]
        self.on_change()


class Pads(Peripheral):
    """PADS_BANK0 or PADS_QSPI: the electrical side of pins."""

    def __init__(self, name: str, origin: int, pads: dict[str, int]) -> None:
        """pads: name and reset value of each, from offset 4 on."""
        registers = (
            Register("VOLTAGE_SELECT", 0, 0, 1),
            *(Register(p, 4 + 4 * n, reset, PAD_BITS) for n, (p, reset) in enumerate(pads.items())),
        )
        super().__init__(name, origin, registers, f"{MANUAL}, 'Pads'", BLOCK_BYTES)


def bank_pads() -> Pads:
    """Make the pads of the user bank; the last two are the debug port's."""
    pads = {f"GPIO{pin}": 0x56 for pin in range(PINS)} | {"SWCLK": 0xDA, "SWD": 0x5A}
    return Pads("PADS_BANK0", 0x4001C000, pads)


def qspi_pads() -> Pads:
    """Make the pads of the flash."""
    data = {f"GPIO_QSPI_SD{n}": 0x52 for n in range(4)}
    pads = {"GPIO_QSPI_SCLK": 0x56} | data | {"GPIO_QSPI_SS": 0x5A}
    return Pads("PADS_QSPI", 0x40020000, pads)


class Timer(Peripheral):
    """TIMER: microseconds, if the watchdog's tick comes once in each."""

    def __init__(
        self, watchdog: Watchdog, ref: Callable[[], int], now: Callable[[], float]
    ) -> None:
        """ref: clk_ref in Hz; now: virtual seconds since reset."""
        registers = (
            Register("TIMEHR", 0x08, 0, 0, EVERY),
            Register("TIMELR", 0x0C, 0, 0, EVERY),
            *(Register(f"ALARM{n}", 0x10 + 4 * n, 0, EVERY) for n in range(4)),
            Register("TIMERAWH", 0x24, 0, 0, EVERY),
            Register("TIMERAWL", 0x28, 0, 0, EVERY),
            Register("DBGPAUSE", 0x2C, 0x7, 0x6),
            Register("PAUSE", 0x30, 0, 0x1),
        )
        super().__init__("TIMER", 0x40054000, registers, f"{MANUAL}, 'Timer'", BLOCK_BYTES)
        self._watchdog, self._ref, self._now = watchdog, ref, now
        self._start: float | None = None
        watchdog.on_tick = self.reset

    def reset(self) -> None:
        """Count from 0 on; also after a change of the tick, which no program makes twice."""
        self._start = self._now()

    def seen(self, register: Register, value: int) -> int:
        """Count; reading TIMELR keeps the high half for TIMEHR."""
        if not register.name.startswith("TIME"):
            return value
        divisor = self._watchdog.divisor
        if not divisor or self._ref() != TICK_HZ * divisor or self._start is None:
            per_second = self._ref() / divisor / MHZ if divisor else 0
            raise self.violation(
                Rule.TICK,
                f"TIMER_{register.name} is read while WATCHDOG_TICK makes {per_second:g} million "
                "ticks per second: the timer does not count microseconds",
            )
        time = int((self._now() - self._start) * TICK_HZ)
        if register.name == "TIMELR":
            self.values["TIMEHR"] = time >> 32
        if register.name == "TIMEHR":
            return value
        return time >> 32 if register.name == "TIMERAWH" else time & EVERY


class Uart(SerialPeripheral):
    """A PL011: UART0, wired to a host."""

    def __init__(
        self, clock: Callable[[], int], count: Callable[[], int], core_hz: Callable[[], int]
    ) -> None:
        """clock: clk_peri in Hz; count: cycles since reset; core_hz: cycles per second."""
        registers = (
            Register("UARTDR", 0x00, 0, 0xFF, 0xF00),
            Register("UARTRSR", 0x04, 0, 0xF),
            Register("UARTFR", 0x18, 0x90, 0, 0x1FF, waited=True),
            Register("UARTIBRD", 0x24, 0, 0xFFFF),
            Register("UARTFBRD", 0x28, 0, 0x3F),
            Register("UARTLCR_H", 0x2C, 0, 0xFF),
            Register("UARTCR", 0x30, 0x300, 0xFF87),
            Register("UARTIFLS", 0x34, 0x12, 0x3F),
            Register("UARTIMSC", 0x38, 0, 0x7FF),
            Register("UARTRIS", 0x3C, 0, 0, 0x7FF),
            Register("UARTMIS", 0x40, 0, 0, 0x7FF),
            Register("UARTICR", 0x44, 0, 0x7FF),
            Register("UARTDMACR", 0x48, 0, 0x7),
        )
        super().__init__("UART0", 0x40034000, registers, f"{MANUAL}, 'UART'", count, core_hz)
        self.bytes = BLOCK_BYTES
        self._clock = clock
        self._fifo: deque[int] = deque()  # a byte, with bit 11 if bytes behind the last were lost
        self._lost = False
        self._overrun = False  # OERIS
        self._arrived = 0  # count
        self._divisor = (0, 0)  # as taken over with the last write to LCR_H

    def reset(self) -> None:
        """Forget all: RESETS holds it."""
        self._fifo.clear()
        self._lost = self._overrun = False
        self._divisor = (0, 0)

    def asks(self) -> bool:
        """Tell whether the interrupt line is up."""
        return bool(self._raised() & self.values["UARTIMSC"])

    def next_event(self) -> int | None:
        """Return the count of the next byte, or of the receive timeout if that comes first."""
        byte = super().next_event()
        timeout = self._arrived + self._timeout_cycles()
        if not self._fifo or self._count() >= timeout:
            return byte
        return timeout if byte is None else min(byte, timeout)

    def pending(self) -> bool:
        """Tell whether FR can change."""
        return bool(self.values["UARTCR"] & UARTEN)

    def seen(self, register: Register, value: int) -> int:
        """Show the line in FR, RIS and MIS; reading DR takes a byte."""
        if register.name == "UARTDR":
            self.let_in()
            return self._fifo.popleft() if self._fifo else 0
        if register.name == "UARTFR":
            self.let_in()
            waits = self.unsent_bytes()
            return (
                (not self._fifo) << 4
                | (waits > self._depth()) << 5
                | (len(self._fifo) >= self._depth()) << 6
                | (waits <= 1) << 7
                | (waits > 0) << 3
            )
        if register.name in ("UARTRIS", "UARTMIS"):
            mask = self.values["UARTIMSC"] if register.name == "UARTMIS" else EVERY
            return self._raised() & mask
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Send bytes, take over divisors, and keep what may only change while the UART is off."""
        control = self.values["UARTCR"]
        if register.name == "UARTDR":
            bits = (("UARTEN", UARTEN), ("TXE", TXE))
            missing = [name for name, bit in bits if not control & bit]
            if missing:
                raise self.violation(
                    Rule.UART_OFF, f"UART0 sends while {' and '.join(missing)} of UARTCR are 0"
                )
            self.send(new & 0xFF)
        elif register.name == "UARTLCR_H":
            if control & UARTEN:
                raise self.violation(Rule.LOCKED, "UARTLCR_H is written while UARTEN is 1")
            self._divisor = (self.values["UARTIBRD"], self.values["UARTFBRD"])
        elif register.name == "UARTICR":
            self.values["UARTICR"] = 0
            self._overrun = self._overrun and not new & OEIM

    def listens(self) -> bool:
        """Tell whether the receiver is on."""
        return self.values["UARTCR"] & (UARTEN | RXE) == UARTEN | RXE

    def has_room(self) -> bool:
        """Tell whether the FIFO takes a byte."""
        return len(self._fifo) < self._depth()

    def arrive(self, byte: int) -> None:
        """Take a byte from the line; if the FIFO is full it is lost, and the next one says so."""
        self._arrived = self._count()
        if not self.has_room():
            self._lost = self._overrun = True
            return
        self._fifo.append(byte | self._lost << 11)
        self._lost = False

    def setting(self) -> object:
        """Return format, divisor and clock."""
        form = self.values["UARTLCR_H"] & WORD_FORMAT
        return form, self._divisor, self._clock(), self.values["UARTCR"] & 0x86

    def check_format(self) -> None:
        """Refuse another format than 8N1, and a UART without its clock."""
        if not self._clock():
            raise self.violation(Rule.UNCLOCKED, "UART0 sends while clk_peri is off")
        if self.values["UARTLCR_H"] & WORD_FORMAT != WLEN_8 or self.values["UARTCR"] & 0x86:
            raise self.violation(
                Rule.FRAME_FORMAT,
                f"UARTLCR_H is {self.values['UARTLCR_H']:#04x}: the host speaks 8N1, WLEN 3 alone",
            )

    def reached_baud(self) -> float:
        """Compute the baud rate; the divisor is 1 at least."""
        whole, parts = self._divisor
        return 4 * self._clock() / (64 * whole + parts) if whole else 0.0

    def divisor_in_words(self) -> str:
        """Say how the baud rate comes about."""
        whole, parts = self._divisor
        return f"divisor {whole} + {parts}/64 of {self._clock():,} Hz, taken over with UARTLCR_H"

    def _depth(self) -> int:
        return FIFO_BYTES if self.values["UARTLCR_H"] & FEN else 1

    def _timeout_cycles(self) -> int:
        return self._byte_cycles() * TIMEOUT_BITS // BITS_PER_BYTE

    def _raised(self) -> int:
        """UARTRIS."""
        self.let_in()
        if not self.values["UARTCR"] & UARTEN:
            return 0
        level = RECEIVE_LEVELS[min(self.values["UARTIFLS"] >> 3 & 7, 4)] if self._depth() > 1 else 1
        silent = self._count() - self._arrived >= self._timeout_cycles()
        return (
            RXIM * (len(self._fifo) >= level)
            | RTIM * bool(self._fifo and silent)
            | OEIM * self._overrun
        )
