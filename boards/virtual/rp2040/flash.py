# SPDX-License-Identifier: Apache-2.0
"""The flash of a Pico and the SSI that reads it for the core.

RP2040 Datasheet, chapter 'SSI'; Winbond W25Q16JV Datasheet, 'Instructions' and 'AC Electrical
Characteristics'.
"""

from collections import deque
from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.rp2040.blocks import BLOCK_BYTES, MANUAL
from mcuforge.boards.virtual.rp2040.ports import IE, OD, Pads

MHZ = 1_000_000
FLASH_MANUAL = "W25Q16JV Datasheet"
QUAD_HZ, SERIAL_HZ = 133 * MHZ, 50 * MHZ  # fastest clock of EBh and of 03h
READ_SERIAL, READ_QUAD = 0x03, 0xEB
READ_STATUS = {0x05: 0, 0x35: 1}  # command -> index of the status register
WRITE_STATUS_2, VOLATILE_WRITE_ENABLE = 0x31, 0x50
QUAD_ENABLE = 0x02  # of the second status register
CONFIGURATION = ("CTRLR0", "CTRLR1", "BAUDR", "RX_SAMPLE_DLY", "SPI_CTRLR0")
BUSY, SEND_EMPTY, SEND_HAS_ROOM, RECEIVED = 1 << 0, 1 << 2, 1 << 1, 1 << 3
BYTE_FRAMES = 7 << 16  # CTRLR0: frames of 8 bits, both ways, on one line


class Flash:
    """A W25Q16JV: what it makes of the bytes it gets."""

    def __init__(self) -> None:
        """Power has just come, and quad mode is off."""
        self.status = [0, 0]
        self.continuous = False  # it expects an address, without a command
        self._sent: list[int] = []
        self._may_write = False

    @property
    def quad(self) -> bool:
        """Whether it may use its lines 2 and 3 for data."""
        return bool(self.status[1] & QUAD_ENABLE)

    def select(self) -> None:
        """Begin a transfer."""
        self._sent = []

    def exchange(self, byte: int) -> int:
        """Take a byte, and give one at the same time."""
        self._sent.append(byte)
        command, *rest = self._sent
        if command in READ_STATUS and rest:
            return self.status[READ_STATUS[command]]
        if command == VOLATILE_WRITE_ENABLE:
            self._may_write = True
        elif command == WRITE_STATUS_2 and len(rest) == 1 and self._may_write:
            self.status[1], self._may_write = byte, False
        return 0xFF

    def knows(self, command: int) -> bool:
        """Tell whether the model has a command."""
        known = (*READ_STATUS, WRITE_STATUS_2, VOLATILE_WRITE_ENABLE)
        return command in known and not self.continuous


class Ssi(Peripheral):
    """The SSI: sends bytes for a program, or reads flash when the core reads an address."""

    def __init__(self, flash: Flash, pads: Pads, count: Callable[[], int]) -> None:
        """count: cycles since reset."""
        every = 0xFFFFFFFF
        registers = (
            Register("CTRLR0", 0x00, 0, 0x017FFFFF),
            Register("CTRLR1", 0x04, 0, 0xFFFF),
            Register("SSIENR", 0x08, 0, 0x1),
            Register("SER", 0x10, 0, 0x1),
            Register("BAUDR", 0x14, 0, 0xFFFF),
            Register("TXFLR", 0x20, 0, 0, 0xFF),
            Register("RXFLR", 0x24, 0, 0, 0xFF),
            Register("SR", 0x28, 0, 0, 0x7F, waited=True),
            Register("IDR", 0x58, 0x51535049, 0, every),
            Register("SSI_VERSION_ID", 0x5C, 0x3430312A, 0, every),
            Register("DR0", 0x60, 0, every),
            Register("RX_SAMPLE_DLY", 0xF0, 0, 0xFF),
            Register("SPI_CTRLR0", 0xF4, 0x03000000, 0xFF07FB3F),
        )
        super().__init__("SSI", 0x18000000, registers, f"{MANUAL}, 'SSI'", BLOCK_BYTES)
        self._flash, self._pads, self._count = flash, pads, count
        self._received: deque[tuple[int, int]] = deque()  # count of arrival, byte
        self._ends = 0  # count at which all is sent
        self._frames: list[int] = []  # of a read with a command
        self.booting = True
        self.fastest_hz = 0  # of the flash's clock, as it is read now

    def start(self) -> None:
        """Leave it as the bootrom does after it has read the second stage."""
        left = {"CTRLR0": BYTE_FRAMES, "SSIENR": 1, "SER": 1, "BAUDR": 6}
        self.values.update(left)

    def pending(self) -> bool:
        """Tell whether a transfer is still going on."""
        return self._count() < self._ends

    def seen(self, register: Register, value: int) -> int:
        """Show the state of the FIFOs; reading DR0 takes a byte."""
        now = self._count()
        arrived = sum(at <= now for at, _ in self._received)
        if register.name == "SR":
            busy = now < self._ends
            return SEND_HAS_ROOM | (BUSY if busy else SEND_EMPTY) | RECEIVED * bool(arrived)
        if register.name == "RXFLR":
            return arrived
        if register.name != "DR0":
            return value
        if not arrived:
            raise self.violation(Rule.NOT_READY, "SSI_DR0 is read before a byte has come")
        return self._received.popleft()[1]

    def changed(self, register: Register, old: int, new: int) -> None:
        """Send, or change the configuration while the SSI is off."""
        if not self.booting:
            raise self.violation(
                Rule.LOCKED, f"SSI_{register.name} is changed by a program that lies in the flash"
            )
        if register.name in CONFIGURATION and self.values["SSIENR"] & 1:
            raise self.violation(
                Rule.LOCKED, f"SSI_{register.name} is changed while SSIENR is 1: that has no effect"
            )
        if register.name == "SSIENR":
            self._received.clear()
            self._frames = []
            if self._count() < self._ends:
                raise self.violation(Rule.LOCKED, "the SSI is switched while it still sends")
        elif register.name == "DR0":
            self._send(new)

    def why_unreadable(self) -> str:
        """Say why a read of a flash address fails; "" if it works."""
        if not self.values["SSIENR"] & self.values["SER"] & 1:
            return "SSIENR or SER is 0"
        divisor = self.values["BAUDR"]
        if not divisor or divisor % 2:
            return f"BAUDR is {divisor}, an even number starts the clock"
        lines = self._pads.values
        data = [lines[f"GPIO_QSPI_SD{n}"] for n in range(4)]
        if lines["GPIO_QSPI_SCLK"] & OD or any(pad & (OD | IE) != IE for pad in data):
            return "a pad of the flash has OD 1, or IE 0"
        control = tuple(self.values[name] for name in ("CTRLR0", "CTRLR1", "SPI_CTRLR0"))
        serial = (0x001F0300, 0, READ_SERIAL << 24 | 0x218)
        quad = (0x005F0300, 0, self.values["SPI_CTRLR0"] & 0xFF000000 | 0x2022)
        if control == serial and not self._flash.continuous:
            self.fastest_hz = SERIAL_HZ
            return ""
        if control == quad and control[2] >> 28 & 3 == 2 and self._flash.continuous:
            self.fastest_hz = QUAD_HZ
            return ""
        words = " ".join(f"{word:#010x}" for word in control)
        state = "an address on four lines" if self._flash.continuous else "a command on one line"
        return f"CTRLR0, CTRLR1 and SPI_CTRLR0 are {words}, and the flash waits for {state}"

    def check_clock(self, core_hz: int) -> None:
        """Refuse a clock of the flash that it does not follow."""
        if not self.fastest_hz:
            return
        hz = core_hz // self.values["BAUDR"]
        if hz > self.fastest_hz:
            raise self.violation(
                Rule.FLASH_CLOCK,
                f"the clock of the flash is {hz / MHZ:g} MHz, for this read it may be "
                f"{self.fastest_hz / MHZ:g} MHz",
            )

    def _send(self, word: int) -> None:
        if not self.values["SSIENR"] & self.values["SER"] & 1 or not self.values["BAUDR"]:
            raise self.violation(Rule.FLASH_OFF, "DR0 is written while SSIENR, SER or BAUDR is 0")
        if self.values["CTRLR0"] == BYTE_FRAMES:
            self._send_byte(word)
            return
        command = (self.values["CTRLR0"], self.values["CTRLR1"], self.values["SPI_CTRLR0"])
        if (command[0], command[1], command[2] & 0xFFFFFF) != (0x005F0300, 0, 0x2221):
            raise self._misunderstood("a read that is not EBh as the flash has it")
        self._frames.append(word)
        if len(self._frames) == 2:
            if self._frames[0] != READ_QUAD or not self._flash.quad or self._flash.continuous:
                raise self._misunderstood(f"command {self._frames[0]:02x}h on four lines")
            self._flash.continuous = word >> 4 & 3 == 2
            clocks = 8 + 8 + 4 + 8  # command, address and mode, wait, a word
            self._ends = self._count() + clocks * self.values["BAUDR"]

    def _send_byte(self, byte: int) -> None:
        now = self._count()
        if now >= self._ends:
            if not self._flash.knows(byte):
                raise self._misunderstood(f"command {byte:02x}h")
            self._flash.select()
        self._ends = max(now, self._ends) + 8 * self.values["BAUDR"]
        self._received.append((self._ends, self._flash.exchange(byte & 0xFF)))

    def _misunderstood(self, what: str) -> Exception:
        quad = "on" if self._flash.quad else "off"
        state = "expects addresses alone" if self._flash.continuous else f"has quad mode {quad}"
        return self.violation(
            Rule.FLASH_OFF, f"the SSI sends {what}, and the flash {state} ({FLASH_MANUAL})"
        )
