# SPDX-License-Identifier: Apache-2.0
"""RESETS, and what all blocks of the RP2040 have in common: reset, and atomic writes.

RP2040 Datasheet, 'Subsystem Resets' and, of 'Bus Fabric', 'Atomic Register Access'.
"""

from collections.abc import Callable, Iterable

from mcuforge.boards.virtual.bus import WORD, Bus, Peripheral, Register
from mcuforge.boards.virtual.failure import Rule

MANUAL = "RP2040 Datasheet"
APB = (0x40000000, 0x70000)  # origin, bytes
BLOCK_BYTES = 0x1000  # of registers; three more views of them follow
DONE_SECONDS = 1e-6  # from the end of a reset to its bit in RESET_DONE
# bit n of RESETS_RESET holds the block with number n
NAMES = (
    *("ADC", "BUSCTRL", "DMA", "I2C0", "I2C1", "IO_BANK0", "IO_QSPI", "JTAG", "PADS_BANK0"),
    *("PADS_QSPI", "PIO0", "PIO1", "PLL_SYS", "PLL_USB", "PWM", "RTC", "SPI0", "SPI1", "SYSCFG"),
    *("SYSINFO", "TBMAN", "TIMER", "UART0", "UART1", "USBCTRL"),
)
EVERY_BLOCK = (1 << len(NAMES)) - 1
FREED_BY_BOOTROM = ("IO_QSPI", "PADS_QSPI")  # it reads the second stage through these


class Resets(Peripheral):
    """RESETS: which blocks are held in reset."""

    def __init__(self, now: Callable[[], float]) -> None:
        """now: virtual seconds since reset."""
        registers = (
            Register("RESET", 0x0, EVERY_BLOCK, EVERY_BLOCK),
            Register("WDSEL", 0x4, 0, EVERY_BLOCK),
            Register("RESET_DONE", 0x8, 0, 0, EVERY_BLOCK, waited=True),
        )
        super().__init__(
            "RESETS", 0x4000C000, registers, f"{MANUAL}, 'Subsystem Resets'", BLOCK_BYTES
        )
        self._now = now
        self._freed: dict[str, float] = {}  # when the reset ended
        self.on_reset: Callable[[str], None] = lambda name: None

    def start(self) -> None:
        """Free what the bootrom frees."""
        for name in FREED_BY_BOOTROM:
            self.values["RESET"] &= ~(1 << NAMES.index(name))
            self._freed[name] = -DONE_SECONDS

    def seen(self, register: Register, value: int) -> int:
        """Show in RESET_DONE what may be used."""
        if register.name == "RESET_DONE":
            return sum(self._is_done(name) << n for n, name in enumerate(NAMES))
        return value

    def pending(self) -> bool:
        """Tell whether a bit of RESET_DONE is still to come."""
        return any(not self._is_done(name) for name in self._freed)

    def changed(self, register: Register, old: int, new: int) -> None:
        """Hold blocks in reset, or free them: both put them back to their first state."""
        if register.name != "RESET":
            return
        for n, name in enumerate(NAMES):
            if not (old ^ new) >> n & 1:
                continue
            self.on_reset(name)
            self._freed.pop(name, None)
            if not new >> n & 1:
                self._freed[name] = self._now()

    def check(self, block: Peripheral) -> None:
        """Raise a Violation if `block` cannot be used yet."""
        if block.name not in NAMES or self._is_done(block.name):
            return
        why = "before RESET_DONE shows it" if block.name in self._freed else "while it is in reset"
        raise self.violation(Rule.IN_RESET, f"{block.name} is used {why}")

    def _is_done(self, name: str) -> bool:
        since = self._freed.get(name)
        return since is not None and self._now() - since >= DONE_SECONDS


class AtomicBus(Bus):
    """The bus, whose APB blocks appear four times: plain, and to flip, set and clear bits."""

    def __init__(
        self, peripherals: Iterable[Peripheral], clocked: Callable[[Peripheral], bool]
    ) -> None:
        """clocked: as for Bus."""
        super().__init__(peripherals, clocked, f"{MANUAL}, 'Address Map'")

    def read(self, address: int, size: int) -> int:
        """Read a register; all four views show the same."""
        return super().read(self._plain(address), size)

    def write(self, address: int, size: int, value: int) -> None:
        """Write a register, or change those of its bits that are 1 in `value`."""
        plain = self._plain(address)
        view = (address - plain) // BLOCK_BYTES
        if view:
            peripheral = self._find(plain, size)
            register = peripheral.registers.get(plain - peripheral.origin)
            old = peripheral.values[register.name] if register else 0
            value = {1: old ^ value, 2: old | value, 3: old & ~value & WORD}[view]
        super().write(plain, size, value)

    def _plain(self, address: int) -> int:
        inside = APB[0] <= address < APB[0] + APB[1]
        return address & ~(3 * BLOCK_BYTES) if inside else address
