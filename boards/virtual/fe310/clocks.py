# SPDX-License-Identifier: Apache-2.0
"""PRCI, the flash's controller, mtime and the PMU of the FE310-G002.

SiFive FE310-G002 Manual, chapters "Clock Generation", "Power, Reset, Clock, Interrupt (PRCI)",
"Serial Peripheral Interface (SPI)", "Core-Local Interruptor (CLINT)" and "Power-Management Unit".
The limits of the flash are those of the IS25LP032D, which the HiFive1 Rev B has.
"""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.chip import Elapsed
from mcuforge.boards.virtual.failure import Rule

MHZ = 1_000_000
HFROSC_RAW_HZ = 72 * MHZ
HFROSC_HZ = 13_800_000  # measured by the vendor with the divider and trim of reset
RTC_HZ = 32_768
CORE_HZ = 320 * MHZ
FLASH_HZ = 50 * MHZ  # of a read with command 03h
READ_COMMANDS = {0x03: FLASH_HZ, 0x0B: 133 * MHZ}
# virtual seconds from a request to its ready bit
HFROSC_SECONDS = 10e-6
HFXOSC_SECONDS = 2e-3
LOCK_SHOWS_SECONDS = 20e-6  # plllock may be 1 from here on, and does not mean it yet
LOCK_SECONDS = 100e-6

SELECT, REFERENCE, BYPASS, LOCK = 1 << 16, 1 << 17, 1 << 18, 1 << 31
ENABLE, READY = 1 << 30, 1 << 31


class FlashController(Peripheral):
    """SPI0 as the flash's reader: SCK is the core's clock divided by 2 (sckdiv + 1)."""

    def __init__(self) -> None:
        """The registers that start-up code may touch."""
        registers = (
            Register("div", 0x00, 3, 0xFFF),
            Register("mode", 0x04, 0, 0x3),
            Register("csid", 0x10, 0, 0x1),
            Register("csdef", 0x14, 0x1, 0x1),
            Register("csmode", 0x18, 0, 0x3),
            Register("delay0", 0x28, 0x00010001, 0x00FF00FF),
            Register("delay1", 0x2C, 0x00000001, 0x00FF00FF),
            Register("fmt", 0x40, 0x00080008, 0x000F000F),
            Register("fctrl", 0x60, 1, 0x1),
            Register("ffmt", 0x64, 0x00030007, 0xFFFF3FFF),
        )
        manual = "SiFive FE310-G002 Manual, 'Serial Peripheral Interface (SPI)'"
        super().__init__("QSPI0", 0x10014000, registers, manual, size=0x1000)
        self.core_hz: Callable[[], int] = lambda: HFROSC_HZ

    def check(self) -> None:
        """Check the flash's clock: at a change of it, or of the core's."""
        command = self.values["ffmt"] >> 16 & 0xFF
        limit = READ_COMMANDS.get(command)
        if limit is None:
            raise self.violation(
                Rule.FLASH_CLOCK, f"the flash is read with command {command:#04x}, not known here"
            )
        hz = self.core_hz() / (2 * (self.values["div"] + 1))
        if hz > limit:
            raise self.violation(
                Rule.FLASH_CLOCK,
                f"the flash is read at {hz / MHZ:g} MHz (sckdiv {self.values['div']}, core at "
                f"{self.core_hz() / MHZ:g} MHz); command {command:#04x} allows {limit / MHZ:g} MHz",
            )

    def changed(self, register: Register, old: int, new: int) -> None:
        """Keep the flash readable: the program runs from it."""
        if register.name == "fctrl" and not new & 1:
            raise self.violation(Rule.EXECUTE, "QSPI0_fctrl takes the flash out of the memory map")
        self.check()


class Prci(Peripheral):
    """Oscillators, PLL, and the clock of the core."""

    def __init__(
        self, oscillator_hz: int, flash: FlashController, count: Callable[[], int]
    ) -> None:
        """oscillator_hz: the crystal of the board; count: cycles since reset."""
        registers = (
            Register("hfrosccfg", 0x00, 0x40100004, 0x401F003F, READY, waited=True),
            Register("hfxosccfg", 0x04, ENABLE, ENABLE, READY, waited=True),
            Register("pllcfg", 0x08, 0x00060DF1, 0x00070FF7, LOCK, waited=True),
            Register("plloutdiv", 0x0C, 0x100, 0x13F),
        )
        manual = "SiFive FE310-G002 Manual, 'Clock Generation'"
        super().__init__("PRCI", 0x10008000, registers, manual, size=0x1000)
        self._oscillator_hz = oscillator_hz
        self._flash = flash
        self._count = count
        self.time = Elapsed(HFROSC_HZ)
        self._hfrosc_since = -1.0  # virtual seconds; it runs since long before the boot loader
        self._hfxosc_since: float | None = 0.0
        self._pll_since: float | None = None
        flash.core_hz = lambda: self.time.hz

    def seconds_at(self, count: int) -> float:
        """Virtual time of a count that lies behind the last change of the clock."""
        return self.time.seconds_at(count)

    @property
    def now(self) -> float:
        """Virtual time since reset."""
        return self.seconds_at(self._count())

    def pending(self) -> bool:
        """Tell whether a ready bit is still to come."""
        waited = (
            (self._hfrosc_since, HFROSC_SECONDS),
            (self._hfxosc_since, HFXOSC_SECONDS),
            (self._pll_since, LOCK_SECONDS),
        )
        return any(since is not None and self.now - since < needed for since, needed in waited)

    def seen(self, register: Register, value: int) -> int:
        """Show ready bits and plllock."""
        if register.name == "hfrosccfg":
            return value | (READY if self._hfrosc_ready() else 0)
        if register.name == "hfxosccfg":
            return value | (READY if self._hfxosc_ready() else 0)
        if register.name == "pllcfg":
            shown = self._pll_since is not None and self.now - self._pll_since >= LOCK_SHOWS_SECONDS
            return value | (LOCK if shown else 0)
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Follow the program's requests, in the order that the manual wants."""
        uses_pll = bool((self.values["pllcfg"] if register.name != "pllcfg" else old) & SELECT)
        if register.name == "hfrosccfg":
            self._ring_changed(old, new, uses_pll)
        elif register.name == "hfxosccfg":
            if old & ~new & ENABLE:
                if uses_pll and self.values["pllcfg"] & REFERENCE:
                    raise self.violation(
                        Rule.LOCKED, "HFXOSC is switched off while the core's clock comes from it"
                    )
                self._hfxosc_since = None
            if new & ~old & ENABLE:
                self._hfxosc_since = self.now
        elif register.name == "plloutdiv":
            if uses_pll and old != new:
                raise self.violation(Rule.LOCKED, "plloutdiv is changed while the core uses it")
        else:
            self._pll_changed(old, new)

    def _ring_changed(self, old: int, new: int, uses_pll: bool) -> None:
        if not new & ENABLE:
            if not uses_pll or not self.values["pllcfg"] & REFERENCE:
                raise self.violation(
                    Rule.LOCKED, "HFROSC is switched off while the core's clock comes from it"
                )
            self._hfrosc_since = float("inf")
        elif new & ~old & ENABLE:
            self._hfrosc_since = self.now
        if not uses_pll:
            self._set_clock(self._ring_hz())

    def _pll_changed(self, old: int, new: int) -> None:
        setting = 0x7FF7 | REFERENCE | BYPASS
        if old & new & SELECT and (old ^ new) & setting:
            raise self.violation(Rule.LOCKED, "pllcfg is changed while the core runs from the PLL")
        if not new & BYPASS and ((old ^ new) & setting):
            self._start_pll(new)
        if new & BYPASS:
            self._pll_since = None
        if new & ~old & SELECT:
            self._select(new)
        elif old & ~new & SELECT:
            if not self._hfrosc_ready():
                raise self.violation(Rule.NOT_READY, "the core switches to HFROSC, which is off")
            self._set_clock(self._ring_hz())

    def _start_pll(self, setting: int) -> None:
        if setting & REFERENCE and not self._hfxosc_ready():
            raise self.violation(
                Rule.NOT_READY, "the PLL starts from HFXOSC before hfxosccfg.ready is 1"
            )
        source, vco, output = self._pll(setting)
        if not (
            setting & 7 <= 3
            and 6 * MHZ <= source <= 12 * MHZ
            and 384 * MHZ <= vco <= 768 * MHZ
            and setting >> 10 & 3
            and 48 * MHZ <= output <= 384 * MHZ
        ):
            raise self.violation(
                Rule.PLL_RANGE,
                f"the PLL is to make {output / MHZ:g} MHz from {source / MHZ:g} MHz through "
                f"{vco / MHZ:g} MHz (pllcfg {setting:#010x}); allowed are 6 to 12 MHz in, 384 to "
                "768 MHz inside, 48 to 384 MHz out, pllq 1 to 3",
            )
        self._pll_since = self.now

    def _select(self, setting: int) -> None:
        """Switch the core to the PLL, or to its reference where that is bypassed."""
        if setting & BYPASS:
            if setting & REFERENCE and not self._hfxosc_ready():
                raise self.violation(
                    Rule.NOT_READY, "the core switches to HFXOSC before hfxosccfg.ready is 1"
                )
            self._set_clock(self._reference_hz(setting))
            return
        if self._pll_since is None or self.now - self._pll_since < LOCK_SECONDS:
            raise self.violation(
                Rule.NOT_READY,
                "the core switches to the PLL less than 100 us after it was set up, or before: "
                "plllock does not tell the truth by then",
            )
        hz = self._pll(setting)[2]
        divider = self.values["plloutdiv"]
        if not divider & 0x100:
            hz //= 2 * ((divider & 0x3F) + 1)
        self._set_clock(hz)

    def _set_clock(self, hz: int) -> None:
        self.time.change(self._count(), hz)
        if hz > CORE_HZ:
            raise self.violation(
                Rule.PLL_RANGE,
                f"the core runs at {hz / MHZ:g} MHz, it may run at {CORE_HZ / MHZ:g} MHz",
            )
        self._flash.check()

    def _ring_hz(self) -> int:
        config = self.values["hfrosccfg"]
        if config & 0x1F003F == 0x100004:
            return HFROSC_HZ
        return HFROSC_RAW_HZ // ((config & 0x3F) + 1)

    def _reference_hz(self, setting: int) -> int:
        return self._oscillator_hz if setting & REFERENCE else self._ring_hz()

    def _pll(self, setting: int) -> tuple[int, int, int]:
        """Input, VCO and output of the PLL in Hz."""
        source = self._reference_hz(setting) // ((setting & 7) + 1)
        vco = source * 2 * ((setting >> 4 & 0x3F) + 1)
        return source, vco, vco >> (setting >> 10 & 3)

    def _hfrosc_ready(self) -> bool:
        return self.now - self._hfrosc_since >= HFROSC_SECONDS

    def _hfxosc_ready(self) -> bool:
        return self._hfxosc_since is not None and self.now - self._hfxosc_since >= HFXOSC_SECONDS


class Clint(Peripheral):
    """mtime, which counts the low-frequency clock, and the comparator."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """seconds: virtual time since reset."""
        registers = (
            Register("msip", 0x0, 0, 0x1),
            Register("mtimecmp", 0x4000, 0, 0xFFFFFFFF),
            Register("mtimecmph", 0x4004, 0, 0xFFFFFFFF),
            Register("mtime", 0xBFF8, 0, 0, 0xFFFFFFFF),
            Register("mtimeh", 0xBFFC, 0, 0, 0xFFFFFFFF),
        )
        manual = "SiFive FE310-G002 Manual, 'Core-Local Interruptor (CLINT)'"
        super().__init__("CLINT", 0x02000000, registers, manual, size=0x10000)
        self._seconds = seconds

    def seen(self, register: Register, value: int) -> int:
        """Show mtime."""
        ticks = int(self._seconds() * RTC_HZ)
        return {"mtime": ticks & 0xFFFFFFFF, "mtimeh": ticks >> 32}.get(register.name, value)


class Pmu(Peripheral):
    """Why the chip was reset: power came."""

    def __init__(self) -> None:
        """Only pmucause, which is 0 after power came."""
        registers = (Register("pmucause", 0x144, 0, 0, 0x303),)
        manual = "SiFive FE310-G002 Manual, 'Power-Management Unit (PMU)'"
        super().__init__("PMU", 0x10000000, registers, manual, size=0x1000)
