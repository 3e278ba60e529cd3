# SPDX-License-Identifier: Apache-2.0
"""The SDRAM controller of the STM32F7's FMC, with an MT48LC4M32B2 on 16 data lines of bank 1.

RM0385, 'Flexible memory controller (FMC)': 'SDRAM initialization', 'SDRAM controller registers'.
The memory: Micron, '128Mb: x32 SDRAM', speed grade -6A.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.stm32.facts import MHZ

CONTROLLER_HZ = 100 * MHZ  # DS10916, 'SDRAM waveforms and timings'
BUSY = 1 << 5
CLOCK, PRECHARGE, REFRESH, LOAD = 1, 2, 3, 4  # MODE of SDCMR
STEPS = {CLOCK: "clock", PRECHARGE: "precharge all", REFRESH: "auto-refresh", LOAD: "load mode"}
LEAST_COUNT = 41  # of SDRTR
SPARE_CYCLES = 20  # that RM0385 takes off the refresh period
COMMAND_CYCLES = 16  # of SDCLK, that a command keeps BUSY up


@dataclass(frozen=True)
class Sdram:
    """A memory chip: times in ns by the name of SDTR's field, other figures by their own."""

    name: str
    manual: str
    rows: int  # address bits
    columns: int
    banks: int
    least_ns: dict[str, float]
    least_cycles: dict[str, int]
    write_ns: float  # and one cycle: last data to precharge
    cas_hz: dict[int, int]  # the fastest clock by CAS latency
    refresh_seconds: float  # of all rows
    power_up_seconds: float
    refreshes: int  # before the mode register is loaded


MT48LC4M32B2 = Sdram(
    name="MT48LC4M32B2",
    manual="the data sheet of the MT48LC4M32B2 (128Mb: x32 SDRAM), -6A",
    rows=12,
    columns=8,
    banks=4,
    least_ns={"TXSR": 67.0, "TRAS": 42.0, "TRC": 60.0, "TRP": 18.0, "TRCD": 18.0},
    least_cycles={"TMRD": 2},
    write_ns=6.0,
    cas_hz={2: 100 * MHZ, 3: 167 * MHZ},
    refresh_seconds=0.064,
    power_up_seconds=100e-6,
    refreshes=2,
)
FIELDS = {"TMRD": 0, "TXSR": 4, "TRAS": 8, "TRC": 12, "TWR": 16, "TRP": 20, "TRCD": 24}


def registers() -> tuple[Register, ...]:
    """The registers of both SDRAM banks, and the one that is on after a reset."""
    return (
        Register("BCR1", 0x000, 0x30DB, 0x003FFF7F),
        Register("SDCR1", 0x140, 0x2D0, 0x7FFF),
        Register("SDCR2", 0x144, 0x2D0, 0x7FFF),
        Register("SDTR1", 0x148, 0x0FFFFFFF, 0x0FFFFFFF),
        Register("SDTR2", 0x14C, 0x0FFFFFFF, 0x0FFFFFFF),
        Register("SDCMR", 0x150, 0, 0x003FFFFF),
        Register("SDRTR", 0x154, 0, 0x7FFF),
        Register("SDSR", 0x158, 0, 0, 0x3F, waited=True),
    )


class SdramController(Peripheral):
    """FMC with a memory at SDRAM bank 1."""

    def __init__(
        self,
        manual: str,
        part: Sdram,
        data_lines: int,
        count: Callable[[], int],
        hclk: Callable[[], int],
        check_wires: Callable[[int], None],
    ) -> None:
        """count: cycles since reset; hclk: Hz; check_wires: refuses wrong pins at a clock in Hz."""
        super().__init__(
            "FMC", 0xA0000000, registers(), f"{manual}, 'Flexible memory controller (FMC)'"
        )
        self.used = False
        self._part, self._data_lines = part, data_lines
        self._count, self._hclk, self._check_wires = count, hclk, check_wires
        self._written: set[str] = set()
        self._done = 0  # the last step
        self._clock_since = 0
        self._refreshes = 0
        self._busy_until = 0

    @property
    def hz(self) -> int:
        """The clock of the memory; 0 while it is off."""
        divisor = self.values["SDCR1"] >> 10 & 3
        return self._hclk() // divisor if divisor >= 2 else 0

    def pending(self) -> bool:
        """Tell whether BUSY will fall by itself."""
        return self._busy

    @property
    def _busy(self) -> bool:
        return self._count() < self._busy_until

    def seen(self, register: Register, value: int) -> int:
        """Show BUSY."""
        return BUSY * self._busy if register.name == "SDSR" else value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Follow the steps of the start, each of which needs the one before."""
        name = register.name
        if self.used and name != "SDRTR":
            raise self.violation(Rule.LOCKED, f"FMC_{name} is written while the SDRAM holds data")
        if name in ("SDCR1", "SDTR1"):
            self._written.add(name)
            if self._done:
                raise self._order(f"FMC_{name} is written after the clock was started")
        elif name == "SDCMR":
            self._command(new)
        elif name == "SDRTR":
            if self._done != LOAD:
                raise self._order(f"FMC_SDRTR is written before the step '{STEPS[LOAD]}'")
            self._check_refresh(new)

    def check_access(self) -> None:
        """Refuse an access to the memory unless it was started and is refreshed."""
        if not self._done:
            raise self.violation(
                Rule.EXTERNAL_OFF, "the SDRAM is accessed, and FMC_SDCMR has not started it"
            )
        if self._done != LOAD:
            raise self._order(f"the SDRAM is accessed after the step '{STEPS[self._done]}'")
        self._check_refresh(self.values["SDRTR"])
        if self.values["BCR1"] & 1:
            raise self.violation(
                Rule.SPECULATION,
                "bank 1 of the FMC is on, as after a reset: the core may read ahead there, and "
                "keeps the SDRAM waiting",
            )
        self._check_wires(self.hz)

    def _command(self, value: int) -> None:
        step, cycles = value & 7, self._count() - self._clock_since
        if self._busy:
            raise self.violation(Rule.LOCKED, "FMC_SDCMR is written while BUSY of SDSR is 1")
        if not value & 1 << 4 or step not in STEPS:
            raise self._order(f"FMC_SDCMR gets {value:#x}: bank 1 is CTB1, and steps are 1 to 4")
        if step == CLOCK:
            if self._written != {"SDCR1", "SDTR1"}:
                raise self._order("the clock starts before FMC_SDCR1 and FMC_SDTR1 are written")
            self._check_geometry()
            self._check_timing()
            self._check_wires(self.hz)
            self._clock_since = self._count()
        elif step != self._done + 1 and not step == self._done == REFRESH:
            before = STEPS.get(self._done, "reset")
            raise self._order(f"the step '{STEPS[step]}' follows '{before}'")
        elif step == PRECHARGE and cycles / self._hclk() < self._part.power_up_seconds:
            raise self._order(
                f"the first command comes {1e6 * cycles / self._hclk():.0f} us after the clock, "
                f"the memory needs {1e6 * self._part.power_up_seconds:.0f} us"
            )
        elif step == REFRESH:
            self._refreshes += (value >> 5 & 15) + 1
        elif step == LOAD:
            self._check_mode(value >> 9)
        self._done = step
        self._busy_until = self._count() + COMMAND_CYCLES * (self._hclk() // self.hz)

    def _check_geometry(self) -> None:
        sdcr, part = self.values["SDCR1"], self._part
        found = (
            (sdcr & 3) + 8,
            (sdcr >> 2 & 3) + 11,
            8 << (sdcr >> 4 & 3),
            4 if sdcr >> 6 & 1 else 2,
        )
        wanted = (part.columns, part.rows, self._data_lines, part.banks)
        if found != wanted:
            names = "column bits, row bits, data lines and banks"
            raise self.violation(
                Rule.GEOMETRY, f"FMC_SDCR1 has {names} {found}, the board's memory has {wanted}"
            )
        if sdcr >> 9 & 1:
            raise self.violation(Rule.GEOMETRY, "FMC_SDCR1 has WP set: the memory is read-only")

    def _check_timing(self) -> None:
        part, hz = self._part, self.hz
        cas = self.values["SDCR1"] >> 7 & 3
        fastest = min(CONTROLLER_HZ, part.cas_hz.get(cas, 0))
        if not 0 < hz <= fastest:
            raise self._too_fast(
                f"the SDRAM's clock is {hz / MHZ:g} MHz with a CAS latency of {cas}; with that it "
                f"may be {fastest / MHZ:g} MHz"
            )
        cycles = {name: (self.values["SDTR1"] >> at & 15) + 1 for name, at in FIELDS.items()}
        cycle_ns = 1e9 / hz
        for name, least in part.least_ns.items():
            if cycles[name] * cycle_ns < least:
                raise self._too_fast(
                    f"{name} is {cycles[name]} cycles, {cycles[name] * cycle_ns:.1f} ns at "
                    f"{hz / MHZ:g} MHz; the memory needs {least:g} ns"
                )
        least_cycles = part.least_cycles | {
            "TWR": max(
                2 if part.write_ns <= cycle_ns else 3,
                cycles["TRAS"] - cycles["TRCD"],
                cycles["TRC"] - cycles["TRCD"] - cycles["TRP"],
            )
        }
        for name, least in least_cycles.items():
            if cycles[name] < least:
                raise self._too_fast(
                    f"{name} is {cycles[name]} cycles, at least {least} are needed"
                )

    def _check_mode(self, mode: int) -> None:
        if self._refreshes < self._part.refreshes:
            raise self._order(
                f"the mode is loaded after {self._refreshes} refreshes, the memory needs "
                f"{self._part.refreshes}"
            )
        cas = self.values["SDCR1"] >> 7 & 3
        if mode & 7 or mode >> 4 & 7 != cas or mode & 0x1D88:
            raise self.violation(
                Rule.GEOMETRY,
                f"the mode register gets {mode:#x}: bursts of one word and the CAS latency of "
                f"FMC_SDCR1, {cas}, are right",
            )

    def _check_refresh(self, sdrtr: int) -> None:
        count = sdrtr >> 1 & 0x1FFF
        row = self._part.refresh_seconds / (1 << self._part.rows)
        most = int(row * self.hz) - SPARE_CYCLES
        if not LEAST_COUNT <= count <= most:
            raise self.violation(
                Rule.REFRESH,
                f"FMC_SDRTR refreshes a row every {count} cycles at {self.hz / MHZ:g} MHz; "
                f"{LEAST_COUNT} to {most} are right",
            )

    def _order(self, what: str) -> Violation:
        return Violation(
            Rule.SDRAM_ORDER,
            what,
            f"{self.manual}, 'SDRAM initialization', and {self._part.manual}",
        )

    def _too_fast(self, what: str) -> Violation:
        return Violation(Rule.TIMING, what, f"{self.manual}, and {self._part.manual}")
