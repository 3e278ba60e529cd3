# SPDX-License-Identifier: Apache-2.0
"""An FE310-G002 put together: core, memories, registers, and the wires of a board."""

from collections.abc import Callable
from dataclasses import dataclass

from mcuforge.boards.catalog.hardware import Hardware
from mcuforge.boards.catalog.pin import Pin
from mcuforge.boards.virtual.bus import Bus
from mcuforge.boards.virtual.chip import Outputs, VirtualChip
from mcuforge.boards.virtual.engine import RV32IMAC, Engine, Region
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.fe310.clocks import Clint, FlashController, Pmu, Prci
from mcuforge.boards.virtual.fe310.ports import Gpio, Plic, Uart
from mcuforge.boards.virtual.riscv import COMMON, INTERRUPT, Csr, Hart, HartCore
from mcuforge.errors import InternalError

KIB = 1024
MANUAL = "SiFive FE310-G002 Manual"
DEVICES = (  # origin, bytes
    (0x02000000, 0x10000),
    (0x0C000000, 0x400000),
    (0x10000000, 0x20000),
)
UART0_SOURCE = 3
# 'GPIO Hardware I/O Functions (IOF)': pin -> signal and function of UART0
UART0_PINS = {17: ("TX", 0), 16: ("RX", 0)}
SOFTWARE, TIMER, EXTERNAL = 3, 7, 11  # bits of mie, and mcause

# FE310-G002 Manual, 'E31 RISC-V Core' and 'Interrupts'
E31 = Hart(
    name="the E31 of the FE310-G002",
    manual=f"{MANUAL}, 'E31 RISC-V Core'",
    csrs=(
        *COMMON,
        Csr("misa", 0x301, 0x40101105, 0),
        Csr("mie", 0x304, 0, 1 << SOFTWARE | 1 << TIMER | 1 << EXTERNAL),
        Csr("mcounteren", 0x306, 0, 0x7),
        Csr("mip", 0x344, 0, 0),
        *(Csr(f"pmpcfg{n}", 0x3A0 + n, 0, 0x9F9F9F9F) for n in range(2)),
        *(Csr(f"pmpaddr{n}", 0x3B0 + n, 0, 0xFFFFFFFF) for n in range(8)),
        Csr("mvendorid", 0xF11, 0x489, 0),
    ),
    trap_alignment=4,
    trap_modes=(0, 1),
    guard=(0x7FFF0000, 0x10000),
)


@dataclass(frozen=True)
class Facts:
    """The chip: its name, its memories, the fastest clock."""

    name: str
    memories: tuple[Region, ...]
    core_hz: int


FE310_G002 = Facts(
    "FE310-G002",
    (
        # the boot loader has the 64 KiB before; the image may not go back there
        Region("spi_flash", 0x20010000, 4032 * KIB, code=True),
        Region("dtim", 0x80000000, 16 * KIB, code=False),
        Region("itim", 0x08000000, 8 * KIB, code=False),  # the image has no code for it
    ),
    core_hz=320_000_000,
)


class Fe310(VirtualChip):
    """A virtual FE310-G002 on a board."""

    def __init__(
        self, hardware: Hardware, baud: int, code: bytes, places: Callable[[int], str]
    ) -> None:
        """code: the flash from its first byte; places: names the source of an address."""
        if hardware.uart != "UART0":
            raise InternalError(f"the model of {FE310_G002.name} has no {hardware.uart}")
        self._hardware = hardware
        engine = Engine(RV32IMAC, FE310_G002.memories, DEVICES, code)
        flash = FlashController()

        def count() -> int:
            return engine.counter.count

        prci = Prci(hardware.oscillator_hz, flash, count)
        self.clocks = prci
        self._gpio, self._plic = Gpio(), Plic()
        self.outputs = Outputs(hardware, lambda pin: self._gpio.level(pin.number))
        self.outputs.now = lambda: (count(), prci.time.hz)
        self._gpio.on_change = self.outputs.look
        uart = Uart(count, lambda: prci.time.hz)
        uart.baud = baud
        uart.check_pins = self._check_pins
        self.uart = uart
        self._plic.lines[UART0_SOURCE] = uart.asks
        self._clint = Clint(lambda: prci.now)
        devices = (prci, flash, self._gpio, self._plic, uart, self._clint, Pmu())
        bus = Bus(devices, lambda _: True, f"{MANUAL}, 'Memory Map'")
        start = FE310_G002.memories[0].origin
        core = HartCore(E31, engine, start, places, bus.read, bus.write)
        core.asked = self._asked
        self.core: HartCore = core

    def _asked(self) -> int | None:
        """The interrupt that is up and enabled in mie, as mcause; the external one comes first."""
        enabled = self.core.values["mie"]
        if enabled >> EXTERNAL & 1 and self._plic.asks():
            return INTERRUPT | EXTERNAL
        if enabled >> SOFTWARE & 1 and self._clint.values["msip"]:
            return INTERRUPT | SOFTWARE
        return None

    def _check_pins(self) -> None:
        for signal, pin in (("TX", self._hardware.tx), ("RX", self._hardware.rx)):
            self._check_pin(signal, pin)

    def _check_pin(self, signal: str, pin: Pin) -> None:
        function = self._gpio.function(pin.number)
        if function is None:
            raise self._gpio.violation(
                Rule.PIN_MODE, f"{pin.name}, {signal} of UART0, is not given to a function (iof_en)"
            )
        if UART0_PINS.get(pin.number) != (signal, function):
            raise self._gpio.violation(
                Rule.ALTERNATE, f"{pin.name} has IOF{function}, which is not {signal} of UART0"
            )
