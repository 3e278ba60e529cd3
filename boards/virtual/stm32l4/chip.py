# SPDX-License-Identifier: Apache-2.0
"""An STM32L4+."""

from mcuforge.boards.virtual.bus import Peripheral
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.stm32.chip import Stm32
from mcuforge.boards.virtual.stm32.clock_tree import ClockTree
from mcuforge.boards.virtual.stm32.ports import Gpio
from mcuforge.boards.virtual.stm32l4.clocks import Clocks
from mcuforge.boards.virtual.stm32l4.facts import L4Facts
from mcuforge.boards.virtual.stm32l4.power import Flash, Power


class Stm32L4(Stm32[L4Facts]):
    """A virtual STM32L4+ on a board."""

    def make_clocks(self) -> tuple[ClockTree, list[Peripheral]]:
        """Make RCC, PWR and FLASH."""
        self._power = Power(self.facts, self.cycles)
        flash = Flash(self.facts)
        hardware = self.hardware
        oscillator = None if hardware.internal else (hardware.oscillator_hz, hardware.bypass)
        clocks = Clocks(self.facts, self._power, flash, oscillator, self.cycles)
        return clocks, [self._power, flash]

    def check_before_sending(self, port: Gpio, pin: int) -> None:
        """Refuse a pin of VDDIO2 before IOSV says that this supply is there."""
        number, first = self.facts.supplied_port
        supplied = port.name != f"GPIO{chr(ord('A') + number)}" or pin < first
        if not supplied and not self._power.io_supply:
            raise self._power.violation(
                Rule.PIN_SUPPLY,
                f"pin {pin} of {port.name} is used while PWR_CR2.IOSV is 0: VDDIO2 is cut off",
            )
