# SPDX-License-Identifier: Apache-2.0
"""CLOCKS, XOSC, ROSC, PLL_SYS and WATCHDOG of the RP2040: the clock tree and its limits.

RP2040 Datasheet, chapters 'Clocks', 'Crystal Oscillator (XOSC)', 'Ring Oscillator (ROSC)', 'PLL'
and 'Watchdog'.
"""

from collections.abc import Callable
from functools import partial

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.chip import Elapsed
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.rp2040.blocks import BLOCK_BYTES, MANUAL

MHZ = 1_000_000
ROSC_HZ = 6_500_000  # nominal; 'Ring Oscillator (ROSC)', 'Overview'
FASTEST_HZ = 133 * MHZ
XOSC_HZ = (1 * MHZ, 15 * MHZ)
XOSC_START_SECONDS = 1e-3  # of a crystal: 'Startup Delay'
VCO_HZ = (750 * MHZ, 1600 * MHZ)
PLL_INPUT_HZ = 5 * MHZ
FEEDBACK = (16, 320)
LOCK_SECONDS = 50e-6
SWITCH_CYCLES = 6  # of a mux without glitches
XOSC_1_TO_15_MHZ, XOSC_ON, XOSC_OFF = 0xAA0, 0xFAB, 0xD1E
PD, POSTDIVPD, VCOPD = 1 << 0, 1 << 3, 1 << 5
TICK_HZ = MHZ

REF_SOURCES = {0: "ROSC", 2: "XOSC"}
SYS_AUXILIARY = {0: "PLL_SYS", 2: "ROSC", 3: "XOSC"}
PERI_AUXILIARY = {0: "clk_sys", 1: "PLL_SYS", 3: "ROSC", 4: "XOSC"}


class Xosc(Peripheral):
    """The crystal oscillator; STABLE rises when its counter has run down."""

    def __init__(self, hz: int, now: Callable[[], float]) -> None:
        """hz: of the crystal; now: virtual seconds since reset."""
        registers = (
            Register("CTRL", 0x00, 0, 0xFFFFFF),
            Register("STATUS", 0x04, 0, 0x01000000, 0x80001003, waited=True),
            Register("STARTUP", 0x0C, 0, 0x103FFF),
            Register("COUNT", 0x1C, 0, 0xFF),
        )
        manual = f"{MANUAL}, 'Crystal Oscillator (XOSC)'"
        super().__init__("XOSC", 0x40024000, registers, manual, BLOCK_BYTES)
        self.hz = hz
        self._now = now
        self._since: float | None = None
        self.is_used: Callable[[], bool] = lambda: False

    @property
    def ready(self) -> bool:
        """Whether STABLE is 1."""
        return self._since is not None and self._now() - self._since >= self._delay()

    def pending(self) -> bool:
        """Tell whether STABLE is still to come."""
        return self._since is not None and not self.ready

    def seen(self, register: Register, value: int) -> int:
        """Show STABLE and ENABLED."""
        if register.name == "STATUS":
            return value | self.ready << 31 | (self._since is not None) << 12
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Start or stop, with the words that the register takes."""
        if register.name == "STARTUP" and old != new and self._since is not None:
            raise self.violation(Rule.LOCKED, "XOSC_STARTUP is changed while the oscillator runs")
        if register.name != "CTRL":
            return
        word = new >> 12
        if word not in (XOSC_ON, XOSC_OFF) or new & 0xFFF != XOSC_1_TO_15_MHZ:
            raise self.violation(
                Rule.RESERVED,
                f"XOSC_CTRL is {new:#08x}: ENABLE is FABh or D1Eh, FREQ_RANGE is AA0h",
            )
        if word == XOSC_OFF:
            if self.is_used():
                raise self.violation(Rule.LOCKED, "XOSC is switched off while a clock uses it")
            self._since = None
        elif self._since is None:
            self._check_start()
            self._since = self._now()

    def _check_start(self) -> None:
        if not XOSC_HZ[0] <= self.hz <= XOSC_HZ[1]:
            raise self.violation(Rule.OSCILLATOR, f"XOSC takes no crystal of {self.hz:,} Hz")
        if self._delay() < XOSC_START_SECONDS:
            raise self.violation(
                Rule.OSCILLATOR,
                f"XOSC says STABLE after {1000 * self._delay():g} ms, whatever the crystal does: "
                "it takes 1 ms",
            )

    def _delay(self) -> float:
        startup = self.values["STARTUP"]
        return (startup & 0x3FFF) * 256 * (4 if startup >> 20 else 1) / self.hz


class Rosc(Peripheral):
    """The ring oscillator, from which the chip starts."""

    def __init__(self) -> None:
        """It runs."""
        registers = (
            Register("CTRL", 0x00, 0xAA0, 0xFFFFFF),
            Register("STATUS", 0x18, 0, 0x01000000, 0x80011000),
        )
        manual = f"{MANUAL}, 'Ring Oscillator (ROSC)'"
        super().__init__("ROSC", 0x40060000, registers, manual, BLOCK_BYTES)
        self.is_used: Callable[[], bool] = lambda: True

    @property
    def ready(self) -> bool:
        """Whether it runs."""
        return self.values["CTRL"] >> 12 != XOSC_OFF

    def seen(self, register: Register, value: int) -> int:
        """Show STABLE, DIV_RUNNING and ENABLED."""
        return value | 0x80011000 * self.ready if register.name == "STATUS" else value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Refuse to stop what drives a clock."""
        if not self.ready and self.is_used():
            raise self.violation(Rule.LOCKED, "ROSC is switched off while a clock uses it")


class Pll(Peripheral):
    """PLL_SYS: set up while it is off, then locked, then its post-dividers."""

    def __init__(self, xosc: Xosc, now: Callable[[], float]) -> None:
        """now: virtual seconds since reset."""
        registers = (
            Register("CS", 0x0, 0x1, 0x13F, 0x80000000, waited=True),
            Register("PWR", 0x4, 0x2D, 0x2D),
            Register("FBDIV_INT", 0x8, 0, 0xFFF),
            Register("PRIM", 0xC, 0x77000, 0x77000),
        )
        super().__init__("PLL_SYS", 0x40028000, registers, f"{MANUAL}, 'PLL'", BLOCK_BYTES)
        self._xosc, self._now = xosc, now
        self._since: float | None = None
        self.is_used: Callable[[], bool] = lambda: False

    @property
    def locked(self) -> bool:
        """Whether LOCK is 1."""
        return self._since is not None and self._now() - self._since >= LOCK_SECONDS

    @property
    def ready(self) -> bool:
        """Whether its output can be used."""
        return self.locked and not self.values["PWR"] & POSTDIVPD

    @property
    def hz(self) -> int:
        """Its output."""
        prim = self.values["PRIM"]
        return self._vco() // ((prim >> 16 & 7 or 1) * (prim >> 12 & 7 or 1))

    def reset(self) -> None:
        """Stop: RESETS holds it."""
        if self.is_used():
            raise self.violation(Rule.LOCKED, "PLL_SYS is reset while a clock comes from it")
        self._since = None

    def pending(self) -> bool:
        """Tell whether LOCK is still to come."""
        return self._since is not None and not self.locked

    def seen(self, register: Register, value: int) -> int:
        """Show LOCK."""
        return value | self.locked << 31 if register.name == "CS" else value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Keep the order of 'PLL', 'Configuration'."""
        if old == new:
            return
        if self.is_used():
            raise self.violation(
                Rule.LOCKED, f"PLL_SYS_{register.name} is changed while a clock comes from it"
            )
        if register.name in ("CS", "FBDIV_INT") and self._since is not None:
            raise self.violation(
                Rule.LOCKED, f"PLL_SYS_{register.name} is changed while the PLL is on"
            )
        if register.name == "PRIM" and not self.values["PWR"] & POSTDIVPD:
            raise self.violation(
                Rule.LOCKED, "PLL_SYS_PRIM is changed while the post-dividers are on"
            )
        if register.name == "PWR":
            self._power(new)

    def _power(self, new: int) -> None:
        if new & (PD | VCOPD):
            self._since = None
        elif self._since is None:
            self._check()
            self._since = self._now()
        if not new & POSTDIVPD:
            if not self.locked:
                raise self.violation(
                    Rule.NOT_READY, "the post-dividers of PLL_SYS start before LOCK is 1"
                )
            prim = self.values["PRIM"]
            if not (prim >> 16 & 7) or not (prim >> 12 & 7):
                raise self.violation(Rule.RESERVED, "a post-divider of PLL_SYS is 0")

    def _check(self) -> None:
        if not self._xosc.ready:
            raise self.violation(Rule.NOT_READY, "PLL_SYS starts before XOSC is stable")
        divisor, feedback = self.values["CS"] & 0x3F, self.values["FBDIV_INT"]
        reference = self._xosc.hz // max(divisor, 1)
        right = FEEDBACK[0] <= feedback <= FEEDBACK[1] and reference >= PLL_INPUT_HZ
        if not right or not VCO_HZ[0] <= self._vco() <= VCO_HZ[1]:
            raise self.violation(
                Rule.PLL_RANGE,
                f"the VCO is to run at {self._vco() / MHZ:g} MHz, {feedback} times "
                f"{reference / MHZ:g} MHz; allowed are 750 to 1600 MHz, 16 to 320 times 5 MHz or "
                "more",
            )

    def _vco(self) -> int:
        divisor = max(self.values["CS"] & 0x3F, 1)
        return self._xosc.hz // divisor * self.values["FBDIV_INT"]


class Watchdog(Peripheral):
    """Only its tick, and what it remembers."""

    def __init__(self) -> None:
        """It is off."""
        every = 0xFFFFFFFF
        registers = (
            Register("CTRL", 0x00, 0x07000000, 0xC7000000, 0x00FFFFFF),
            Register("LOAD", 0x04, 0, 0xFFFFFF),
            Register("REASON", 0x08, 0, 0, 0x3),
            *(Register(f"SCRATCH{n}", 0x0C + 4 * n, 0, every) for n in range(8)),
            Register("TICK", 0x2C, 0x200, 0x3FF, 0xFFC00),
        )
        super().__init__("WATCHDOG", 0x40058000, registers, f"{MANUAL}, 'Watchdog'", BLOCK_BYTES)
        self.on_tick: Callable[[], None] = lambda: None

    @property
    def divisor(self) -> int:
        """Cycles of clk_ref per tick; 0: it is off."""
        tick = self.values["TICK"]
        return tick & 0x1FF if tick >> 9 & 1 else 0

    def changed(self, register: Register, old: int, new: int) -> None:
        """Tell that the tick changes."""
        if register.name == "TICK":
            self.on_tick()


def _mux(name: str, offset: int, control: int, divisor: int) -> tuple[Register, ...]:
    """The registers of a clock."""
    return (
        Register(f"CLK_{name}_CTRL", offset, 0, control),
        Register(f"CLK_{name}_DIV", offset + 4, 0x100, divisor),
        Register(f"CLK_{name}_SELECTED", offset + 8, 1, 0, 0xFFFFFFFF, waited=True),
    )


class Clocks(Peripheral):
    """clk_ref, clk_sys and clk_peri; checks every limit when something changes."""

    def __init__(self, crystal_hz: int, count: Callable[[], int]) -> None:
        """crystal_hz: of the board's crystal; count: cycles since reset."""
        registers = (
            *_mux("REF", 0x30, 0x63, 0x300),
            *_mux("SYS", 0x3C, 0xE1, 0xFFFFFFFF),
            Register("CLK_PERI_CTRL", 0x48, 0, 0xCE0),
            Register("CLK_PERI_SELECTED", 0x50, 1, 0, 0xFFFFFFFF),
            Register("CLK_SYS_RESUS_CTRL", 0x78, 0xFF, 0x111FF),
            Register("CLK_SYS_RESUS_STATUS", 0x7C, 0, 0, 0x1),
        )
        super().__init__("CLOCKS", 0x40008000, registers, f"{MANUAL}, 'Clocks'", BLOCK_BYTES)
        self._count = count
        self.time = Elapsed(ROSC_HZ)
        self.xosc, self.rosc = Xosc(crystal_hz, lambda: self.now), Rosc()
        self.pll = Pll(self.xosc, lambda: self.now)
        self._blocks: dict[str, Xosc | Rosc | Pll] = {
            block.name: block for block in (self.xosc, self.rosc, self.pll)
        }
        for name, block in self._blocks.items():
            block.is_used = partial(self._is_used, name)
        # the inputs of a mux that is not through with switching: number, and count of its end
        self._leaves: dict[str, tuple[int, int]] = {}
        self.on_change: Callable[[], None] = lambda: None

    def seconds_at(self, count: int) -> float:
        """Virtual time of a count that lies behind the last change of the clock."""
        return self.time.seconds_at(count)

    @property
    def now(self) -> float:
        """Virtual time since reset."""
        return self.seconds_at(self._count())

    @property
    def ref(self) -> int:
        """clk_ref in Hz."""
        source = REF_SOURCES[self.values["CLK_REF_CTRL"] & 3]
        return self._hz(source) // (self.values["CLK_REF_DIV"] >> 8 & 3)

    @property
    def peri(self) -> int:
        """clk_peri in Hz; 0: it is off."""
        control = self.values["CLK_PERI_CTRL"]
        if not control >> 11 & 1:
            return 0
        source = PERI_AUXILIARY.get(control >> 5 & 7, "")
        return self.time.hz if source == "clk_sys" else self._hz(source)

    def pending(self) -> bool:
        """Tell whether a mux is still switching."""
        return any(self._count() < end for _, end in self._leaves.values())

    def seen(self, register: Register, value: int) -> int:
        """Show in SELECTED the input that a mux uses now."""
        name = register.name.removesuffix("_SELECTED")
        if name in ("CLK_REF", "CLK_SYS") and name != register.name:
            return 1 << self._selected(name)
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Follow the program's requests."""
        if register.name in ("CLK_REF_CTRL", "CLK_SYS_CTRL"):
            self._switch(register.name.removesuffix("_CTRL"), old, new)
        elif register.name == "CLK_PERI_CTRL":
            self._switch_peri(old, new)
        elif register.name.endswith("_DIV") and not new >> 8:
            raise self.violation(Rule.RESERVED, f"{register.name} is set to {new:#x}: INT is 0")
        from_ref = not self.values["CLK_SYS_CTRL"] & 1
        source_hz = self.ref if from_ref else self._hz(self._sys_source())
        hz = source_hz * 256 // self.values["CLK_SYS_DIV"]
        if hz > FASTEST_HZ:
            raise self.violation(
                Rule.BUS_CLOCK, f"clk_sys runs at {hz / MHZ:g} MHz, it may run at 133 MHz"
            )
        if hz != self.time.hz:
            self.time.change(self._count(), hz)
        self.on_change()

    def _switch(self, name: str, old: int, new: int) -> None:
        sources = 3 if name == "CLK_REF" else 1
        if (old ^ new) & ~sources and (old & sources == 1 or self._selected(name) == 1):
            raise self.violation(
                Rule.LOCKED,
                f"AUXSRC of {name} changes while the clock comes from it: that mux makes glitches",
            )
        if (old ^ new) & sources:
            if name in self._leaves and self._count() < self._leaves[name][1]:
                raise self.violation(
                    Rule.NOT_READY, f"{name} is switched again before SELECTED shows the last input"
                )
            self._leaves[name] = (old & sources, self._count() + SWITCH_CYCLES)
        source = REF_SOURCES.get(new & 3, "") if name == "CLK_REF" else self._sys_source()
        if source not in self._blocks or not self._blocks[source].ready:
            raise self.violation(
                Rule.NOT_READY, f"{name} switches to {source or 'an input'} that does not run"
            )

    def _switch_peri(self, old: int, new: int) -> None:
        if (old ^ new) & 0xE0 and old >> 11 & 1:
            raise self.violation(
                Rule.LOCKED, "AUXSRC of CLK_PERI changes while ENABLE is 1: that mux makes glitches"
            )
        source = PERI_AUXILIARY.get(new >> 5 & 7, "")
        runs = source == "clk_sys" or (source in self._blocks and self._blocks[source].ready)
        if new >> 11 & 1 and not runs:
            raise self.violation(
                Rule.NOT_READY, f"clk_peri starts from {source or 'an input'} that does not run"
            )

    def _selected(self, name: str) -> int:
        leaves, end = self._leaves.get(name, (0, 0))
        asked = self.values[f"{name}_CTRL"] & (3 if name == "CLK_REF" else 1)
        return leaves if self._count() < end else asked

    def _sys_source(self) -> str:
        control = self.values["CLK_SYS_CTRL"]
        if not control & 1:
            return REF_SOURCES.get(self.values["CLK_REF_CTRL"] & 3, "")
        return SYS_AUXILIARY.get(control >> 5 & 7, "")

    def _is_used(self, name: str) -> bool:
        """Tell whether an oscillator or PLL drives a clock now."""
        used = {REF_SOURCES.get(self.values["CLK_REF_CTRL"] & 3, ""), self._sys_source()}
        if self._selected("CLK_SYS") == 1:
            used.add(SYS_AUXILIARY.get(self.values["CLK_SYS_CTRL"] >> 5 & 7, ""))
        if self._selected("CLK_REF") in REF_SOURCES:
            used.add(REF_SOURCES[self._selected("CLK_REF")])
        if self.values["CLK_PERI_CTRL"] >> 11 & 1:
            used.add(PERI_AUXILIARY.get(self.values["CLK_PERI_CTRL"] >> 5 & 7, ""))
        return name in used

    def _hz(self, source: str) -> int:
        if source == "ROSC":
            return ROSC_HZ
        if source == "XOSC":
            return self.xosc.hz
        return self.pll.hz if source == "PLL_SYS" else ROSC_HZ
