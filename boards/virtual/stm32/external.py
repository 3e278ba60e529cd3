# SPDX-License-Identifier: Apache-2.0
"""Memories outside an STM32F7: they answer once their controllers and the MPU are set up.

The model maps such a memory when the program first touches it. Whether everything is right is
checked at that moment; afterwards the controllers refuse changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from mcuforge.boards.catalog.controller import Controller, Wire
from mcuforge.boards.catalog.hardware import Hardware
from mcuforge.boards.catalog.memory import Memory
from mcuforge.boards.catalog.pin import Pin
from mcuforge.boards.virtual.armv7m import Core
from mcuforge.boards.virtual.bus import Peripheral
from mcuforge.boards.virtual.engine import Region
from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.stm32 import n25q
from mcuforge.boards.virtual.stm32.clock_tree import ClockTree
from mcuforge.boards.virtual.stm32.facts import MHZ, ChipFacts
from mcuforge.boards.virtual.stm32.ports import Gpio
from mcuforge.boards.virtual.stm32.quadspi import QuadSpi
from mcuforge.boards.virtual.stm32.sdram import MT48LC4M32B2, SdramController
from mcuforge.errors import InternalError

DEVICES = ((0xA0000000, 0x2000),)  # FMC and QUADSPI: RM0385, 'Memory map'
QSPI_BANK = (0x90000000, 0x10000000)  # origin, bytes
SDRAM_BANK_1 = 0xC0000000
QSPI_SIGNALS = {"CLK", "NCS", "IO0", "IO1", "IO2", "IO3"}
SDRAM_SIGNALS = {
    *("SDCLK", "SDCKE0", "SDNE0", "SDNRAS", "SDNCAS", "SDNWE", "NBL0", "NBL1", "BA0", "BA1"),
    *(f"A{n}" for n in range(12)),
    *(f"D{n}" for n in range(16)),
}
FASTEST = 3  # OSPEEDR
SLOW_HZ = 50 * MHZ  # DS10916, 'I/O AC characteristics': up to here OSPEEDR 2 is enough
CORE = "PM0253, 'Memory types, access order and ordering', and AN4838"


class Chip(Protocol):
    """What the memories need of the chip around them."""

    clocks: ClockTree
    core: Core
    ports: list[Gpio]

    @property
    def facts(self) -> ChipFacts:
        """What is known of the chip."""

    def cycles(self) -> int:
        """Cycles since reset."""

    def is_clocked(self, peripheral: Peripheral) -> bool:
        """Tell whether RCC gives a peripheral its clock."""

    def check_wire(
        self, user: str, signal: str, pin: Pin, functions: dict[tuple[str, str], tuple[str, int]]
    ) -> None:
        """Refuse a pin that does not carry the `signal` of the peripheral `user`."""


@dataclass
class _Attached:
    memory: Memory
    data: bytes


class ExternalMemories:
    """The controllers of a chip, and the memories that a board has on them."""

    def __init__(self, facts: ChipFacts, hardware: Hardware, chip: Chip) -> None:
        """chip: may be incomplete still; it is used when the program runs."""
        self._chip = chip
        self._attached: list[_Attached] = []
        self._controllers = {c.memory: c for c in hardware.controllers}
        self.devices = DEVICES if facts.memory_pins else ()
        self.peripherals: tuple[Peripheral, ...] = ()
        self.gates: dict[str, tuple[str, int]] = {}
        if not facts.memory_pins:
            return
        common = (chip.cycles, lambda: chip.clocks.hclk)
        self._quadspi = QuadSpi(facts.manual, *common, partial(self._check_wires, "QUADSPI"))
        lines = sum(w.signal[0] == "D" for c in hardware.controllers for w in c.pins)
        self._fmc = SdramController(
            facts.manual, MT48LC4M32B2, lines, *common, partial(self._check_wires, "FMC")
        )
        self.peripherals = (self._quadspi, self._fmc)
        self.gates = {"FMC": ("AHB3ENR", 0), "QUADSPI": ("AHB3ENR", 1)}

    def attach(self, memory: Memory, data: bytes) -> None:
        """Put a memory on its controller; InternalError for one that the model does not have."""
        controller = self._controllers[memory.name]
        known = {
            ("N25Q128A", QSPI_BANK[0], n25q.BYTES): QSPI_SIGNALS,
            (MT48LC4M32B2.name, SDRAM_BANK_1, 8 * 1024 * 1024): SDRAM_SIGNALS,
        }
        signals = known.get((controller.part, memory.origin, memory.bytes))
        if signals != {wire.signal for wire in controller.pins}:
            raise InternalError(f"the model cannot attach {controller.part} as '{memory.name}'")
        self._attached.append(_Attached(memory, data))

    def missing(self, address: int, writing: bool) -> tuple[Region, bytes] | None:
        """Give the memory at an address that the program touches first; Violation if it is off."""
        for attached in self._attached:
            memory = attached.memory
            if not memory.origin <= address < memory.end:
                continue
            self._check(memory, address, writing)
            flash = memory.kind == "flash"
            return Region(memory.name, memory.origin, memory.bytes, code=flash), attached.data
        return None

    def _check(self, memory: Memory, address: int, writing: bool) -> None:
        flash = memory.kind == "flash"
        controller = self._quadspi if flash else self._fmc
        if not self._chip.is_clocked(controller):
            raise controller.violation(
                Rule.UNCLOCKED,
                f"'{memory.name}' is used while the clock of {controller.name} is off",
            )
        if flash and writing:
            raise controller.violation(
                Rule.FLASH_WRITE, f"the program writes to {address:#010x}, which is flash"
            )
        if flash:
            self._quadspi.check_mapped(memory.bytes)
            self._quadspi.used = True
        else:
            self._fmc.check_access()
            self._fmc.used = True
        self._check_type(memory, QSPI_BANK[0] + QSPI_BANK[1] if flash else memory.end)

    def _check_type(self, memory: Memory, bank_end: int) -> None:
        """Refuse device memory, where unaligned accesses fault, and normal memory behind."""
        is_normal: Callable[[int], bool] = self._chip.core.control.is_normal
        for address in (memory.origin, memory.origin + memory.bytes // 2, memory.end - 1):
            if not is_normal(address):
                raise Violation(
                    Rule.DEVICE_MEMORY,
                    f"'{memory.name}' has data at {address:#010x}, which is device memory for the "
                    "core or forbidden: accesses that are not aligned fault there",
                    CORE,
                )
        for address in (memory.end, bank_end - 1):
            if address >= memory.end and is_normal(address) and bank_end > memory.end:
                raise Violation(
                    Rule.SPECULATION,
                    f"{address:#010x}, behind '{memory.name}', is normal memory: the core may read "
                    "ahead there, and the controller waits for an answer that does not come",
                    CORE,
                )

    def _check_wires(self, user: str, hz: int) -> None:
        """Refuse wrong pins of a controller whose memory has this clock."""
        for wire in self._wires(user):
            self._chip.check_wire(user, wire.signal, wire.pin, self._chip.facts.memory_pins)
            port = self._chip.ports[wire.pin.port]
            speed = port.values["OSPEEDR"] >> (2 * wire.pin.number) & 3
            if hz > SLOW_HZ and speed != FASTEST:
                raise port.violation(
                    Rule.PIN_SPEED,
                    f"{wire.pin.name}, {wire.signal} of {user}, has OSPEEDR {speed}; a clock of "
                    f"{hz / MHZ:g} MHz needs {FASTEST}",
                )

    def _wires(self, user: str) -> tuple[Wire, ...]:
        part = {"QUADSPI": "N25Q128A", "FMC": MT48LC4M32B2.name}[user]
        found: list[Controller] = [c for c in self._controllers.values() if c.part == part]
        return found[0].pins if found else ()
