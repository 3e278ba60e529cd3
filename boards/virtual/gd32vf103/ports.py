# SPDX-License-Identifier: Apache-2.0
"""GPIO, USART, ECLIC and DBG of the GD32VF103: the chapters of its manual with these names.

The ECLIC's registers are from the Bumblebee Core Architecture Manual, chapter 'ECLIC'.
"""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.gd32vf103.clocks import MANUAL
from mcuforge.boards.virtual.serial import SerialPeripheral

CORE_MANUAL = "Bumblebee Core Architecture Manual"
EVERY = 0xFFFFFFFF
INTERRUPTS = 87
OUTPUT_PUSH_PULL, FUNCTION_PUSH_PULL, FLOATING, PULLED = 0, 2, 1, 2  # CTL of an output; of an input
ORERR, RBNE, TC, TBE = 1 << 3, 1 << 5, 1 << 6, 1 << 7
REN, TEN, RBNEIE, TCIE, TBEIE, UEN = 1 << 2, 1 << 3, 1 << 5, 1 << 6, 1 << 7, 1 << 13
IDCODE = 0x19060410


class Gpio(Peripheral):
    """A port of sixteen pins."""

    def __init__(self, port: int) -> None:
        """port: 0 is GPIOA. All pins are floating inputs."""
        registers = (
            Register("CTL0", 0x00, 0x44444444, EVERY),
            Register("CTL1", 0x04, 0x44444444, EVERY),
            Register("ISTAT", 0x08, 0, 0, 0xFFFF),
            Register("OCTL", 0x0C, 0, 0xFFFF),
            Register("BOP", 0x10, 0, EVERY),
            Register("BC", 0x14, 0, 0xFFFF),
            Register("LOCK", 0x18, 0, 0x1FFFF),
        )
        manual = f"{MANUAL}, 'General-purpose and alternate-function I/Os (GPIO and AFIO)'"
        super().__init__(
            f"GPIO{chr(ord('A') + port)}", 0x40010800 + 0x400 * port, registers, manual
        )
        self.on_change: Callable[[], None] = lambda: None

    def level(self, pin: int) -> bool | None:
        """Return what a pin drives; None while it is no output of the program."""
        speed, control = self.mode(pin)
        if speed == 0 or control != OUTPUT_PUSH_PULL:
            return None
        return bool(self.values["OCTL"] >> pin & 1)

    def mode(self, pin: int) -> tuple[int, int]:
        """MD and CTL of a pin; MD 0 is an input."""
        bits = self.values["CTL1" if pin >= 8 else "CTL0"] >> (4 * (pin % 8))
        return bits & 3, bits >> 2 & 3

    def pulls_up(self, pin: int) -> bool:
        """Tell to which side a pulled input is pulled."""
        return bool(self.values["OCTL"] >> pin & 1)

    def changed(self, register: Register, old: int, new: int) -> None:
        """BOP sets and clears bits of OCTL, BC clears them."""
        if register.name in ("BOP", "BC"):
            self.values[register.name] = 0
            cleared = new >> 16 if register.name == "BOP" else new
            raised = new & 0xFFFF if register.name == "BOP" else 0
            self.values["OCTL"] = (self.values["OCTL"] & ~cleared) | raised
        self.on_change()


class Usart(SerialPeripheral):
    """A USART with STAT and DATA; BAUD is the bus clock divided by the baud rate."""

    def __init__(
        self,
        name: str,
        origin: int,
        clock: Callable[[], int],
        count: Callable[[], int],
        core_hz: Callable[[], int],
    ) -> None:
        """clock: the bus clock in Hz; count: cycles since reset; core_hz: cycles per second."""
        registers = (
            Register("STAT", 0x00, 0xC0, 0x360, 0x9F, waited=True),
            Register("DATA", 0x04, 0, 0x1FF),
            Register("BAUD", 0x08, 0, 0xFFFF),
            Register("CTL0", 0x0C, 0, 0x3FFF),
            Register("CTL1", 0x10, 0, 0x7F6F),
            Register("CTL2", 0x14, 0, 0x7FF),
            Register("GP", 0x18, 0, 0xFFFF),
        )
        manual = f"{MANUAL}, 'Universal synchronous/asynchronous receiver/transmitter (USART)'"
        super().__init__(name, origin, registers, manual, count, core_hz)
        self._clock = clock
        self._received = -1  # in DATA; -1: empty
        self._overrun = False

    def asks(self) -> bool:
        """Tell whether the interrupt line is up."""
        control = self.values["CTL0"]
        if not control & UEN:
            return False
        status = self._status()
        return bool(
            (control & RBNEIE and status & (RBNE | ORERR))
            or (control & TBEIE and status & TBE)
            or (control & TCIE and status & TC)
        )

    def pending(self) -> bool:
        """Tell whether STAT can change."""
        return bool(self.values["CTL0"] & UEN)

    def seen(self, register: Register, value: int) -> int:
        """Show the line in STAT; reading DATA takes the byte."""
        if register.name == "STAT":
            return self._status()
        if register.name == "DATA":
            self.let_in()
            byte, self._received = max(self._received, 0), -1
            self._overrun = False
            return byte
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Send what is written to DATA."""
        if register.name != "DATA":
            return
        bits = (("UEN", UEN), ("TEN", TEN))
        missing = [name for name, bit in bits if not self.values["CTL0"] & bit]
        if missing:
            raise self.violation(
                Rule.UART_OFF, f"{self.name} sends while {' and '.join(missing)} of CTL0 are 0"
            )
        self.send(new & 0xFF)

    def listens(self) -> bool:
        """Tell whether the receiver is on."""
        return self.values["CTL0"] & (UEN | REN) == UEN | REN

    def has_room(self) -> bool:
        """Tell whether DATA is empty."""
        return self._received < 0

    def arrive(self, byte: int) -> None:
        """Take a byte from the line; while DATA is full the new byte is lost."""
        if self._received >= 0:
            self._overrun = True
        else:
            self._received = byte

    def setting(self) -> object:
        """Return format, divisor and clock."""
        stop = self.values["CTL1"] & 0x3000
        return self.values["CTL0"] & 0x1400, stop, self.values["BAUD"], self._clock()

    def check_format(self) -> None:
        """Refuse another format than 8N1."""
        if self.values["CTL0"] & 0x1400 or self.values["CTL1"] & 0x3000:
            raise self.violation(
                Rule.FRAME_FORMAT, f"{self.name} has WL, PCEN or STB set: the host speaks 8N1"
            )

    def reached_baud(self) -> float:
        """Compute the baud rate."""
        divisor = self.values["BAUD"]
        return self._clock() / divisor if divisor >= 16 else 0.0

    def divisor_in_words(self) -> str:
        """Say how the baud rate comes about."""
        return f"BAUD {self.values['BAUD']} of {self._clock():,} Hz"

    def _status(self) -> int:
        self.let_in()
        status = self.values["STAT"] & ~(RBNE | ORERR | TC | TBE)
        status |= RBNE if self._received >= 0 else 0
        status |= ORERR if self._overrun else 0
        waits = self.unsent_bytes()
        status |= TBE if waits <= 1 else 0
        return status | (TC if waits <= 0 else 0)


class Eclic(Peripheral):
    """The interrupt controller beside the core: four registers of a byte per interrupt."""

    def __init__(self) -> None:
        """No interrupt is enabled."""
        registers = [
            Register("CLICCFG", 0x00, 0, 0x1E),
            Register("CLICINFO", 0x04, 4 << 21 | 1 << 13 | INTERRUPTS, 0, 0x01FFFFFF),
            Register("MTH", 0x0B, 0, 0xFF),
        ]
        for n in range(INTERRUPTS):
            registers += [
                Register(f"CLICINTIP_{n}", 0x1000 + 4 * n, 0, 0x1),
                Register(f"CLICINTIE_{n}", 0x1001 + 4 * n, 0, 0x1),
                Register(f"CLICINTATTR_{n}", 0x1002 + 4 * n, 0, 0x7),
                Register(f"CLICINTCTL_{n}", 0x1003 + 4 * n, 0, 0xFF),
            ]
        super().__init__("ECLIC", 0xD2000000, registers, f"{CORE_MANUAL}, 'ECLIC'", size=0x1400)
        self.lines: dict[int, Callable[[], bool]] = {}  # interrupt -> whether it asks

    def takes(self, offset: int, size: int) -> bool:
        """Only CLICINFO is a word."""
        return size == (4 if offset == 4 else 1)

    def seen(self, register: Register, value: int) -> int:
        """Show which interrupts ask."""
        name, _, number = register.name.partition("_")
        if name == "CLICINTIP" and int(number) in self.lines:
            return int(self.lines[int(number)]())
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Refuse what the model does not know: vectored interrupts, and edges."""
        if register.name.startswith("CLICINTATTR") and new:
            raise self.violation(
                Rule.VECTOR,
                f"ECLIC_{register.name} is {new:#x}: vectored or by edge, and the UART's interrupt "
                "is a level that is taken at mtvec",
            )

    def asked(self) -> int | None:
        """The enabled interrupt of the highest level above the threshold; None: none asks."""
        asking = [
            (self.values[f"CLICINTCTL_{n}"] | 0xF, n)  # four bits are implemented
            for n, line in self.lines.items()
            if self.values[f"CLICINTIE_{n}"]
            and (self.values[f"CLICINTCTL_{n}"] | 0xF) > self.values["MTH"]
            and line()
        ]
        return max(asking)[1] if asking else None


class Debug(Peripheral):
    """DBG: who the chip is."""

    def __init__(self) -> None:
        """Only the identification."""
        registers = (Register("ID", 0x00, IDCODE, 0, EVERY),)
        super().__init__("DBG", 0xE0042000, registers, f"{MANUAL}, 'Debug (DBG)'")
