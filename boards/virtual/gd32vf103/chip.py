# SPDX-License-Identifier: Apache-2.0
"""A GD32VF103 put together: core, memories, registers, and the wires of a board."""

from collections.abc import Callable

from mcuforge.boards.catalog.hardware import Hardware
from mcuforge.boards.virtual.bus import Bus, Peripheral
from mcuforge.boards.virtual.chip import Outputs, VirtualChip
from mcuforge.boards.virtual.engine import RV32IMAC, Engine, Region
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.gd32vf103.clocks import MANUAL, Clocks, Flash
from mcuforge.boards.virtual.gd32vf103.ports import (
    CORE_MANUAL,
    FLOATING,
    FUNCTION_PUSH_PULL,
    PULLED,
    Debug,
    Eclic,
    Gpio,
    Usart,
)
from mcuforge.boards.virtual.riscv import COMMON, INTERRUPT, Csr, Hart, HartCore
from mcuforge.errors import InternalError

KIB = 1024
NAME = "GD32VF103"
DEVICES = ((0x40000000, 0x30000), (0xD2000000, 0x2000), (0xE0042000, 0x1000))  # origin, bytes
PORTS = 5
USART0 = (0x40013800, 56, 14)  # address, interrupt, bit of APB2EN
START = 0x00000000
MEMORIES = (
    # the chip starts at 0, where the flash appears too: 'Boot configuration'
    Region("flash", 0x08000000, 128 * KIB, code=True, alias=START),
    Region("sram", 0x20000000, 32 * KIB, code=False),
)

BUMBLEBEE = Hart(
    name="the Bumblebee core",
    manual=CORE_MANUAL,
    csrs=(
        *COMMON,
        Csr("misa", 0x301, 0x40901105, 0),
        Csr("mie", 0x304, 0, 0x888),  # without effect in ECLIC mode
        Csr("mtvt", 0x307, 0, 0xFFFFFFC0),
        Csr("mcountinhibit", 0x320, 0x5, 0x5),  # either may be set when a program begins
        Csr("mip", 0x344, 0, 0),
        Csr("msubm", 0x7C4, 0, 0x3C0),
        Csr("mmisc_ctl", 0x7D0, 0, 0x200),
        Csr("mtvt2", 0x7EC, 0, 0xFFFFFFFD),
        Csr("mvendorid", 0xF11, 0x31E, 0),
    ),
    trap_alignment=64,
    trap_modes=(3,),
    guard=(0x1FFFF810, 0x7F0),
)


class Gd32vf103(VirtualChip):
    """A virtual GD32VF103 on a board."""

    def __init__(
        self, hardware: Hardware, baud: int, code: bytes, places: Callable[[int], str]
    ) -> None:
        """code: the flash from its first byte; places: names the source of an address."""
        if hardware.uart != "USART0":
            raise InternalError(f"the model of {NAME} has no {hardware.uart}")
        self._hardware = hardware
        engine = Engine(RV32IMAC, MEMORIES, DEVICES, code)

        def count() -> int:
            return engine.counter.count

        flash, eclic = Flash(), Eclic()
        clocks = Clocks((hardware.oscillator_hz, hardware.bypass), flash, count)
        self.clocks: Clocks = clocks
        self._ports = [Gpio(port) for port in range(PORTS)]
        self.outputs = Outputs(hardware, lambda pin: self._ports[pin.port].level(pin.number))
        self.outputs.now = lambda: (count(), clocks.time.hz)
        for port in self._ports:
            port.on_change = self.outputs.look
        address, interrupt, bit = USART0
        uart = Usart("USART0", address, lambda: clocks.apb2, count, lambda: clocks.time.hz)
        uart.baud = baud
        uart.check_pins = self._check_pins
        self.uart = uart
        eclic.lines[interrupt] = uart.asks
        self._gates = {port.name: n + 2 for n, port in enumerate(self._ports)} | {uart.name: bit}
        devices: list[Peripheral] = [clocks, flash, eclic, uart, Debug(), *self._ports]
        bus = Bus(devices, self._is_clocked, f"{MANUAL}, 'Memory map'")
        flash_memory = MEMORIES[0]

        def place(pc: int) -> str:
            """Name a place in either view of the flash."""
            return places(pc + flash_memory.origin if pc < flash_memory.bytes else pc)

        core = HartCore(BUMBLEBEE, engine, START, place, bus.read, bus.write)
        self._eclic = eclic
        core.asked = self._asked
        core.on_trap = self._entered
        self.core: HartCore = core

    def _asked(self) -> int | None:
        """The interrupt that the ECLIC asks for, as mcause."""
        number = self._eclic.asked()
        return None if number is None else INTERRUPT | number

    def _entered(self, cause: int) -> None:
        """In ECLIC mode mcause also keeps MPP and MPIE ('mcause')."""
        previous = self.core.values["mstatus"] >> 7 & 1
        self.core.values["mcause"] = cause | 3 << 28 | previous << 27

    def _is_clocked(self, peripheral: Peripheral) -> bool:
        bit = self._gates.get(peripheral.name)
        return bit is None or self.clocks.is_on("APB2EN", bit)

    def _check_pins(self) -> None:
        uart, tx, rx = self._hardware.uart, self._hardware.tx, self._hardware.rx
        if (tx.name, rx.name) != ("PA9", "PA10"):
            raise InternalError(f"the model of {NAME} has {uart} at PA9 and PA10")
        port = self._ports[tx.port]
        if not self._is_clocked(port):
            raise port.violation(
                Rule.UNCLOCKED, f"{uart} sends on {tx.name} while {port.name} is off"
            )
        speed, control = port.mode(tx.number)
        if speed == 0 or control != FUNCTION_PUSH_PULL:
            raise port.violation(
                Rule.PIN_MODE,
                f"{tx.name}, TX of {uart}, has MD {speed} and CTL {control}: an alternate "
                "function has MD 1 to 3 and CTL 2",
            )
        speed, control = port.mode(rx.number)
        pulled_up = control == PULLED and port.pulls_up(rx.number)
        if speed != 0 or not (control == FLOATING or pulled_up):
            raise port.violation(
                Rule.PIN_MODE,
                f"{rx.name}, RX of {uart}, has MD {speed} and CTL {control}: a receiver's pin is "
                "an input, floating or pulled up",
            )
