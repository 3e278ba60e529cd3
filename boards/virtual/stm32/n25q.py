# SPDX-License-Identifier: Apache-2.0
"""A serial flash N25Q128A, as its data sheet describes it to whoever sends commands.

'3V, Multiple I/O, 4KB Sector Erase', N25Q128A: 'Command Definitions', 'Volatile Configuration
Register', 'Enhanced Volatile Configuration Register', 'Supported Clock Frequencies'.
"""

from dataclasses import dataclass

from mcuforge.boards.virtual.failure import Rule, Violation

MANUAL = "the data sheet of the N25Q128A"
MHZ = 1_000_000
BYTES = 16 * 1024 * 1024
ID = bytes((0x20, 0xBA, 0x18))
DESELECT_NS = 50.0  # tSHSL2, between two commands of which the first is not a read


@dataclass(frozen=True)
class Read:
    """A command that reads: lines of instruction, address and data.

    hz: the fastest clock by the number of dummy cycles, 0 where it does not work; the last entry
    holds for more.
    """

    name: str
    lines: tuple[int, int, int]
    default_dummy: int
    hz: tuple[int, ...]


def _mhz(*values: int) -> tuple[int, ...]:
    return tuple(value * MHZ for value in values)


READS = {
    0x03: Read("READ", (1, 1, 1), 0, _mhz(54)),
    0x0B: Read("FAST READ", (1, 1, 1), 8, _mhz(0, 90, 100, 108)),
    0x3B: Read("DUAL OUTPUT FAST READ", (1, 1, 2), 8, _mhz(0, 80, 90, 100, 105, 108)),
    0xBB: Read("DUAL INPUT/OUTPUT FAST READ", (1, 2, 2), 8, _mhz(0, 50, 70, 80, 90, 100, 105, 108)),
    0x6B: Read("QUAD OUTPUT FAST READ", (1, 1, 4), 8, _mhz(0, 43, 60, 75, 90, 100, 105, 108)),
    0xEB: Read(
        "QUAD INPUT/OUTPUT FAST READ",
        (1, 4, 4),
        10,
        _mhz(0, 30, 40, 50, 60, 70, 80, 86, 95, 105, 108),
    ),
}
RESET_ENABLE, RESET, READ_ID, READ_STATUS = 0x66, 0x99, 0x9F, 0x05
WRITE_ENABLE, WRITE_DISABLE, READ_VOLATILE, WRITE_VOLATILE = 0x06, 0x04, 0x85, 0x81
ANSWERS = {READ_ID: 3, READ_STATUS: 1, READ_VOLATILE: 1}  # bytes
ORDERS = (RESET_ENABLE, RESET, WRITE_ENABLE, WRITE_DISABLE)


class N25q:
    """The state of the flash; time is a count of the core's cycles."""

    def __init__(self) -> None:
        """Power is on: the configuration is that of the factory."""
        self._volatile = 0xFB  # 15 dummy cycles stand for each command's own number
        self._writable = False
        self._reset_enabled = False

    @property
    def dummy_cycles(self) -> int:
        """What the volatile configuration register says; 0 and 15 stand for the defaults."""
        return self._volatile >> 4

    def order(self, instruction: int, lines: int, sent: bytes) -> None:
        """Take a command without an answer."""
        if lines == 4 and not sent and instruction in (RESET_ENABLE, RESET):
            return  # two clocks: too few bits for an instruction on one line, so it is ignored
        self._check_lines(instruction, lines)
        enabled, self._reset_enabled = self._reset_enabled, instruction == RESET_ENABLE
        if instruction == WRITE_VOLATILE and len(sent) == 1:
            if not self._writable:
                raise Violation(
                    Rule.WRITE_ENABLE,
                    f"the flash gets {sent[0]:#04x} for its volatile configuration register, and "
                    "WRITE ENABLE was not sent before: it ignores that",
                    MANUAL,
                )
            self._volatile, self._writable = sent[0], False
        elif sent or instruction not in ORDERS:
            raise self._unknown(instruction, f"with {len(sent)} bytes of data")
        elif instruction == RESET and enabled:
            self._volatile, self._writable = 0xFB, False
        elif instruction in (WRITE_ENABLE, WRITE_DISABLE):
            self._writable = instruction == WRITE_ENABLE

    def answer(self, instruction: int, lines: int, size: int) -> bytes:
        """Answer a command that reads a register."""
        self._check_lines(instruction, lines)
        self._reset_enabled = False
        if instruction not in ANSWERS:
            raise self._unknown(instruction, "and its answer is read")
        status = self._writable << 1
        found = {
            READ_ID: ID,
            READ_STATUS: bytes((status,)),
            READ_VOLATILE: bytes((self._volatile,)),
        }
        return (found[instruction] * size)[:size]

    def check_read(
        self, instruction: int, lines: tuple[int, int, int], dummy: int, hz: int
    ) -> None:
        """Refuse a command that does not read the memory right at this clock."""
        read = READS.get(instruction)
        if read is None:
            raise self._unknown(instruction, "to read memory")
        if lines != read.lines:
            raise Violation(
                Rule.FLASH_COMMAND,
                f"{read.name} ({instruction:#04x}) is sent with instruction, address and data on "
                f"{_words(lines)} lines; the flash takes it on {_words(read.lines)}",
                MANUAL,
            )
        if self._volatile & 0xB != 0xB:
            raise Violation(
                Rule.GEOMETRY,
                f"the volatile configuration register is {self._volatile:#04x}: reads wrap unless "
                "its bits 0 and 1 are set, and without bit 3 a read may leave out its instruction",
                MANUAL,
            )
        wanted = read.default_dummy
        if wanted and self.dummy_cycles not in (0, 15):
            wanted = self.dummy_cycles
        if dummy != wanted:
            raise Violation(
                Rule.DUMMY,
                f"the controller leaves {dummy} dummy cycles in {read.name}, the flash {wanted}",
                MANUAL,
            )
        fastest = read.hz[min(dummy, len(read.hz) - 1)]
        if hz > fastest:
            raise Violation(
                Rule.FLASH_CLOCK,
                f"the flash gets {read.name} with {dummy} dummy cycles at {hz / MHZ:g} MHz, it may "
                f"get it at {fastest / MHZ:g} MHz",
                MANUAL,
            )

    def _check_lines(self, instruction: int, lines: int) -> None:
        if lines != 1:
            raise Violation(
                Rule.FLASH_COMMAND,
                f"the instruction {instruction:#04x} is sent on {lines} lines, and no command has "
                "switched the flash to that protocol",
                MANUAL,
            )

    def _unknown(self, instruction: int, how: str) -> Violation:
        return Violation(
            Rule.FLASH_COMMAND, f"the flash gets the instruction {instruction:#04x} {how}", MANUAL
        )


def _words(lines: tuple[int, int, int]) -> str:
    return ", ".join(map(str, lines))
