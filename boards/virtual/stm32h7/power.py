# SPDX-License-Identifier: Apache-2.0
"""PWR, FLASH, SYSCFG and the AXI interconnect of the STM32H7.

RM0433, 'Power control (PWR)', 'Embedded Flash memory (FLASH)', 'System configuration controller
(SYSCFG)' and 'AXI interconnect'.
"""

from collections.abc import Callable

from mcuforge.boards.virtual.bus import Peripheral, Register
from mcuforge.boards.virtual.failure import Rule
from mcuforge.boards.virtual.stm32.clock_tree import Awaited
from mcuforge.boards.virtual.stm32h7.facts import H7Facts

# cycles from a request to its ready bit, at 64 MHz
SUPPLY_CYCLES = 640  # 10 us
SCALE_CYCLES = 3_200  # 50 us
SCALES = {3: 1, 2: 2, 1: 3}  # VOS -> the number of the scale
ONE_READ = 1 << 0  # READ_ISS_OVERRIDE


class Flash(Peripheral):
    """The access control register; a program here does not erase or write flash."""

    def __init__(self, facts: H7Facts) -> None:
        """Only ACR: wait states and programming delay."""
        acr = Register("ACR", 0x00, 0x37, 0x3F, waited=True)
        super().__init__(
            "FLASH", 0x52002000, (acr,), f"{facts.manual}, 'Embedded Flash memory (FLASH)'"
        )
        self.check: Callable[[], None] = lambda: None

    @property
    def wait_states(self) -> int:
        """The wait states of a read."""
        return self.values["ACR"] & 0xF

    @property
    def delay(self) -> int:
        """The programming delay, WRHIGHFREQ."""
        return self.values["ACR"] >> 4 & 3

    def changed(self, register: Register, old: int, new: int) -> None:
        """Check the clock against the new wait states."""
        self.check()


class Interconnect(Peripheral):
    """The AXI interconnect: how many reads of AXI SRAM may be on their way."""

    def __init__(self, facts: H7Facts) -> None:
        """Only AXI_TARG7_FN_MOD."""
        register = Register("TARG7_FN_MOD", 0x108, 0x4, 0x3)
        super().__init__("AXI", 0x51008000, (register,), f"{facts.manual}, 'AXI interconnect'")

    @property
    def one_read(self) -> bool:
        """Tell whether reads follow one another."""
        return bool(self.values["TARG7_FN_MOD"] & ONE_READ)


class Power(Peripheral):
    """The supply, and the voltage scale."""

    def __init__(self, facts: H7Facts, count: Callable[[], int]) -> None:
        """count: cycles since reset."""
        registers = (
            Register("CR1", 0x00, 0xF000C000, 0x0007C3F1),
            Register("CSR1", 0x04, 0x00004000, 0, 0x0001E010, waited=True),
            Register("CR2", 0x08, 0, 0x00000011, 0x00F10000),
            Register("CR3", 0x0C, 0x00000006, 0x03000303, 0x04000004),
            Register("CPUCR", 0x10, 0, 0x00000A07, 0x000001E0),
            Register("D3CR", 0x18, 0x00004000, 0x0000C000, 0x00002000, waited=True),
        )
        manual = f"{facts.manual}, 'Power control (PWR)'"
        super().__init__("PWR", 0x58024800, registers, manual)
        self._supply = Awaited(count)
        self._change = Awaited(count)
        self._over_drive = False
        self._scale = 3  # that was reached before the last change
        self.check: Callable[[], None] = lambda: None

    @property
    def supplied(self) -> bool:
        """Tell whether the supply is chosen and its voltage is there."""
        return self._supply.ready

    @property
    def scale(self) -> int:
        """The number of the voltage scale; while it rises, that of the lower voltage."""
        return max(self._wanted(), self._scale) if self._change.pending else self._wanted()

    def _wanted(self) -> int:
        return 0 if self._over_drive else SCALES.get(self.values["D3CR"] >> 14 & 3, 3)

    def pending(self) -> bool:
        """Tell whether a ready bit is still to come."""
        return self._supply.pending or self._change.pending

    def seen(self, register: Register, value: int) -> int:
        """Show ACTVOSRDY, ACTVOS and VOSRDY; SCUEN until the supply has been chosen."""
        settled = self._supply.ready and not self._change.pending
        if register.name == "CSR1":
            return (value & ~0xE000) | settled << 13 | (self.values["D3CR"] & 0xC000)
        if register.name == "CR3":
            return (value & ~4) | (not self._supply.asked) << 2
        return value | settled << 13 if register.name == "D3CR" else value

    def changed(self, register: Register, old: int, new: int) -> None:
        """Follow the choice of the supply, which is made once, and of the scale."""
        if register.name == "CR3":
            self._choose_supply(old, new)
        elif register.name == "D3CR" and old != new:
            if not self._supply.ready:
                raise self.violation(
                    Rule.SUPPLY, "PWR_D3CR.VOS is changed before PWR_CSR1.ACTVOSRDY is 1"
                )
            if self._over_drive:
                raise self.violation(Rule.LOCKED, "PWR_D3CR.VOS is changed while ODEN is 1")
            if (chosen := new >> 14 & 3) not in SCALES:
                raise self.violation(Rule.RESERVED, f"PWR_D3CR.VOS is set to {chosen}")
            self._rise(SCALES[old >> 14 & 3])
        self.check()

    def _choose_supply(self, old: int, new: int) -> None:
        if self._supply.asked:
            if (old ^ new) & 3:
                raise self.violation(
                    Rule.LOCKED, "the supply is changed in PWR_CR3, which works once per power-on"
                )
            return
        if new & 3 != 2:
            raise self.violation(
                Rule.SUPPLY,
                f"PWR_CR3 chooses LDOEN {new >> 1 & 1} and BYPASS {new & 1}: the board has the "
                "internal regulator, 1 and 0",
            )
        self._supply.ask(SUPPLY_CYCLES)

    def drive(self, on: bool) -> None:
        """Follow SYSCFG_PWRCR.ODEN: from scale 1 to scale 0 and back."""
        if on and (self._wanted() != 1 or self._change.pending):
            raise self.violation(
                Rule.NOT_READY,
                f"ODEN is set at scale {self._wanted()}, or before VOSRDY is 1: it needs scale 1",
            )
        before, self._over_drive = self._wanted(), on
        self._rise(before)
        self.check()

    def _rise(self, before: int) -> None:
        self._scale = before
        self._change.ask(SCALE_CYCLES)


class SystemConfiguration(Peripheral):
    """SYSCFG: the over-drive of the regulator."""

    def __init__(self, facts: H7Facts, power: Power) -> None:
        """Only PWRCR."""
        register = Register("PWRCR", 0x2C, 0, 0x1)
        manual = f"{facts.manual}, 'System configuration controller (SYSCFG)'"
        super().__init__("SYSCFG", 0x58000400, (register,), manual)
        self._facts, self._power = facts, power

    def changed(self, register: Register, old: int, new: int) -> None:
        """Tell PWR."""
        if new & ~old and not self._facts.over_drive:
            raise self.violation(
                Rule.VOLTAGE_SCALE, "ODEN is set, and this revision of the chip has no scale 0"
            )
        if old != new:
            self._power.drive(bool(new))
