# SPDX-License-Identifier: Apache-2.0
"""Strict device registers: what may be written, what is clocked, what may be waited for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mcuforge.boards.virtual.failure import Rule, Violation

POLLS = 2000  # reads in a row of a register that cannot change: the program would wait for ever
WORD = 0xFFFFFFFF


@dataclass(frozen=True)
class Register:
    """A register at an offset. Bits in neither mask are reserved: they keep their reset value.

    writable: bits that software sets. read_only: bits that the hardware sets; writing them back is
    harmless. waited: software waits for its bits, so endless reads of it are a fault.
    """

    name: str
    offset: int
    reset: int
    writable: int
    read_only: int = 0
    waited: bool = False


class Peripheral:
    """The registers of one peripheral; a model overrides `seen` and `changed`."""

    def __init__(
        self, name: str, origin: int, registers: Iterable[Register], manual: str, size: int = 0x400
    ) -> None:
        """manual: the document and chapter with these registers, for errors."""
        self.name = name
        self.origin = origin
        self.bytes = size
        self.manual = manual
        self.registers = {register.offset: register for register in registers}
        self.values = {register.name: register.reset for register in self.registers.values()}
        self._polled = ""
        self._polls = 0
        self._last = 0

    def seen(self, register: Register, value: int) -> int:
        """Return what a read of `register` gives, whose stored value is `value`."""
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Act on a write, which has been stored already."""

    def pending(self) -> bool:
        """Tell whether a bit that was asked for is still to come."""
        return False

    def takes(self, offset: int, size: int) -> bool:
        """Tell whether an access of so many bytes is one of the right width."""
        return size == 4 and offset % 4 == 0

    def violation(self, rule: Rule, what: str) -> Violation:
        """Make a Violation that names this peripheral's chapter."""
        return Violation(rule, what, self.manual)

    def forget_polls(self) -> None:
        """Note that the program did something else than to read the same register again."""
        self._polled = ""

    def read(self, offset: int) -> int:
        """Read a register; Violation if there is no register, or if the program waits in vain."""
        register = self._find(offset)
        value = self.seen(register, self.values[register.name])
        if register.waited:
            same = self._polled == register.name and self._last == value and not self.pending()
            self._polls = self._polls + 1 if same else 0
            self._polled, self._last = register.name, value
            if self._polls >= POLLS:
                raise self.violation(
                    Rule.POLL,
                    f"{self.name}_{register.name} is read {POLLS} times and stays {value:#010x}: "
                    "nothing that was asked for can change it",
                )
        return value

    def write(self, offset: int, value: int) -> None:
        """Write a register. Violation for reserved bits and registers that cannot be written."""
        register = self._find(offset)
        name = f"{self.name}_{register.name}"
        if register.writable == 0:
            raise self.violation(Rule.READ_ONLY, f"{value:#010x} is written to {name}")
        reserved = ~(register.writable | register.read_only) & WORD
        if wrong := (value ^ register.reset) & reserved:
            raise self.violation(
                Rule.RESERVED,
                f"{value:#010x} is written to {name}: bits {wrong:#010x} are reserved",
            )
        old = self.values[register.name]
        new = (value & register.writable) | (old & ~register.writable & WORD)
        self.values[register.name] = new
        self.changed(register, old, new)

    def _find(self, offset: int) -> Register:
        register = self.registers.get(offset)
        if register is None:
            raise self.violation(
                Rule.UNMAPPED, f"{self.name} has no register at offset {offset:#x} in the model"
            )
        return register


class Bus:
    """Peripherals by address. `clocked` tells whether a peripheral's clock is on."""

    def __init__(
        self, peripherals: Iterable[Peripheral], clocked: Callable[[Peripheral], bool], manual: str
    ) -> None:
        """manual: where the memory map is."""
        self.peripherals = {p.name: p for p in peripherals}
        self._clocked = clocked
        self._manual = manual
        self._pages = {
            page: peripheral
            for peripheral in self.peripherals.values()
            for page in range(
                peripheral.origin // 0x400, (peripheral.origin + peripheral.bytes - 1) // 0x400 + 1
            )
        }
        self._last: Peripheral | None = None

    def read(self, address: int, size: int) -> int:
        """Read a register; Violation for what the chip would not answer."""
        peripheral = self._find(address, size)
        return peripheral.read(address - peripheral.origin)

    def write(self, address: int, size: int, value: int) -> None:
        """Write a register; Violation for what the chip would not accept."""
        peripheral = self._find(address, size)
        peripheral.forget_polls()
        peripheral.write(address - peripheral.origin, value)

    def _find(self, address: int, size: int) -> Peripheral:
        peripheral = self._pages.get(address // 0x400)
        if peripheral is None:
            raise Violation(
                Rule.UNMAPPED,
                f"access to {address:#010x}, where the model has no peripheral",
                self._manual,
            )
        if not peripheral.takes(address - peripheral.origin, size):
            raise peripheral.violation(
                Rule.WIDTH,
                f"{size} bytes of {peripheral.name} at {address:#010x}: its registers have another "
                "width",
            )
        if not self._clocked(peripheral):
            raise peripheral.violation(
                Rule.UNCLOCKED, f"{peripheral.name} is used while its clock is off"
            )
        if self._last is not peripheral:
            if self._last is not None:
                self._last.forget_polls()
            self._last = peripheral
        return peripheral
