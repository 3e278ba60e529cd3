# SPDX-License-Identifier: Apache-2.0
"""RCC of the STM32H7: the clock tree, and every limit that it must keep.

RM0433, 'Reset and clock control (RCC)' and 'Voltage scaling'. Ready bits rise so many cycles after
their request as stated below: typical figures of DS12110, at the 64 MHz after a reset.
"""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.stm32.clock_tree import (
    AHB_DIVISORS,
    APB_DIVISORS,
    Oscillator,
    SourceTree,
)
from mcuforge.boards.virtual.stm32.facts import MHZ
from mcuforge.boards.virtual.stm32h7.facts import H7Facts
from mcuforge.boards.virtual.stm32h7.power import Flash, Power

HSI_HZ, CSI_HZ = 64 * MHZ, 4 * MHZ
# cycles from a request to its ready bit
HSI_CYCLES = 128  # 2 us
CSI_CYCLES = 256  # 4 us
CRYSTAL_CYCLES = 128_000  # 2 ms
SIGNAL_CYCLES = 640
PLL_CYCLES = 3_200  # 50 us

HSI, CSI, HSE, PLL1 = 0, 1, 2, 3  # SW and, without the PLL, PLLSRC, where 3 is none
ALWAYS_READY = 1 << 5 | 1 << 14 | 1 << 15  # HSIDIVF, D1CKRDY, D2CKRDY
INPUT_RANGES = ((1, 2), (2, 4), (4, 8), (8, 16))  # PLL1RGE, in MHz
NARROW_VCO_HZ = (150 * MHZ, 420 * MHZ)
WIDE_INPUT_HZ = 2 * MHZ  # the wide VCO takes this or more, the narrow one this or less
PLL1_BITS = {"PLLCKSELR": 0x3F3, "PLLCFGR": 0xF, "PLL1DIVR": 0xFFFFFFFF}  # what PLL1 depends on


def rcc_registers(facts: H7Facts) -> tuple[Register, ...]:
    """The registers that start-up code needs: 'RCC register description'."""
    return (
        Register("CR", 0x00, 0x00000083, 0x150D129B, 0x2A02E124, waited=True),
        Register("CFGR", 0x10, 0, 0xFFFCFFC7, 0x38, waited=True),
        Register("D1CFGR", 0x18, 0, 0xF7F),
        Register("D2CFGR", 0x1C, 0, 0x770),
        Register("D3CFGR", 0x20, 0, 0x70),
        Register("PLLCKSELR", 0x28, 0x02020200, 0x03F3F3F3),
        Register("PLLCFGR", 0x2C, 0x01FF0000, 0x01FF0FFF),
        Register("PLL1DIVR", 0x30, 0x01010280, 0x7F7FFFFF),
        Register("RSR", 0xD0, 0x00FA0000, 0x00010000, 0x55FA0000),
        Register("AHB2ENR", 0xDC, 0, facts.ahb2),
        Register("AHB4ENR", 0xE0, 0, facts.ahb4),
        Register("APB1LENR", 0xE8, 0, facts.apb1),
        Register("APB2ENR", 0xF0, 0, facts.apb2),
        Register("APB4ENR", 0xF4, 0x00010000, facts.apb4),
    )


class Clocks(SourceTree):
    """RCC: oscillators, PLL1, dividers; checks every limit when something changes."""

    names = ("HSI", "CSI", "HSE", "PLL1")
    on_bits = (0, 7, 16, 24)
    ready_bits = (2, 8, 17, 25)

    def __init__(
        self,
        facts: H7Facts,
        power: Power,
        flash: Flash,
        oscillator: Oscillator,
        count: Callable[[], int],
    ) -> None:
        """oscillator: what the board has at OSC_IN; count: cycles since reset."""
        manual = f"{facts.manual}, 'Reset and clock control (RCC)'"
        super().__init__(0x58024400, rcc_registers(facts), manual, count, HSI_HZ, oscillator)
        self._facts, self._power, self._flash = facts, power, flash
        self._oscillator_hz, self._signal = oscillator
        self.sources[HSI].ask(0)
        self.sources[CSI].ask(0)
        power.check = flash.check = self.check

    @property
    def axi(self) -> int:
        """The clock of AXI and AHB in Hz."""
        return self.hclk // AHB_DIVISORS[self.values["D1CFGR"] & 15]

    def bus_hz(self, name: str) -> int:
        """The clock of a bus, "APB1" to "APB4", in Hz."""
        register, shift = {
            "APB1": ("D2CFGR", 4),
            "APB2": ("D2CFGR", 8),
            "APB3": ("D1CFGR", 4),
            "APB4": ("D3CFGR", 4),
        }[name]
        return self.axi // APB_DIVISORS[self.values[register] >> shift & 7]

    @property
    def apb1_timers(self) -> int:
        """The clock of the timers on APB1: twice its bus, unless that is undivided."""
        return self.bus_hz("APB1") * (1 if self.values["D2CFGR"] >> 4 & 7 < 4 else 2)

    def seen(self, register: Register, value: int) -> int:
        """Show ready bits in CR and the clock in use in CFGR."""
        if register.name == "CR":
            return value | ALWAYS_READY | self.seen_ready()
        if register.name == "CFGR":
            return value | (value & 7) << 3
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Follow the program's requests, in the order that the manual wants."""
        name = register.name
        if name == "CR":
            self.switch_sources(old, new)
            self._settle()
        elif name in PLL1_BITS:
            if (old ^ new) & PLL1_BITS[name] and self.sources[PLL1].asked:
                raise self.violation(Rule.LOCKED, f"RCC_{name} is changed while PLL1 is on")
        elif name == "CFGR":
            self._switch(new)
        elif name in ("D1CFGR", "D2CFGR", "D3CFGR"):
            self._settle()
        elif name == "RSR" and new >> 16 & 1:
            self.values["RSR"] = 0
        elif name == "AHB2ENR":
            self._refuse_bank_off(old & ~new)

    def _refuse_bank_off(self, off: int) -> None:
        for bank in self._facts.banks:
            if off >> bank.bit & 1:
                raise self.violation(
                    Rule.RAM_OFF,
                    f"RCC_AHB2ENR switches off {bank.name}, which the image may use",
                )

    def in_use(self) -> tuple[int | None, ...]:
        """List the sources that the core and PLL1 use."""
        source = self.values["PLLCKSELR"] & 3 if self.sources[PLL1].asked else None
        return self.values["CFGR"] & 7, source

    def start(self, number: int) -> None:
        """Ask for a source; Violation if it cannot start."""
        if number == PLL1:
            self._check_pll()
        hse = SIGNAL_CYCLES if self._signal else CRYSTAL_CYCLES
        self.sources[number].ask((HSI_CYCLES, CSI_CYCLES, hse, PLL_CYCLES)[number])

    def _check_pll(self) -> None:
        select, config = self.values["PLLCKSELR"], self.values["PLLCFGR"]
        number = select & 3
        if number == 3:
            raise self.violation(Rule.NOT_READY, "PLL1 starts, and PLLSRC chooses no clock")
        self.check_ready(number, "PLL1 starts from")
        source, vco, output = self._pll()
        low, high = (mhz * MHZ for mhz in INPUT_RANGES[config >> 2 & 3])
        wide = not config >> 1 & 1
        slow, fast = self._facts.vco_hz if wide else NARROW_VCO_HZ
        p = (self.values["PLL1DIVR"] >> 9 & 127) + 1
        fits = (
            select >> 4 & 63 > 0,
            low <= source <= high,
            source >= WIDE_INPUT_HZ if wide else source <= WIDE_INPUT_HZ,
            slow <= vco <= fast,
            output <= self._facts.fastest_hz,
            4 <= (self.values["PLL1DIVR"] & 511) + 1 <= 512,
            p == 1 or p % 2 == 0,
        )
        if not all(fits):
            raise self.violation(
                Rule.PLL_RANGE,
                f"PLL1 is to make {output / MHZ:g} MHz from {source / MHZ:g} MHz through "
                f"{vco / MHZ:g} MHz (P {p}); PLL1RGE and PLL1VCOSEL allow {low / MHZ:g} to "
                f"{high / MHZ:g} MHz in, {slow / MHZ:g} to {fast / MHZ:g} MHz inside, and "
                f"{self._facts.fastest_hz / MHZ:g} MHz out",
            )

    def _hz(self, number: int) -> int:
        """The frequency of a source in Hz."""
        if number == PLL1:
            return self._pll()[2]
        hsi = HSI_HZ >> (self.values["CR"] >> 3 & 3)
        return (hsi, CSI_HZ, self._oscillator_hz)[number]

    def _pll(self) -> tuple[int, int, int]:
        """Input, VCO and output P of PLL1 in Hz."""
        select, dividers = self.values["PLLCKSELR"], self.values["PLL1DIVR"]
        source = self._hz(min(select & 3, HSE)) // max(select >> 4 & 63, 1)
        vco = source * ((dividers & 511) + 1)
        return source, vco, vco // ((dividers >> 9 & 127) + 1)

    def _switch(self, new: int) -> None:
        source = new & 7
        if source > PLL1:
            raise self.violation(Rule.RESERVED, f"RCC_CFGR.SW is set to {source}")
        self.check_ready(source, "the core switches to")
        if source == PLL1 and not self.values["PLLCFGR"] >> 16 & 1:
            raise self.violation(
                Rule.NOT_READY, "the core switches to PLL1, whose output P is off: DIVP1EN is 0"
            )
        self._settle()

    def _settle(self) -> None:
        """Run at what the registers say, within the limits."""
        divisor = AHB_DIVISORS[self.values["D1CFGR"] >> 8 & 15]
        self.run_core_at(self._hz(self.values["CFGR"] & 7) // divisor)
        self.check()

    def check(self) -> None:
        """Check clocks, voltage, wait states and programming delay against the limits."""
        facts, number = self._facts, self._power.scale
        scale = facts.scales[number]
        if self.hclk > scale.core:
            driven = facts.over_drive and number == 1 and self.hclk <= facts.scales[0].core
            raise self._power.violation(
                Rule.OVER_DRIVE if driven else Rule.VOLTAGE_SCALE,
                f"the core runs at {self.hclk / MHZ:g} MHz; voltage scale {number} allows "
                f"{scale.core / MHZ:g} MHz",
            )
        apb = max(scale.apb, HSI_HZ)  # which every bus has after a reset, at scale 3
        buses = {f"APB{n}": (self.bus_hz(f"APB{n}"), apb) for n in range(1, 5)}
        for name, (hz, limit) in ({"AXI": (self.axi, scale.axi)} | buses).items():
            if hz > limit:
                raise self.violation(
                    Rule.BUS_CLOCK,
                    f"{name} runs at {hz / MHZ:g} MHz, it may run at {limit / MHZ:g} MHz at "
                    f"voltage scale {number}",
                )
        self._check_flash(scale.latencies, scale.delays)

    def _check_flash(self, latencies: tuple[int, ...], delays: tuple[int, ...]) -> None:
        at = f"AXI is {self.axi / MHZ:g} MHz"
        needed = sum(self.axi > most for most in latencies)
        if self._flash.wait_states < needed:
            raise self._flash.violation(
                Rule.WAIT_STATES,
                f"{at} with {self._flash.wait_states} wait states, {needed} are needed",
            )
        needed = sum(self.axi > most for most in delays)
        if self._flash.delay < needed:
            raise self._flash.violation(
                Rule.WRITE_DELAY,
                f"{at} with WRHIGHFREQ {self._flash.delay}, {needed} is needed",
            )
