# SPDX-License-Identifier: Apache-2.0
"""The virtual RP2040: facts beside modm-devices, which are not ours, and what no mutant reaches.

No package describes its registers: their places, bits and reset values were compared once with the
maker's own description, which is not kept here.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mcuforge.boards.arch import BSP
from mcuforge.boards.catalog.board import load_board
from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.rp2040.blocks import APB, AtomicBus
from mcuforge.boards.virtual.rp2040.chip import INTERRUPTS, MAPPED, UART0_INTERRUPT, checksum
from mcuforge.boards.virtual.rp2040.clocks import Clocks
from mcuforge.boards.virtual.rp2040.flash import Flash, Ssi
from mcuforge.boards.virtual.rp2040.ports import UART_FUNCTION, Uart, qspi_pads

PLAIN, FLIPS, SETS, CLEARS = (APB[0] + 0x1000 * view for view in range(4))
SERIAL_READ = {"CTRLR0": 0x001F0300, "SPI_CTRLR0": 0x03000218, "BAUDR": 4, "SSIENR": 1, "SER": 1}


def described() -> ElementTree.Element:
    """The chip as modm-devices has it."""
    spec = find_spec("modm_devices")
    assert spec is not None, "pip install modm-devices: it is in the extra dev"
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "resources" / "devices"
    (file,) = folder.glob("**/rp2040.xml")
    return ElementTree.parse(file).getroot()


def test_memories_and_interrupts_are_as_others_describe_them() -> None:
    chip = described()
    rams = [(int(m.get("start", ""), 16), int(m.get("size", ""))) for m in chip.iter("memory")]
    ours = [(r.origin, r.bytes) for r in MAPPED if r.used and not r.code]
    assert sum(size for _, size in rams) == sum(size for _, size in ours)
    assert rams[-1] == ours[-1]  # SRAM5, to which the bootrom copies
    numbers = {v.get("name"): int(v.get("position", "")) for v in chip.iter("vector")}
    assert numbers["UART0_IRQ"] == UART0_INTERRUPT
    assert max(numbers.values()) == INTERRUPTS - 1
    header = (BSP / "chip" / "rp2040" / "chip.h").read_text(encoding="utf-8")
    assert f"#define CHIP_UART_INTERRUPT {UART0_INTERRUPT} " in header
    assert f"#define CHIP_INTERRUPTS {INTERRUPTS}\n" in header


def test_the_boards_pins_are_uart0s() -> None:
    hardware = load_board("pico").hardware
    assert hardware is not None
    for pin, name in ((hardware.tx, "tx"), (hardware.rx, "rx")):
        signals = [
            (signal.get("driver"), signal.get("instance"), signal.get("name"), signal.get("af"))
            for gpio in described().iter("gpio")
            if (gpio.get("port"), gpio.get("pin")) == ("bank0", str(pin.number))
            for signal in gpio.iter("signal")
        ]
        assert ("uart", "0", name, str(hardware.alternate)) in signals
    assert hardware.alternate == UART_FUNCTION


def test_the_checksum_is_the_one_that_mpeg_2_has() -> None:
    assert checksum(b"123456789") == 0x0376E6E7  # the check value of CRC-32/MPEG-2


def test_a_register_has_three_more_views_that_flip_set_and_clear_bits() -> None:
    register = Register("R", 0, 0x0F, 0xFF)
    bus = AtomicBus([Peripheral("P", APB[0], [register], "manual")], lambda _: True)
    for view, value, becomes in ((PLAIN, 0x33, 0x33), (FLIPS, 0xFF, 0xCC), (SETS, 0x01, 0xCD),
                                 (CLEARS, 0x8D, 0x40)):  # fmt: skip
        bus.write(view, 4, value)
        assert [bus.read(APB[0] + 0x1000 * n, 4) for n in range(4)] == [becomes] * 4
    with pytest.raises(Violation, match="reserved") as refused:
        bus.write(SETS, 4, 0x100)
    assert refused.value.rule is Rule.RESERVED


def serial_ssi() -> Ssi:
    """The SSI as the simplest second stage leaves it: a command of one byte for each read."""
    ssi = Ssi(Flash(), qspi_pads(), lambda: 0)
    ssi.values.update(SERIAL_READ)
    return ssi


def test_flash_follows_no_clock_above_that_of_the_command() -> None:
    ssi = serial_ssi()
    assert ssi.why_unreadable() == ""
    ssi.check_clock(4 * 50_000_000)
    with pytest.raises(Violation, match="for this read it may be 50 MHz") as refused:
        ssi.check_clock(4 * 50_500_000)
    assert refused.value.rule is Rule.FLASH_CLOCK


def test_a_program_in_flash_does_not_touch_what_it_is_read_through() -> None:
    ssi = serial_ssi()
    ssi.booting = False
    with pytest.raises(Violation) as refused:
        ssi.write(0x08, 0)
    assert refused.value.rule is Rule.LOCKED


def test_a_uart_loses_what_does_not_fit_and_says_so() -> None:
    uart = Uart(lambda: 48_000_000, lambda: 0, lambda: 48_000_000)
    uart.baud = 1_000_000
    uart.write(0x24, 3)
    uart.write(0x2C, 0x70)  # 8 bits, FIFOs
    uart.write(0x30, 0x301)
    uart.write(0x38, 0x10)  # RXIM
    for byte in range(3):
        uart.arrive(byte)
    assert not uart.asks()
    for byte in range(3, 34):
        uart.arrive(byte)
    assert uart.asks()
    assert uart.read(0x3C) >> 10 & 1  # OERIS
    assert [uart.read(0x00) for _ in range(32)] == list(range(32))
    uart.arrive(99)
    assert uart.read(0x00) == 99 | 1 << 11
    uart.write(0x44, 1 << 10)
    assert not uart.read(0x3C) >> 10 & 1


def test_the_crystal_oscillator_takes_two_words_alone() -> None:
    xosc = Clocks(12_000_000, lambda: 0).xosc
    xosc.write(0x0C, 47)
    with pytest.raises(Violation, match="ENABLE is FABh or D1Eh"):
        xosc.write(0x00, 0x00000AA0)
    xosc.write(0x00, 0x00FABAA0)
    with pytest.raises(Violation, match="while the oscillator runs"):
        xosc.write(0x0C, 48)
