# SPDX-License-Identifier: Apache-2.0
"""An STM32F4 or F7."""

from mcuforge.boards.virtual.bus import Peripheral
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.stm32.chip import Stm32
from mcuforge.boards.virtual.stm32.clock_tree import ClockTree
from mcuforge.boards.virtual.stm32.clocks import Clocks, Flash, Power
from mcuforge.boards.virtual.stm32.facts import Facts


class Stm32F(Stm32[Facts]):
    """A virtual STM32F4 or F7 on a board."""

    def make_clocks(self) -> tuple[ClockTree, list[Peripheral]]:
        """Make RCC, PWR and FLASH."""
        power, flash = Power(self.facts, self.cycles), Flash(self.facts)
        oscillator = (self.hardware.oscillator_hz, self.hardware.bypass)
        clocks = Clocks(self.facts, power, flash, oscillator, self.cycles, self._refuse_ram_off)
        return clocks, [power, flash]

    def _refuse_ram_off(self) -> None:
        raise self.clocks.violation(
            Rule.RAM_OFF, f"RCC_AHB1ENR switches off '{self.facts.ccm}', which the image may use"
        )
