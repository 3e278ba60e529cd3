# SPDX-License-Identifier: Apache-2.0
"""An RP2040 put together: bootrom, core, memories, registers, and the wires of a board.

RP2040 Datasheet, 'Address Map' and, for the way from power-on to the program, 'Bootrom'. Only core
0 is modelled: core 1 sleeps in the bootrom.
"""

import struct
from collections.abc import Callable

from mcuforge.boards.catalog.hardware import Hardware
from mcuforge.boards.catalog.pin import Pin
from mcuforge.boards.virtual.armv7m import PPB, Core
from mcuforge.boards.virtual.bus import Peripheral
from mcuforge.boards.virtual.chip import Outputs, VirtualChip
from mcuforge.boards.virtual.engine import Engine, Region
from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.processors import CORTEX_M0PLUS
from mcuforge.boards.virtual.rp2040.blocks import APB, MANUAL, AtomicBus, Resets
from mcuforge.boards.virtual.rp2040.clocks import Clocks, Watchdog
from mcuforge.boards.virtual.rp2040.flash import Flash, Ssi
from mcuforge.boards.virtual.rp2040.ports import (
    IE,
    OD,
    PDE,
    PUE,
    SIO_FUNCTION,
    UART_FUNCTION,
    ChipReset,
    IoBank,
    Sio,
    SysInfo,
    Timer,
    Uart,
    XipCache,
    bank_pads,
    qspi_pads,
)
from mcuforge.errors import InternalError

KIB = 1024
NAME = "RP2040"
# origin, bytes; XIP_CTRL, SSI, SIO
DEVICES = (APB, (0x14000000, 0x1000), (0x18000000, 0x4000), (0xD0000000, 0x1000), PPB)
UART0_INTERRUPT, INTERRUPTS = 20, 32
SRAM5 = Region("sram5", 0x20041000, 4 * KIB, code=False)
FLASH = Region("flash", 0x10000000, 2048 * KIB, code=True)
MEMORIES = (FLASH, Region("sram", 0x20000000, 264 * KIB, code=False))
MAPPED = (
    FLASH,
    Region("sram0 to sram4", 0x20000000, 260 * KIB, code=False),
    SRAM5,
    # where null pointers lead, and the same flash without its cache
    Region("bootrom", 0x00000000, 16 * KIB, code=True, used=False),
    Region("flash past the cache", 0x11000000, 0x03000000, code=True, used=False),
)
STAGE_BYTES, STAGE_COPY = 256, 0x20041F00
VECTORS = FLASH.origin + STAGE_BYTES
BOOT = f"{MANUAL}, 'Flash Second Stage'"


def checksum(data: bytes) -> int:
    """Compute the CRC-32 that the bootrom compares: 'Checksum' of 'Flash Second Stage'.

    The polynomial is 04C11DB7h, most significant bit first, from FFFFFFFFh, without a final step.
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc >> 31 else 0)) & 0xFFFFFFFF
    return crc


class BootingCore(Core):
    """A Cortex-M0+ that comes out of the bootrom: it runs the second stage in SRAM first."""

    def start(self, ssi: Ssi) -> None:
        """Do what the bootrom does with the second stage; StrictFailure if it refuses it."""
        engine = self.engine
        stage = engine.load(FLASH.origin, STAGE_BYTES)
        found, right = struct.unpack("<I", stage[-4:])[0], checksum(stage[:-4])
        if found != right:
            what = (
                f"the first 252 bytes of flash have the CRC {right:#010x}, and {found:#010x} "
                "follows: the bootrom goes to its USB boot loader"
            )
            raise self._failed(Violation(Rule.BOOT_CHECKSUM, what, BOOT), FLASH.origin)
        engine.store(STAGE_COPY, stage)
        engine.set_executable(SRAM5, True)
        engine.set("sp", STAGE_COPY)
        self.control.vectors = 0
        self._pc = STAGE_COPY | 1
        self._ssi = ssi
        self._end_reads = engine.watch_reads(FLASH, self._refuse_unread)

    def run(self, until: int) -> None:
        """Run until the count is `until`; the second stage block by block, until it is left."""
        if not self._ssi.booting:
            super().run(until)
            return
        super().run(self.count + 1)
        pc = self._pc & ~1
        if STAGE_COPY <= pc < STAGE_COPY + STAGE_BYTES:
            return
        try:
            self._refuse_unread(pc)
        except Violation as violation:
            raise self._failed(violation, STAGE_COPY) from violation
        self._end_reads()
        self.engine.set_executable(SRAM5, False)
        self._ssi.booting = False

    def _refuse_unread(self, _address: int) -> None:
        why = self._ssi.why_unreadable()
        if why:
            raise self._ssi.violation(Rule.FLASH_OFF, f"flash is read while {why}")


class Rp2040(VirtualChip):
    """A virtual RP2040 on a board."""

    def __init__(
        self, hardware: Hardware, baud: int, code: bytes, places: Callable[[int], str]
    ) -> None:
        """code: the flash from its first byte; places: names the source of an address."""
        if hardware.uart != "UART0" or hardware.bypass:
            raise InternalError(f"the model of {NAME} has UART0 and a crystal")
        self._hardware = hardware
        engine = Engine(CORTEX_M0PLUS.core, MAPPED, DEVICES, code)

        def count() -> int:
            return engine.counter.count

        clocks = Clocks(hardware.oscillator_hz, count)
        self.clocks: Clocks = clocks

        def now() -> float:
            return clocks.now

        self._resets = resets = Resets(now)
        watchdog = Watchdog()
        timer = Timer(watchdog, lambda: clocks.ref, now)
        self._io, self._pads, flash_pads = IoBank(), bank_pads(), qspi_pads()
        self._sio = Sio()
        self.outputs = Outputs(hardware, self._level)
        self.outputs.now = lambda: (count(), clocks.time.hz)
        self._sio.on_change = self._io.on_change = self.outputs.look
        ssi = Ssi(Flash(), flash_pads, count)
        clocks.on_change = lambda: ssi.check_clock(clocks.time.hz)
        uart = Uart(lambda: clocks.peri, count, lambda: clocks.time.hz)
        uart.baud = baud
        uart.check_pins = self._check_pins
        self.uart: Uart = uart
        oscillators = (clocks.xosc, clocks.rosc, clocks.pll)
        pins = (self._io, self._pads, flash_pads)
        others = (watchdog, timer, ssi, uart, SysInfo(), ChipReset(), XipCache(), self._sio)
        bus = AtomicBus((clocks, resets, *oscillators, *pins, *others), self._is_free)
        self._blocks = bus.peripherals
        self._stops = {"PLL_SYS": clocks.pll.reset, "TIMER": timer.reset, "UART0": uart.reset}
        resets.on_reset = self._reset
        resets.start()
        ssi.start()

        def place(pc: int) -> str:
            """Name a place of the second stage where it lies in the flash."""
            copied = STAGE_COPY <= pc < STAGE_COPY + STAGE_BYTES
            return places(pc - STAGE_COPY + FLASH.origin if copied else pc)

        core = BootingCore(engine, CORTEX_M0PLUS, VECTORS, INTERRUPTS, place, bus.read, bus.write)
        core.lines[UART0_INTERRUPT] = uart.asks
        core.start(ssi)
        self.core: BootingCore = core

    def _reset(self, name: str) -> None:
        """Put a block's registers back to what they are after a reset."""
        block = self._blocks.get(name)
        if block is not None:
            self._stops.get(name, lambda: None)()
            block.values.update({r.name: r.reset for r in block.registers.values()})

    def _level(self, pin: Pin) -> bool | None:
        """Return what a pin drives; its pad and its function decide whether the program's level."""
        io, pad = self._io, self._pads.values[pin.name]
        if io.function(pin.number) != SIO_FUNCTION or io.overrides(pin.number) or pad & OD:
            return None
        return self._sio.level(pin.number)

    def _is_free(self, block: Peripheral) -> bool:
        """Refuse a block in reset; clocks are on everywhere after power-on."""
        self._resets.check(block)
        return True

    def _check_pins(self) -> None:
        tx, rx = self._hardware.tx, self._hardware.rx
        if (tx.name, rx.name) != ("GPIO0", "GPIO1"):
            raise InternalError(f"the model of {NAME} has UART0 at GPIO0 and GPIO1")
        for block in (self._io, self._pads):
            self._resets.check(block)
        for signal, pin in (("TX", tx), ("RX", rx)):
            function = self._io.function(pin.number)
            if function != UART_FUNCTION or self._io.overrides(pin.number):
                raise self._io.violation(
                    Rule.ALTERNATE,
                    f"{pin.name}, {signal} of UART0, has FUNCSEL {function}: the UART is 2, "
                    "without overrides",
                )
        sends, receives = (self._pads.values[pin.name] for pin in (tx, rx))
        if sends & OD:
            raise self._pads.violation(Rule.PIN_MODE, f"the pad of {tx.name} has OD 1")
        if not receives & IE or receives & PDE or not receives & PUE:
            raise self._pads.violation(
                Rule.PIN_MODE,
                f"the pad of {rx.name} is {receives:#04x}: a receiver's has IE and PUE and no PDE, "
                "or an unplugged cable reads as a start bit",
            )
