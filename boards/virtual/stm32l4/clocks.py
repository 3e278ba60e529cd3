# SPDX-License-Identifier: Apache-2.0
"""RCC of the STM32L4+: the clock tree, and every limit that it must keep.

RM0432, 'Reset and clock control (RCC)' and 'Dynamic voltage scaling management'. Ready bits rise so
many cycles after their request as stated below: typical figures of DS12023, at 4 MHz.
"""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Register
from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.stm32.clock_tree import (
    AHB_DIVISORS,
    APB_DIVISORS,
    Awaited,
    Oscillator,
    SourceTree,
)
from mcuforge.boards.virtual.stm32.facts import MHZ
from mcuforge.boards.virtual.stm32l4.facts import L4Facts
from mcuforge.boards.virtual.stm32l4.power import Flash, Power

MSI_HZ = 4 * MHZ
HSI_HZ = 16 * MHZ
# cycles from a request to its ready bit
MSI_CYCLES = 40  # 10 us
HSI_CYCLES = 16  # 4 us
CRYSTAL_CYCLES = 8_000  # 2 ms
SIGNAL_CYCLES = 40
PLL_CYCLES = 160  # 40 us
STEP_HZ = 80 * MHZ  # a core that becomes faster than this does so in two steps,
STEP_SECONDS = 1e-6  # this long apart

MSI, HSI, HSE, PLL = 0, 1, 2, 3  # SW; PLLSRC is one more, and 0 is none
MSI_RANGES = tuple(
    int(mhz * MHZ) for mhz in (0.1, 0.2, 0.4, 0.8, 1, 2, 4, 8, 16, 24, 32, 48)
)  # MSIRANGE
PLL_R = (2, 4, 6, 8)


def rcc_registers(facts: L4Facts) -> tuple[Register, ...]:
    """The registers that start-up code needs: 'RCC registers'."""
    return (
        Register("CR", 0x00, 0x00000063, 0x150D0BFD, 0x2A020402, waited=True),
        Register("ICSCR", 0x04, 0x40000000, 0x7F00FF00, 0x00FF00FF),
        Register("CFGR", 0x08, 0, 0x7F00BFF3, 0xC, waited=True),
        Register("PLLCFGR", 0x0C, 0x00001000, 0xFF737FF3),
        Register("AHB1ENR", 0x48, 0x00000100, facts.ahb1),
        Register("AHB2ENR", 0x4C, 0, facts.ahb2),
        Register("AHB3ENR", 0x50, 0, facts.ahb3),
        Register("APB1ENR1", 0x58, 0, facts.apb1[0]),
        Register("APB1ENR2", 0x5C, 0, facts.apb1[1]),
        Register("APB2ENR", 0x60, 0, facts.apb2),
        Register("CSR", 0x94, 0x0C000600, 0x00800F01, 0xFF000002, waited=True),
    )


class Clocks(SourceTree):
    """RCC: oscillators, PLL, dividers; checks every limit when something changes."""

    names = ("MSI", "HSI16", "HSE", "PLL")
    on_bits = (0, 8, 16, 24)
    ready_bits = (1, 10, 17, 25)

    def __init__(
        self,
        facts: L4Facts,
        power: Power,
        flash: Flash,
        oscillator: Oscillator | None,
        count: Callable[[], int],
    ) -> None:
        """oscillator: what the board has at OSC_IN; count: cycles since reset."""
        manual = f"{facts.manual}, 'Reset and clock control (RCC)'"
        super().__init__(0x40021000, rcc_registers(facts), manual, count, MSI_HZ, oscillator)
        self._facts, self._power, self._flash = facts, power, flash
        self.sources[MSI].ask(0)
        self._raised = Awaited(count)  # 1 us after the core became faster than STEP_HZ
        power.check = flash.check = self.check

    def bus_hz(self, name: str) -> int:
        """The clock of a bus, "APB1" or "APB2", in Hz."""
        shift = {"APB1": 8, "APB2": 11}[name]
        return self.hclk // APB_DIVISORS[self.values["CFGR"] >> shift & 7]

    @property
    def apb1_timers(self) -> int:
        """The clock of the timers on APB1: twice its bus, unless that is undivided."""
        return self.bus_hz("APB1") * (1 if self.values["CFGR"] >> 8 & 7 < 4 else 2)

    def seen(self, register: Register, value: int) -> int:
        """Show ready bits in CR and the clock in use in CFGR."""
        if register.name == "CR":
            return (value & ~2) | self.seen_ready()
        if register.name == "CFGR":
            return value | (value & 3) << 2
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Follow the program's requests, in the order that the manual wants."""
        if register.name == "CR":
            self._oscillators_changed(old, new)
        elif register.name == "PLLCFGR" and self.sources[PLL].asked:
            enable = 0x01110000  # the outputs may be switched at any time
            if (old ^ new) & ~enable:
                raise self.violation(Rule.LOCKED, "RCC_PLLCFGR is changed while the PLL is on")
        elif register.name == "CFGR":
            self._switch(old, new)
        elif register.name == "CSR" and new >> 23 & 1:
            self.values["CSR"] = new & ~0xFF800000

    def _oscillators_changed(self, old: int, new: int) -> None:
        if (old ^ new) & 0xF0 and not self.sources[MSI].ready and new & 1:
            raise self.violation(Rule.LOCKED, "RCC_CR.MSIRANGE is changed before MSIRDY is 1")
        self.switch_sources(old, new)
        if self.values["CFGR"] & 3 == MSI:
            self._settle()

    def in_use(self) -> tuple[int | None, ...]:
        """List the sources that the core and the PLL use."""
        source = (self.values["PLLCFGR"] & 3) - 1 if self.sources[PLL].asked else None
        return self.values["CFGR"] & 3, source

    def start(self, number: int) -> None:
        """Ask for a source; Violation if it cannot start."""
        if number == PLL:
            self._check_pll()
        signal = self.oscillator is not None and self.oscillator[1]
        hse = SIGNAL_CYCLES if signal else CRYSTAL_CYCLES
        self.sources[number].ask((MSI_CYCLES, HSI_CYCLES, hse, PLL_CYCLES)[number])

    def _check_pll(self) -> None:
        config, facts = self.values["PLLCFGR"], self._facts
        if config & 3 == 0:
            raise self.violation(Rule.NOT_READY, "the PLL starts, and PLLSRC chooses no clock")
        self.check_ready((config & 3) - 1, "the PLL starts from")
        n = config >> 8 & 127
        source, vco, output = self._pll()
        fits = (
            facts.pll_input_hz[0] <= source <= facts.pll_input_hz[1],
            facts.vco_hz[0] <= vco <= facts.vco_hz[1],
            output <= facts.fastest_hz,
            8 <= n <= 127,
        )
        if not all(fits):
            low, high = (hz / MHZ for hz in facts.pll_input_hz)
            slow, fast = (hz / MHZ for hz in facts.vco_hz)
            raise self.violation(
                Rule.PLL_RANGE,
                f"the PLL is to make {output / MHZ:g} MHz from {source / MHZ:g} MHz through "
                f"{vco / MHZ:g} MHz (N {n}); allowed are {low:g} to {high:g} MHz in, {slow:g} to "
                f"{fast:g} MHz inside, {facts.fastest_hz / MHZ:g} MHz out, N 8 to 127",
            )

    def _hz(self, number: int) -> int:
        """The frequency of a source in Hz."""
        if number == MSI:
            chosen = self.values["CR"] >> 4 if self.values["CR"] & 8 else self.values["CSR"] >> 8
            return MSI_RANGES[min(chosen & 15, len(MSI_RANGES) - 1)]
        if number == HSE:
            return 0 if self.oscillator is None else self.oscillator[0]
        return HSI_HZ if number == HSI else self._pll()[2]

    def _pll(self) -> tuple[int, int, int]:
        """Input, VCO and output R of the PLL in Hz."""
        config = self.values["PLLCFGR"]
        source = self._hz(max((config & 3) - 1, 0)) // ((config >> 4 & 15) + 1)
        vco = source * (config >> 8 & 127)
        return source, vco, vco // PLL_R[config >> 25 & 3]

    def _switch(self, old: int, new: int) -> None:
        source = new & 3
        self.check_ready(source, "the core switches to")
        if source == PLL and not self.values["PLLCFGR"] >> 24 & 1:
            raise self.violation(
                Rule.NOT_READY, "the core switches to the PLL, whose output R is off: PLLREN is 0"
            )
        before, after = self._hz(old & 3), self._hz(source)
        whole = AHB_DIVISORS[new >> 4 & 15] == 1
        if after > STEP_HZ and whole:
            if before <= STEP_HZ:
                raise self._step(f"SYSCLK rises from {before / MHZ:g} to {after / MHZ:g} MHz")
            if AHB_DIVISORS[old >> 4 & 15] > 1 and not self._raised.ready:
                raise self._step("HPRE becomes 1 less than 1 us after SYSCLK has risen")
        self._settle()
        if before <= STEP_HZ < after:
            self._raised.ask(int(self.hclk * STEP_SECONDS))

    def _step(self, what: str) -> Violation:
        return Violation(
            Rule.CLOCK_STEP,
            f"{what}: above 80 MHz AHB runs at half of it for 1 us first",
            f"{self._facts.manual}, 'Dynamic voltage scaling management'",
        )

    def _settle(self) -> None:
        """Run at what the registers say, within the limits."""
        divisor = AHB_DIVISORS[self.values["CFGR"] >> 4 & 15]
        self.run_core_at(self._hz(self.values["CFGR"] & 3) // divisor)
        self.check()

    def check(self) -> None:
        """Check clock, voltage and wait states against the limits; the buses have the core's."""
        hclk, power = self.hclk, self._power
        scale = self._facts.ranges[power.voltage_range]
        fastest = scale.boost_hclk if power.boost else scale.hclk
        at = f"HCLK is {hclk / MHZ:g} MHz"
        if hclk > fastest:
            raise power.violation(
                Rule.BOOST if hclk <= scale.boost_hclk else Rule.VOLTAGE_SCALE,
                f"{at}; range {power.voltage_range} {'with' if power.boost else 'without'} boost "
                f"allows {fastest / MHZ:g} MHz",
            )
        needed = sum(hclk > most for most in scale.latencies)
        if self._flash.wait_states < needed:
            raise self._flash.violation(
                Rule.WAIT_STATES,
                f"{at} with {self._flash.wait_states} wait states, {needed} are needed",
            )
