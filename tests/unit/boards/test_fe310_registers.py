# SPDX-License-Identifier: Apache-2.0
"""The virtual FE310's registers against a description of the chip that is not ours.

The description is e310x.svd (ISC). It states neither all reset values nor all fields: what it lacks
is listed here, with the manual's word for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcuforge.boards.virtual.bus import Peripheral
from mcuforge.boards.virtual.fe310.clocks import HFROSC_HZ, Clint, FlashController, Pmu, Prci
from mcuforge.boards.virtual.fe310.ports import Gpio, Plic, Uart
from tests.unit.boards.svd import Svd, compare

# the manual's word where the description has none, or another: (reset, bits)
BETTER = {
    ("PRCI", "hfrosccfg"): (0x40100004, 0xC01F003F),
    ("PRCI", "hfxosccfg"): (0x40000000, 0xC0000000),
    ("PRCI", "pllcfg"): (0x00060DF1, 0x80070FF7),
    ("PLIC", "priority52"): (0, 0x7),  # sources begin with 1, and there are 52
    ("QSPI0", "div"): (3, 0xFFF),
    ("QSPI0", "csdef"): (1, 0x1),
    ("QSPI0", "delay0"): (0x00010001, 0x00FF00FF),
    ("QSPI0", "delay1"): (0x00000001, 0x00FF00FF),
    ("QSPI0", "fmt"): (0x00080008, 0x000F000F),
    ("QSPI0", "fctrl"): (1, 0x1),
    ("QSPI0", "ffmt"): (0x00030007, 0xFFFF3FFF),
}


def modelled() -> Iterator[Peripheral]:
    """The peripherals of the virtual chip."""

    def zero() -> int:
        return 0

    flash = FlashController()
    yield from (flash, Prci(16_000_000, flash, zero), Clint(lambda: 0.0), Pmu())
    yield from (Gpio(), Plic(), Uart(zero, lambda: HFROSC_HZ))


def test_registers_are_where_and_as_they_are_described() -> None:
    assert compare(Svd.beside("e310x.svd"), modelled(), BETTER) > 90
