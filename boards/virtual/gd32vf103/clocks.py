# SPDX-License-Identifier: Apache-2.0
"""RCU and FMC of the GD32VF103: the clock tree, and every limit that it must keep.

GD32VF103 User Manual, chapters 'Reset and clock unit (RCU)' and 'Flash memory controller (FMC)';
limits of the PLL from the data sheet, 'PLL characteristics'.
"""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.chip import Elapsed
from mcuforge.boards.virtual.failure import Rule

MHZ = 1_000_000
MANUAL = "GD32VF103 User Manual"
IRC8M_HZ = 8 * MHZ
FASTEST_HZ = 108 * MHZ  # of the core, AHB and APB2
APB1_HZ = 54 * MHZ
WAIT_STATE_HZ = 36 * MHZ  # each wait state allows so much more
# virtual seconds from a request to its ready bit
IRC8M_SECONDS = 2e-6
CRYSTAL_SECONDS = 2e-3
SIGNAL_SECONDS = 10e-6
PLL_SECONDS = 200e-6

SOURCES = {0: "IRC8M", 1: "HXTAL", 2: "PLL"}
AHB_DIVISORS = (1,) * 8 + (2, 4, 8, 16, 64, 128, 256, 512)
APB_DIVISORS = (1,) * 4 + (2, 4, 8, 16)


def pll_factor(bits: int) -> float:
    """The factor that PLLMF stands for."""
    if bits <= 12:
        return bits + 2
    if bits == 13:
        return 6.5
    return 16 if bits < 16 else bits + 1


class Flash(Peripheral):
    """Wait states; a program here does not erase or write flash."""

    def __init__(self) -> None:
        """The wait states and what a program may look at."""
        registers = (
            Register("WS", 0x00, 0, 0x7),
            Register("STAT0", 0x0C, 0, 0x34, 0x1),
            Register("OBSTAT", 0x1C, 0, 0, 0x03FFFFFF),
            Register("WP", 0x20, 0, 0, 0xFFFFFFFF),
            Register("PID", 0x100, 0, 0, 0xFFFFFFFF),
        )
        super().__init__("FMC", 0x40022000, registers, f"{MANUAL}, 'Flash memory controller (FMC)'")
        self.check: Callable[[], None] = lambda: None

    def changed(self, register: Register, old: int, new: int) -> None:
        """Check the clock against the new wait states."""
        if register.name == "WS" and new > 2:
            raise self.violation(Rule.RESERVED, f"FMC_WS.WSCNT is set to {new}, 2 is the most")
        self.check()


# the enable bits that exist, which are also those of the reset registers
APB2_BITS = 0x00005E7D
APB1_BITS = 0x3E7EC83F

RCU_REGISTERS = (
    Register("CTL", 0x00, 0x00000083, 0x150D00F9, 0x2A02FF02, waited=True),
    Register("CFG0", 0x04, 0, 0x3FFFFFF3, 0xC, waited=True),
    Register("INT", 0x08, 0, 0x00FF7F00, 0xFF),
    Register("APB2RST", 0x0C, 0, APB2_BITS),
    Register("APB1RST", 0x10, 0, APB1_BITS),
    Register("AHBEN", 0x14, 0x14, 0x1157),
    Register("APB2EN", 0x18, 0, APB2_BITS),
    Register("APB1EN", 0x1C, 0, APB1_BITS),
    Register("BDCTL", 0x20, 0x18, 0x18305, 0x2),
    Register("RSTSCK", 0x24, 0x0C000000, 0x01000001, 0xFC000002, waited=True),
    Register("AHBRST", 0x28, 0, 0x1000),
    Register("CFG1", 0x2C, 0, 0x0007FFFF),
    Register("DSV", 0x34, 0, 0x3),
)


class Clocks(Peripheral):
    """RCU: oscillators, PLL, dividers; checks every limit when something changes."""

    def __init__(
        self, oscillator: tuple[int, bool], flash: Flash, count: Callable[[], int]
    ) -> None:
        """oscillator: Hz of what the board has at OSCIN, and whether it is a clock signal."""
        super().__init__(
            "RCU", 0x40021000, RCU_REGISTERS, f"{MANUAL}, 'Reset and clock unit (RCU)'"
        )
        self._oscillator_hz, self._signal = oscillator
        self._flash = flash
        self._count = count
        self.time = Elapsed(IRC8M_HZ)
        # virtual seconds of the requests; the internal oscillator runs since long
        self._since: dict[str, float | None] = {"IRC8M": -1.0, "HXTAL": None, "PLL": None}
        self._seconds = {
            "IRC8M": IRC8M_SECONDS,
            "HXTAL": SIGNAL_SECONDS if self._signal else CRYSTAL_SECONDS,
            "PLL": PLL_SECONDS,
        }
        flash.check = self.check

    def seconds_at(self, count: int) -> float:
        """Virtual time of a count that lies behind the last change of the clock."""
        return self.time.seconds_at(count)

    @property
    def now(self) -> float:
        """Virtual time since reset."""
        return self.seconds_at(self._count())

    @property
    def apb1(self) -> int:
        """The clock of APB1 in Hz."""
        return self.time.hz // APB_DIVISORS[self.values["CFG0"] >> 8 & 7]

    @property
    def apb2(self) -> int:
        """The clock of APB2 in Hz."""
        return self.time.hz // APB_DIVISORS[self.values["CFG0"] >> 11 & 7]

    def is_on(self, register: str, bit: int) -> bool:
        """Tell whether an enable register has a bit set."""
        return bool(self.values[register] >> bit & 1)

    def pending(self) -> bool:
        """Tell whether a ready bit is still to come."""
        return any(s is not None and not self._ready(name) for name, s in self._since.items())

    def seen(self, register: Register, value: int) -> int:
        """Show ready bits in CTL and the clock in use in CFG0."""
        if register.name == "CTL":
            ready = (self._ready("IRC8M"), 1), (self._ready("HXTAL"), 17), (self._ready("PLL"), 25)
            return (value & ~2) | sum(is_ready << bit for is_ready, bit in ready)
        if register.name == "CFG0":
            return value | (value & 3) << 2
        return value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Follow the program's requests, in the order that the manual wants."""
        if register.name == "CTL":
            self._oscillators_changed(old, new)
        elif register.name == "CFG0":
            self._switch(old, new)
        elif register.name == "CFG1":
            if old != new and self._since["PLL"] is not None:
                raise self.violation(Rule.LOCKED, "RCU_CFG1 is changed while the PLL is on")
        elif register.name == "RSTSCK" and new >> 24 & 1:
            self.values["RSTSCK"] = new & 0x3

    def _oscillators_changed(self, old: int, new: int) -> None:
        used = SOURCES[self.values["CFG0"] & 3]
        if (old ^ new) >> 18 & 1 and old >> 16 & 1:
            raise self.violation(Rule.LOCKED, "RCU_CTL.HXTALBPS is changed while HXTAL is on")
        if new & ~old & 1 << 16 and bool(new >> 18 & 1) != self._signal:
            has = "a clock signal" if self._signal else "a crystal"
            raise self.violation(
                Rule.OSCILLATOR,
                f"HXTAL starts with HXTALBPS = {new >> 18 & 1}, and the board has {has} at OSCIN",
            )
        for name, bit in (("IRC8M", 0), ("HXTAL", 16), ("PLL", 24)):
            if old & ~new & 1 << bit:
                if name in (used, self._pll_source() if used == "PLL" else used):
                    raise self.violation(
                        Rule.LOCKED, f"{name} is switched off while the core's clock comes from it"
                    )
                self._since[name] = None
            if new & ~old & 1 << bit:
                if name == "PLL":
                    self._check_pll()
                self._since[name] = self.now

    def _pll_source(self) -> str:
        return "HXTAL" if self.values["CFG0"] >> 16 & 1 else "IRC8M"

    def _check_pll(self) -> None:
        if not self._ready(self._pll_source()):
            raise self.violation(
                Rule.NOT_READY, f"the PLL starts from {self._pll_source()} before that is ready"
            )
        if self._pll_source() == "HXTAL" and self.values["CFG1"] >> 16 & 1:
            raise self.violation(Rule.NOT_READY, "the PLL starts from PLL1, which is off")
        source, output = self._pll()
        if not 1 * MHZ <= source <= 25 * MHZ or not 16 * MHZ <= output <= FASTEST_HZ:
            raise self.violation(
                Rule.PLL_RANGE,
                f"the PLL is to make {output / MHZ:g} MHz from {source / MHZ:g} MHz; allowed are "
                "1 to 25 MHz in and 16 to 108 MHz out",
            )

    def _pll(self) -> tuple[int, int]:
        """Input and output of the PLL in Hz."""
        config = self.values["CFG0"]
        source = IRC8M_HZ // 2
        if config >> 16 & 1:
            source = self._oscillator_hz // ((self.values["CFG1"] & 15) + 1)
        return source, int(source * pll_factor(config >> 18 & 15 | (config >> 29 & 1) << 4))

    def _switch(self, old: int, new: int) -> None:
        if (old ^ new) & 0x203D0000 and self._since["PLL"] is not None:
            raise self.violation(
                Rule.LOCKED, "PLLSEL or PLLMF of RCU_CFG0 is changed while the PLL is on"
            )
        if new & 3 == 3:
            raise self.violation(Rule.RESERVED, "RCU_CFG0.SCS is set to 3")
        source = SOURCES[new & 3]
        if not self._ready(source):
            raise self.violation(
                Rule.NOT_READY, f"the core switches to {source} before {source}STB is 1"
            )
        hz = {"IRC8M": IRC8M_HZ, "HXTAL": self._oscillator_hz, "PLL": self._pll()[1]}[source]
        self.time.change(self._count(), hz // AHB_DIVISORS[new >> 4 & 15])
        self.check()

    def check(self) -> None:
        """Check clock, wait states and buses against the limits."""
        hz = self.time.hz
        needed, chosen = (hz - 1) // WAIT_STATE_HZ, self._flash.values["WS"]
        if chosen < needed:
            raise self._flash.violation(
                Rule.WAIT_STATES,
                f"AHB is {hz / MHZ:g} MHz with {chosen} wait states, {needed} are needed",
            )
        for name, bus, limit in (("APB1", self.apb1, APB1_HZ), ("APB2", self.apb2, FASTEST_HZ)):
            if bus > limit:
                raise self.violation(
                    Rule.BUS_CLOCK,
                    f"{name} runs at {bus / MHZ:g} MHz, it may run at {limit / MHZ:g} MHz",
                )

    def _ready(self, name: str) -> bool:
        since = self._since[name]
        return since is not None and self.now - since >= self._seconds[name]
