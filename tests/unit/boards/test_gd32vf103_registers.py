# SPDX-License-Identifier: Apache-2.0
"""The virtual GD32VF103's registers against a description of the chip that is not ours.

The description is GD32VF103.svd (Apache-2.0). Where the manuals say something else, their word is
listed here.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcuforge.boards.virtual.bus import Peripheral
from mcuforge.boards.virtual.gd32vf103.chip import PORTS, USART0
from mcuforge.boards.virtual.gd32vf103.clocks import IRC8M_HZ, Clocks, Flash
from mcuforge.boards.virtual.gd32vf103.ports import IDCODE, Debug, Eclic, Gpio, Usart
from tests.unit.boards.svd import Svd, compare

# the manual's word where the description has another: (reset, bits)
BETTER = {
    ("DBG", "ID"): (IDCODE, 0xFFFFFFFF),
    ("ECLIC", "CLICINTIP_85"): (0, 0x1),  # four registers after CLICINTIP_84, as all others
    ("ECLIC", "CLICINTIP_86"): (0, 0x1),
    ("ECLIC", "CLICINFO"): (0x00802057, 0x01FFFFFF),
}


def modelled() -> Iterator[Peripheral]:
    """The peripherals of the virtual chip."""

    def zero() -> int:
        return 0

    flash = Flash()
    yield from (flash, Clocks((IRC8M_HZ, False), flash, zero), Eclic(), Debug())
    yield from (Gpio(port) for port in range(PORTS))
    yield Usart("USART0", USART0[0], zero, zero, zero)


def test_registers_are_where_and_as_they_are_described() -> None:
    assert compare(Svd.beside("GD32VF103.svd"), modelled(), BETTER) > 400
