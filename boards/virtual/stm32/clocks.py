# SPDX-License-Identifier: Apache-2.0
"""RCC, PWR and FLASH of the STM32F4 and F7: the clock tree, and every limit that it must keep.

RM0090, chapters 3 (flash), 5 (PWR), 6 and 7 (RCC); RM0390, chapters 3, 5 and 6; RM0385, chapters 3,
4 and 5. Ready bits rise so many cycles after their request as stated below: typical figures of the
data sheets, at 16 MHz.
"""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.stm32.clock_tree import (
    AHB_DIVISORS,
    APB_DIVISORS,
    ClockTree,
    Oscillator,
)
from mcuforge.boards.virtual.stm32.facts import MHZ, Facts

HSI_HZ = 16 * MHZ
# cycles from a request to its ready bit
CRYSTAL_CYCLES = 32_000  # 2 ms
SIGNAL_CYCLES = 100
PLL_CYCLES = 3_200  # 200 us
SCALE_CYCLES = 640  # 40 us
OVER_DRIVE_CYCLES = 720  # 45 us

SW = {0: "HSI", 1: "HSE", 2: "PLL"}


class Flash(Peripheral):
    """The access control register; a program here does not erase or write flash."""

    def __init__(self, facts: Facts) -> None:
        """Only ACR: wait states, prefetch, caches."""
        acr = Register("ACR", 0x00, 0, facts.acr_writable | facts.latency_mask, waited=True)
        manual = f"{facts.manual}, 'Embedded Flash memory interface'"
        super().__init__("FLASH", 0x40023C00, (acr,), manual)
        self._mask = facts.latency_mask
        self.check: Callable[[], None] = lambda: None

    @property
    def wait_states(self) -> int:
        """The wait states of a read."""
        return self.values["ACR"] & self._mask

    def changed(self, register: Register, old: int, new: int) -> None:
        """Check the clock against the new wait states."""
        self.check()


class Power(Peripheral):
    """Voltage scale and over-drive."""

    def __init__(self, facts: Facts, count: Callable[[], int]) -> None:
        """count: cycles since reset."""
        self._control, self._status = facts.pwr_names
        reset, writable = facts.pwr_cr
        csr_writable, csr_read_only = facts.pwr_csr
        registers = (
            Register(self._control, 0x00, reset, writable),
            Register(self._status, 0x04, 0, csr_writable, csr_read_only, waited=True),
        )
        manual = f"{facts.manual}, 'Power controller (PWR)'"
        super().__init__("PWR", 0x40007000, registers, manual)
        self._facts = facts
        self._count = count
        self._scale_since: int | None = None
        self._drive_since: int | None = None
        self._switch_since: int | None = None
        self.pll_on: Callable[[], bool] = lambda: False
        self.core_runs_on_pll: Callable[[], bool] = lambda: False
        self.check: Callable[[], None] = lambda: None

    @property
    def scale(self) -> int:
        """The value of VOS."""
        return self.values[self._control] >> self._facts.vos_shift & self._facts.vos_mask

    @property
    def over_drive(self) -> bool:
        """Tell whether over-drive is on and switched."""
        return self._since(self._switch_since, OVER_DRIVE_CYCLES)

    def pll_changed(self, on: bool) -> None:
        """Start or end what VOSRDY waits for: the scale works while the PLL is on."""
        self._scale_since = self._count() if on else None

    def pending(self) -> bool:
        """Tell whether a ready bit is still to come."""
        return any(
            since is not None and not self._since(since, cycles)
            for since, cycles in (
                (self._scale_since, SCALE_CYCLES),
                (self._drive_since, OVER_DRIVE_CYCLES),
                (self._switch_since, OVER_DRIVE_CYCLES),
            )
        )

    def seen(self, register: Register, value: int) -> int:
        """Show VOSRDY, ODRDY and ODSWRDY in the status register."""
        if register.name != self._status:
            return value
        ready = self._since(self._scale_since, SCALE_CYCLES) << 14
        if self._facts.over_drive:
            ready |= self._since(self._drive_since, OVER_DRIVE_CYCLES) << 16
            ready |= self._since(self._switch_since, OVER_DRIVE_CYCLES) << 17
        return value | ready

    def changed(self, register: Register, old: int, new: int) -> None:
        """Refuse a new scale while the PLL is on, and over-drive out of order."""
        if register.name != self._control:
            return
        scale = self._facts.vos_mask << self._facts.vos_shift
        if (old ^ new) & scale and self.pll_on():
            raise self.violation(
                Rule.LOCKED, f"PWR_{self._control}.VOS is changed while the PLL is on"
            )
        if self.scale not in self._facts.scales:
            raise self.violation(Rule.RESERVED, f"PWR_{self._control}.VOS is set to {self.scale}")
        if self._facts.over_drive:
            self._over_drive_changed(old, new)
        self.check()

    def _over_drive_changed(self, old: int, new: int) -> None:
        enable, switch = 1 << 16, 1 << 17
        if (old ^ new) & (enable | switch) and self.core_runs_on_pll():
            raise self.violation(
                Rule.LOCKED, "over-drive is changed while the core runs from the PLL"
            )
        if new & ~old & switch and not self._since(self._drive_since, OVER_DRIVE_CYCLES):
            raise self.violation(
                Rule.NOT_READY,
                f"PWR_{self._control}.ODSWEN is set before PWR_{self._status}.ODRDY is 1",
            )
        if (old ^ new) & enable:
            self._drive_since = self._count() if new & enable else None
        if (old ^ new) & switch:
            self._switch_since = self._count() if new & switch else None

    def _since(self, start: int | None, cycles: int) -> bool:
        return start is not None and self._count() - start >= cycles


# enable bits without a reset bit beside them: OTG_HS's ULPI, Ethernet's lines, CCM, backup RAM
NO_AHB1_RESET = 0x5C140000
NO_APB2_RESET = 0x00000600  # ADC2 and ADC3: one bit resets all three


def rcc_registers(facts: Facts) -> tuple[Register, ...]:
    """The registers that start-up code needs."""
    sai = 0x10000000 if facts.has_sai_pll else 0
    ahb3 = (Register("AHB3ENR", 0x38, 0, facts.ahb3),) if facts.ahb3 else ()
    return (
        *ahb3,
        Register("CR", 0x00, 0x00008083, 0x050D00F9 | sai, 0x0A02FF02 | sai << 1, waited=True),
        Register("PLLCFGR", 0x04, 0x24003010, facts.pllcfgr_writable),
        Register("CFGR", 0x08, 0, facts.cfgr_writable, 0xC, waited=True),
        Register(
            "CIR", 0x0C, 0, *((0x00FF7F00, 0xFF) if facts.has_sai_pll else (0x00BF3F00, 0xBF))
        ),
        Register("AHB1RSTR", 0x10, 0, facts.ahb1 & ~NO_AHB1_RESET),
        Register("APB1RSTR", 0x20, 0, facts.apb1),
        Register("APB2RSTR", 0x24, 0, facts.apb2 & ~NO_APB2_RESET),
        Register("AHB1ENR", 0x30, 0x00100000, facts.ahb1),
        Register("APB1ENR", 0x40, 0, facts.apb1),
        Register("APB2ENR", 0x44, 0, facts.apb2),
        Register("CSR", 0x74, 0x0E000000, 0x01000001, 0xFE000002, waited=True),
    )


class Clocks(ClockTree):
    """RCC: oscillators, PLL, dividers; checks every limit when something changes."""

    def __init__(
        self,
        facts: Facts,
        power: Power,
        flash: Flash,
        oscillator: Oscillator,
        count: Callable[[], int],
        attend_ram: Callable[[], None],
    ) -> None:
        """oscillator: what the board has at OSC_IN.

        attend_ram: called when the clock of a RAM goes off.
        """
        manual = f"{facts.manual}, 'Reset and clock control (RCC)'"
        super().__init__(0x40023800, rcc_registers(facts), manual, count, HSI_HZ)
        self._facts = facts
        self._power = power
        self._flash = flash
        self._oscillator_hz, self._signal = oscillator
        self._count = count
        self._hse_since: int | None = None
        self._pll_since: int | None = None
        self._attend_ram = attend_ram
        power.pll_on = lambda: self._pll_since is not None
        power.core_runs_on_pll = lambda: self.values["CFGR"] & 3 == 2
        power.check = flash.check = self.check

    def _compute_hclk(self) -> int:
        source = SW.get(self.values["CFGR"] & 3, "HSI")
        hz = {"HSI": HSI_HZ, "HSE": self._oscillator_hz, "PLL": self._pll()[2]}[source]
        return hz // AHB_DIVISORS[self.values["CFGR"] >> 4 & 15]

    @property
    def apb1(self) -> int:
        """The clock of APB1 in Hz."""
        return self.hclk // APB_DIVISORS[self.values["CFGR"] >> 10 & 7]

    @property
    def apb2(self) -> int:
        """The clock of APB2 in Hz."""
        return self.hclk // APB_DIVISORS[self.values["CFGR"] >> 13 & 7]

    @property
    def apb1_timers(self) -> int:
        """The clock of the timers on APB1: twice its bus, unless that is undivided."""
        return self.apb1 if self.values["CFGR"] >> 10 & 7 < 4 else 2 * self.apb1

    def bus_hz(self, name: str) -> int:
        """The clock of a bus, "APB1" or "APB2", in Hz."""
        return {"APB1": self.apb1, "APB2": self.apb2}[name]

    def pending(self) -> bool:
        """Tell whether a ready bit is still to come."""
        hse = self._hse_since is not None and not self._hse_ready()
        return hse or (self._pll_since is not None and not self._pll_ready())

    def seen(self, register: Register, value: int) -> int:
        """Show ready bits in CR and the clock in use in CFGR."""
        if register.name == "CR":
            ready = (value & 1) << 1 | self._hse_ready() << 17 | self._pll_ready() << 25
            return value | ready
        if register.name == "CFGR":
            return value | (value & 3) << 2
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Follow the program's requests, in the order that the manual wants."""
        if register.name == "CR":
            self._oscillators_changed(old, new)
        elif register.name == "PLLCFGR" and self._pll_since is not None and old != new:
            raise self.violation(Rule.LOCKED, "RCC_PLLCFGR is changed while the PLL is on")
        elif register.name == "CFGR":
            self._switch(new)
        elif register.name == "CSR" and new >> 24 & 1:
            self.values["CSR"] = new & ~0xFF000000
        elif register.name == "AHB1ENR" and self._facts.ccm and old & ~new & 1 << 20:
            self._attend_ram()

    def _oscillators_changed(self, old: int, new: int) -> None:
        self.check_hse(old, new, (self._oscillator_hz, self._signal))
        if new & ~old & 1 << 16:
            self._hse_since = self._count()
        if old & ~new & 1 << 16:
            self._hse_since = None
        if new & ~old & 1 << 24:
            self._start_pll()
        if old & ~new & 1 << 24:
            if self.values["CFGR"] & 3 == 2:
                raise self.violation(Rule.LOCKED, "the PLL is switched off while the core uses it")
            self._pll_since = None
            self._power.pll_changed(False)

    def _start_pll(self) -> None:
        source, vco, output = self._pll()
        config = self.values["PLLCFGR"]
        if config >> 22 & 1 and not self._hse_ready():
            raise self.violation(Rule.NOT_READY, "the PLL starts from HSE before HSERDY is 1")
        n, q = config >> 6 & 511, config >> 24 & 15
        fits = (
            0.95 * MHZ <= source <= 2.1 * MHZ,
            100 * MHZ <= vco <= 432 * MHZ,
            output <= self._facts.fastest_hz,
            50 <= n <= 432,
            q >= 2,
            config & 63 >= 2,
        )
        if not all(fits):
            raise self.violation(
                Rule.PLL_RANGE,
                f"the PLL is to make {output / MHZ:g} MHz from {source / MHZ:g} MHz through "
                f"{vco / MHZ:g} MHz (M {config & 63}, N {n}, Q {q}); allowed are 0.95 to 2.1 MHz "
                "in, 100 to 432 MHz inside, N 50 to 432, M and Q from 2",
            )
        self._pll_since = self._count()
        self._power.pll_changed(True)

    def _pll(self) -> tuple[int, int, int]:
        """Input, VCO and output of the PLL in Hz."""
        config = self.values["PLLCFGR"]
        base = self._oscillator_hz if config >> 22 & 1 else HSI_HZ
        source = base // max(config & 63, 1)
        vco = source * (config >> 6 & 511)
        return source, vco, vco // (2 * (config >> 16 & 3) + 2)

    def _switch(self, new: int) -> None:
        source = new & 3
        if source == 3:
            raise self.violation(Rule.RESERVED, "RCC_CFGR.SW is set to 3")
        ready = {0: True, 1: self._hse_ready(), 2: self._pll_ready()}[source]
        if not ready:
            raise self.violation(
                Rule.NOT_READY, f"the core switches to {SW[source]} before {SW[source]}RDY is 1"
            )
        self.run_core_at(self._compute_hclk())
        self.check()

    def check(self) -> None:
        """Check clock, voltage, wait states and buses against the limits."""
        hclk, facts = self.hclk, self._facts
        scale = facts.scales[self._power.scale]
        fastest = scale.over_drive_hclk if self._power.over_drive else scale.hclk
        at = f"HCLK is {hclk / MHZ:g} MHz"
        if hclk > fastest:
            rule = Rule.OVER_DRIVE if hclk <= scale.over_drive_hclk else Rule.VOLTAGE_SCALE
            drive = "with" if self._power.over_drive else "without"
            raise self._power.violation(
                rule,
                f"{at}; VOS = {self._power.scale} {drive} over-drive allows {fastest / MHZ:g} MHz",
            )
        needed = (hclk - 1) // facts.wait_state_hz
        if self._flash.wait_states < needed:
            raise self._flash.violation(
                Rule.WAIT_STATES,
                f"{at} with {self._flash.wait_states} wait states, {needed} are needed",
            )
        for name, hz, limits in (
            ("APB1", self.apb1, facts.apb1_hz),
            ("APB2", self.apb2, facts.apb2_hz),
        ):
            limit = limits[self._power.over_drive]
            if hz > limit:
                raise self.violation(
                    Rule.BUS_CLOCK,
                    f"{name} runs at {hz / MHZ:g} MHz, it may run at {limit / MHZ:g} MHz",
                )

    def _hse_ready(self) -> bool:
        needed = SIGNAL_CYCLES if self._signal else CRYSTAL_CYCLES
        return self._hse_since is not None and self._count() - self._hse_since >= needed

    def _pll_ready(self) -> bool:
        return self._pll_since is not None and self._count() - self._pll_since >= PLL_CYCLES
