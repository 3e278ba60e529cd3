# SPDX-License-Identifier: Apache-2.0
"""An STM32H7."""

from mcuforge.boards.virtual.bus import Peripheral
from mcuforge.boards.virtual.engine import Region
from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.stm32.chip import Stm32
from mcuforge.boards.virtual.stm32.clock_tree import ClockTree
from mcuforge.boards.virtual.stm32.ports import Gpio
from mcuforge.boards.virtual.stm32h7.clocks import Clocks
from mcuforge.boards.virtual.stm32h7.facts import Bank, H7Facts
from mcuforge.boards.virtual.stm32h7.power import (
    Flash,
    Interconnect,
    Power,
    SystemConfiguration,
)


class Stm32H7(Stm32[H7Facts]):
    """A virtual STM32H7 on a board."""

    def make_clocks(self) -> tuple[ClockTree, list[Peripheral]]:
        """Make RCC, and PWR, FLASH, SYSCFG and the AXI interconnect."""
        self._power = Power(self.facts, self.cycles)
        self._interconnect = Interconnect(self.facts)
        flash = Flash(self.facts)
        oscillator = (self.hardware.oscillator_hz, self.hardware.bypass)
        clocks = Clocks(self.facts, self._power, flash, oscillator, self.cycles)
        self.engine.on_gate = self._open_memory
        syscfg = SystemConfiguration(self.facts, self._power)
        return clocks, [self._power, flash, syscfg, self._interconnect]

    def check_before_sending(self, port: Gpio, pin: int) -> None:
        """Refuse AXI SRAM without the workaround of its erratum."""
        if self.facts.slow_axi_reads and not self._interconnect.one_read:
            raise Violation(
                Rule.ERRATUM,
                "several reads of AXI SRAM may be on their way: AXI_TARG7_FN_MOD bit 0 is 0",
                "ES0392, 'Reading from AXI SRAM may lead to data read corruption'",
            )

    def _open_memory(self, region: Region, address: int, writing: bool) -> tuple[int, int, bool]:
        """Open the bank of an address, to reads at least, or refuse the access."""
        if writing and not self._power.supplied:
            raise self._power.violation(
                Rule.SUPPLY,
                f"{address:#010x} is written before PWR_CSR1.ACTVOSRDY is 1: the write is lost",
            )
        whole = Bank(region.name, region.origin, region.bytes, 0)
        banks = (bank for bank in self.facts.banks if 0 <= address - bank.origin < bank.bytes)
        bank = next(banks, whole)
        if bank is not whole and not self.clocks.is_on("AHB2ENR", bank.bit):
            raise self.clocks.violation(
                Rule.RAM_OFF, f"{address:#010x} is used while the clock of {bank.name} is off"
            )
        return bank.origin, bank.bytes, self._power.supplied
