# SPDX-License-Identifier: Apache-2.0
"""QUADSPI of the STM32F7 with an N25Q128A behind it: RM0385, 'Quad-SPI interface (QUADSPI)'."""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.stm32 import n25q
from mcuforge.boards.virtual.stm32.facts import MHZ

WORD = 0xFFFFFFFF
EN, ABORT = 1 << 0, 1 << 1
TCF, FTF, BUSY = 1 << 1, 1 << 2, 1 << 5
WRITE, READ, POLL, MAPPED = range(4)  # FMODE
CONTROLLER_HZ = 108 * MHZ  # DS10916, 'Quad-SPI characteristics', SDR mode
LINES = {0: 0, 1: 1, 2: 2, 3: 4}  # of IMODE, ADMODE, ABMODE, DMODE
FIFO_BYTES = 32
SETTLE_CYCLES = (
    20  # of HCLK: TCF tells of the last bit, BUSY also of what the controller does after
)


def registers() -> tuple[Register, ...]:
    """The registers, with the bits that exist."""
    return (
        Register("CR", 0x00, 0, 0xFFDF1FDF),
        Register("DCR", 0x04, 0, 0x001F0701),
        Register("SR", 0x08, 0, 0, 0x3F3F, waited=True),
        Register("FCR", 0x0C, 0, 0x1B),
        Register("DLR", 0x10, 0, WORD),
        Register("CCR", 0x14, 0, 0xDF7FFFFF),
        Register("AR", 0x18, 0, WORD),
        Register("ABR", 0x1C, 0, WORD),
        Register("DR", 0x20, 0, WORD),
        Register("PSMKR", 0x24, 0, WORD),
        Register("PSMAR", 0x28, 0, WORD),
        Register("PIR", 0x2C, 0, 0xFFFF),
        Register("LPTR", 0x30, 0, 0xFFFF),
    )


class QuadSpi(Peripheral):
    """The controller. `used`: the program has read memory through it."""

    def __init__(
        self,
        manual: str,
        count: Callable[[], int],
        hclk: Callable[[], int],
        check_wires: Callable[[int], None],
    ) -> None:
        """count: cycles since reset; hclk: Hz; check_wires: refuses wrong pins at a clock in Hz."""
        super().__init__(
            "QUADSPI", 0xA0001000, registers(), f"{manual}, 'Quad-SPI interface (QUADSPI)'"
        )
        self.flash = n25q.N25q()
        self.used = False
        self._count, self._hclk, self._check_wires = count, hclk, check_wires
        self._complete_at = self._busy_until = 0
        self._complete = False
        self._data = bytearray()  # that the flash has answered, or gets
        self._waits_for_data = 0  # bytes

    @property
    def hz(self) -> int:
        """The clock of the flash."""
        return self._hclk() // ((self.values["CR"] >> 24) + 1)

    def takes(self, offset: int, size: int) -> bool:
        """DR may be read and written by bytes: its width is the number of bytes that move."""
        return (offset == 0x20 and size in (1, 2, 4)) or super().takes(offset, size)

    def pending(self) -> bool:
        """Tell whether BUSY will fall or TCF rise by itself."""
        return self._busy

    @property
    def _busy(self) -> bool:
        return self._count() < self._busy_until or self._waits_for_data > 0

    def seen(self, register: Register, value: int) -> int:
        """Show the flags; DR gives the next byte of an answer."""
        if register.name == "SR":
            busy = self._busy
            came = self._count() >= self._complete_at
            data = FTF if came and self._mode() == READ and self._data else 0
            complete = self._complete and came
            return data | (BUSY if busy else 0) | (TCF if complete else 0)
        if register.name == "DR":
            if not self._data or self._mode() != READ:
                raise self.violation(
                    Rule.EXTERNAL_OFF, "QUADSPI_DR is read, and the flash was not asked for data"
                )
            return self._data.pop(0)
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Refuse changes while a command runs, and send commands to the flash."""
        name = register.name
        locked = name in ("CR", "DCR", "DLR", "CCR", "AR", "ABR", "PSMKR", "PSMAR")
        if locked and (self._busy or self.used) and not (name == "CR" and new & ABORT):
            why = "the flash is read as memory" if self.used else "BUSY of QUADSPI_SR is 1"
            raise self.violation(Rule.LOCKED, f"QUADSPI_{name} is written while {why}")
        if name == "FCR":
            self.values["FCR"] = 0
            self._complete = self._complete and not new & TCF
        elif name == "CCR":
            self._command(new)
        elif name == "DR":
            self._write_data(new & 0xFF)

    def check_mapped(self, flash_bytes: int) -> None:
        """Refuse a read of the flash as memory unless everything is set up for it."""
        if not self.values["CR"] & EN or self._mode() != MAPPED:
            raise self.violation(
                Rule.EXTERNAL_OFF,
                f"the flash is read as memory while EN is {self.values['CR'] & EN} and FMODE "
                f"{self._mode()}: 3 is memory-mapped mode",
            )
        self._check_line()
        size = 2 << (self.values["DCR"] >> 16 & 31)
        ccr = self.values["CCR"]
        if size != flash_bytes or ccr >> 12 & 3 != 2:
            raise self.violation(
                Rule.GEOMETRY,
                f"QUADSPI has a flash of {size:,} bytes and addresses of "
                f"{8 * (ccr >> 12 & 3) + 8} bits; the board's has {flash_bytes:,} and 24",
            )
        if ccr & 0x80000000 or ccr >> 14 & 3 or ccr >> 28 & 1:
            raise self.violation(
                Rule.FLASH_COMMAND,
                "DDRM, ABMODE or SIOO of QUADSPI_CCR is set: the flash's read commands have none",
            )
        lines = (LINES[ccr >> 8 & 3], LINES[ccr >> 10 & 3], LINES[ccr >> 24 & 3])
        self.flash.check_read(ccr & 0xFF, lines, ccr >> 18 & 31, self.hz)

    def _mode(self) -> int:
        return self.values["CCR"] >> 26 & 3

    def _check_line(self) -> None:
        """Check pins, clock and the pause between two commands."""
        hz = self.hz
        self._check_wires(hz)
        if hz > CONTROLLER_HZ:
            raise self.violation(
                Rule.FLASH_CLOCK,
                f"the flash's clock is {hz / MHZ:g} MHz, QUADSPI makes {CONTROLLER_HZ / MHZ:g} MHz",
            )
        high = (self.values["DCR"] >> 8 & 7) + 1
        if high / hz * 1e9 < n25q.DESELECT_NS:
            raise self.violation(
                Rule.TIMING,
                f"CSHT leaves NCS high for {high / hz * 1e9:.0f} ns between two commands, the "
                f"flash needs {n25q.DESELECT_NS:g} ns",
            )

    def _command(self, ccr: int) -> None:
        if not self.values["CR"] & EN:
            raise self.violation(Rule.EXTERNAL_OFF, "QUADSPI_CCR is written while EN of CR is 0")
        mode, lines = ccr >> 26 & 3, LINES[ccr >> 8 & 3]
        if mode == MAPPED:
            return  # checked at the first read
        if mode == POLL or ccr >> 10 & 3 or ccr >> 14 & 3 or ccr >> 18 & 31 or not lines:
            raise self.violation(
                Rule.FLASH_COMMAND,
                f"QUADSPI_CCR gets {ccr:#010x}: the model knows commands without an address",
            )
        self._check_line()
        size = self.values["DLR"] + 1 if ccr >> 24 & 3 else 0
        self._data.clear()
        self._complete = False
        if mode == WRITE and size:
            self._waits_for_data = size
            return
        if size and LINES[ccr >> 24 & 3] != lines:
            raise self.violation(
                Rule.FLASH_COMMAND, "a register of the flash is read on other lines than asked for"
            )
        if mode == READ:
            self._data += self.flash.answer(ccr & 0xFF, lines, min(size, FIFO_BYTES))
        else:
            self.flash.order(ccr & 0xFF, lines, b"")
        self._finish(8 // lines + size * 8 // lines)

    def _write_data(self, byte: int) -> None:
        if not self._waits_for_data:
            raise self.violation(
                Rule.EXTERNAL_OFF, "QUADSPI_DR is written, and no command waits for data"
            )
        self._data.append(byte)
        self._waits_for_data -= 1
        if not self._waits_for_data:
            ccr = self.values["CCR"]
            lines = LINES[ccr >> 8 & 3]
            self.flash.order(ccr & 0xFF, lines, bytes(self._data))
            self._data.clear()
            self._finish(16 // lines)

    def _finish(self, clocks: int) -> None:
        """End the command so many clocks of the flash later."""
        divisor = (self.values["CR"] >> 24) + 1
        high = (self.values["DCR"] >> 8 & 7) + 1
        self._complete_at = self._count() + clocks * divisor
        self._busy_until = self._complete_at + high * divisor + SETTLE_CYCLES
        self._complete = True
