# SPDX-License-Identifier: Apache-2.0
"""The registers inside a Cortex-M4 or M7: system control, NVIC, SysTick, MPU, DWT and caches.

ARMv7-M Architecture Reference Manual (DDI 0403), B3.2 to B3.5 and C1.8; the processor's own values
from its Technical Reference Manual (DDI 0439, DDI 0489).
"""

from collections.abc import Callable
from dataclasses import dataclass

from mcuforge.boards.virtual.caches import Caches
from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.processors import Processor

MANUAL = "the ARMv7-M Architecture Reference Manual (DDI 0403), B3.2 to B3.5"
DWT_CTRL_RESET = 0x40000000  # four comparators
PRIORITY_BITS = 0xF0  # four are implemented: programming manuals PM0214 and PM0253, NVIC
DWT_LAR, DWT_LSR = 0xE0001FB0, 0xE0001FB4
DWT_KEY = 0xC5ACCE55
CORESIGHT = "the CoreSight Architecture Specification (IHI 0029), 'Software Lock Access Register'"

# name -> (address, reset, bits that may be written), of a Cortex-M4
SIMPLE = {
    "ACTLR": (0xE000E008, 0, 0x307),
    "VTOR": (0xE000ED08, 0, 0x3FFFFF80),
    "SCR": (0xE000ED10, 0, 0x16),
    "CCR": (0xE000ED14, 0x200, 0x31B),
    "SHCSR": (0xE000ED24, 0, 0x7FD8B),
    "CPACR": (0xE000ED88, 0, 0x00F00000),
    "FPCCR": (0xE000EF34, 0xC0000000, 0xC000017B),
    "FPCAR": (0xE000EF38, 0, 0xFFFFFFF8),
    "FPDSCR": (0xE000EF3C, 0, 0x07C00000),
    "DEMCR": (0xE000EDFC, 0, 0x010F07F1),
    "MPU_CTRL": (0xE000ED94, 0, 0x7),
    "MPU_RNR": (0xE000ED98, 0, 0xFF),
    "SYST_RVR": (0xE000E014, 0, 0xFFFFFF),
}


@dataclass
class MpuRegion:
    """A region of the MPU: RBAR's address, RASR."""

    origin: int = 0
    attributes: int = 0

    def holds(self, address: int) -> bool:
        """Tell whether the region is on and has the address; subregions may be off."""
        if not self.attributes & 1:
            return False
        size = 2 << (self.attributes >> 1 & 31)
        start = self.origin & ~(size - 1)
        if not start <= address < start + size:
            return False
        part = (address - start) * 8 // size
        return size < 256 or not self.attributes >> (8 + part) & 1

    def is_normal(self) -> bool:
        """Tell whether it is normal memory by TEX, C and B (table B3-13)."""
        tex, c, b = (self.attributes >> at & mask for at, mask in ((19, 7), (17, 1), (16, 1)))
        return tex >= 4 or (tex == 0 and c == 1) or (tex == 1 and c == b)

    def forbids(self, *, writing: bool) -> bool:
        """Tell whether privileged code may not read, or write (table B3-15)."""
        access = self.attributes >> 24 & 7
        return access in (0, 4) or (writing and access in (5, 6, 7))


class SystemControl:
    """Registers from 0xE0000000 to 0xE003FFFF, by address."""

    simple = SIMPLE
    priority_bits = PRIORITY_BITS

    def __init__(
        self, processor: Processor, vectors: int, interrupts: int, count: Callable[[], int]
    ) -> None:
        """vectors: where the table is at reset; count: cycles since reset."""
        self._processor = processor
        self._registers = self.simple | processor.registers
        self._names = {address: name for name, (address, _, _) in self._registers.items()}
        self._values = {name: reset for name, (_, reset, _) in self._registers.items()}
        self._caches: Caches | None = None
        if processor.data_cache is not None and processor.instruction_cache is not None:
            self._caches = Caches(processor.data_cache, processor.instruction_cache)
        self._dwt_locked = processor.locked_dwt
        self._values["VTOR"] = vectors
        self._interrupts = interrupts
        self._count = count
        self._enabled: set[int] = set()
        self._priorities: dict[int, int] = {}
        self._regions = [MpuRegion() for _ in range(processor.mpu_regions)]
        self._dwt_control = DWT_CTRL_RESET
        self._cycles = (0, 0)  # CYCCNT at a count
        self._systick = (0, 0)  # CSR, count at which it last reached 0
        self.cfsr = 0
        self.mmfar = 0
        self.active = 0  # exception that runs

    @property
    def vectors(self) -> int:
        """The address of the vector table."""
        return self._values["VTOR"]

    @vectors.setter
    def vectors(self, address: int) -> None:
        """Move the table as a ROM does before the program runs."""
        self._values["VTOR"] = address

    @property
    def fpu_enabled(self) -> bool:
        """Tell whether CPACR gives code full access to the FPU."""
        return self._values["CPACR"] >> 20 & 0xF == 0xF

    def is_enabled(self, interrupt: int) -> bool:
        """Tell whether the NVIC lets an interrupt through."""
        return interrupt in self._enabled

    def fault_enabled(self, exception: int) -> bool:
        """Tell whether a configurable fault has its own handler (SHCSR, bits 16 to 18)."""
        return bool(self._values["SHCSR"] >> (16 + exception - 4) & 1)

    def priority(self, exception: int) -> int:
        """The priority of an exception; a smaller number is more urgent (table B1-4)."""
        return {1: -3, 2: -2, 3: -1}.get(exception, self._priorities.get(exception, 0))

    def mpu_forbids(self, address: int, *, writing: bool) -> bool:
        """Tell whether the MPU forbids the access; the highest region decides (B3.5.3)."""
        if not self._values["MPU_CTRL"] & 1:
            return False
        for region in reversed(self._regions):
            if region.holds(address):
                return region.forbids(writing=writing)
        return not self._values["MPU_CTRL"] & 4

    def is_normal(self, address: int) -> bool:
        """Tell whether an address is normal memory that may be read: not so device memory.

        The highest region of the MPU decides; where there is none, the default map (B3.1).
        """
        if self._values["MPU_CTRL"] & 1:
            for region in reversed(self._regions):
                if region.holds(address):
                    return region.is_normal() and not region.forbids(writing=False)
        return address >> 28 in (0, 1, 2, 3, 6, 7, 8, 9)

    def systick_due(self) -> int | None:
        """The count at which SysTick asks for its exception next; None if it never does."""
        control, start = self._systick
        if control & 3 != 3 or not self._values["SYST_RVR"]:
            return None
        return start + self._values["SYST_RVR"] + 1

    def systick_due_now(self) -> bool:
        """Tell whether SysTick has reached 0 since this was asked last."""
        due = self.systick_due()
        if due is None or self._count() < due:
            return False
        self._systick = (self._systick[0], due)
        return True

    def read(self, address: int, size: int) -> int:
        """Read a register."""
        name = self._names.get(address)
        if name is not None:
            return self._values[name]
        if 0xE000E400 <= address < 0xE000E500:
            first = address - 0xE000E400 + 16
            return sum(self._priorities.get(first + i, 0) << (8 * i) for i in range(size))
        if 0xE000ED18 <= address < 0xE000ED24:
            first = address - 0xE000ED18 + 4
            return sum(self._priorities.get(first + i, 0) << (8 * i) for i in range(size))
        for base in (0xE000E100, 0xE000E180):
            if base <= address < base + 0x40:
                first = (address - base) * 8
                return sum((first + i in self._enabled) << i for i in range(32))
        if address in (0xE0001000, 0xE0001004):
            return self._read_dwt(address)
        if address == DWT_LSR and self._processor.locked_dwt:
            return 1 | self._dwt_locked << 1
        if self._caches is not None and (value := self._caches.read(address)) is not None:
            return value
        found = {
            0xE000E004: (self._interrupts - 1) // 32,
            0xE000E010: self._systick[0],
            0xE000E018: self._systick_value(),
            0xE000ED00: self._processor.cpuid,
            0xE000ED04: self.active,
            0xE000ED0C: 0xFA050000,
            0xE000ED28: self.cfsr,
            0xE000ED2C: 0,
            0xE000ED34: self.mmfar,
            0xE000ED38: 0,
            0xE000ED90: self._processor.mpu_regions << 8,
            0xE000ED9C: self._regions[self._values["MPU_RNR"] % self._processor.mpu_regions].origin,
            0xE000EDA0: self._regions[
                self._values["MPU_RNR"] % self._processor.mpu_regions
            ].attributes,
        }.get(address)
        if found is None:
            raise self._unknown(address)
        return found

    def write(self, address: int, size: int, value: int) -> None:
        """Write a register; Violation for reserved bits and for what the model does not know."""
        name = self._names.get(address)
        if name is not None:
            _, reset, writable = self._registers[name]
            if wrong := (value ^ reset) & ~writable & 0xFFFFFFFF:
                raise Violation(
                    Rule.RESERVED,
                    f"{value:#010x} is written to {name}: bits {wrong:#010x} are reserved",
                    MANUAL,
                )
            self._values[name] = value
            if name == "CCR" and self._caches is not None:
                self._caches.switch(value)
        elif 0xE000E400 <= address < 0xE000E500:
            self._set_priorities(address - 0xE000E400 + 16, size, value)
        elif 0xE000ED18 <= address < 0xE000ED24:
            self._set_priorities(address - 0xE000ED18 + 4, size, value)
        elif 0xE000E100 <= address < 0xE000E140 or 0xE000E180 <= address < 0xE000E1C0:
            self._enable(address, value)
        elif address == 0xE000E010:
            self._systick = (value & 7, self._count())
        elif address == 0xE000E018:
            self._systick = (self._systick[0], self._count())
        elif address in (0xE0001000, 0xE0001004):
            self._write_dwt(address, value)
        elif address == DWT_LAR and self._processor.locked_dwt:
            self._check_trace()
            self._dwt_locked = value != DWT_KEY
        elif address == 0xE000ED28:
            self.cfsr &= ~value
        elif address == 0xE000ED9C:
            self._set_region(value)
        elif address == 0xE000EDA0:
            self._regions[self._values["MPU_RNR"] % self._processor.mpu_regions].attributes = value
        elif self._caches is None or not self._caches.write(address, value):
            raise self._unknown(address)

    def _set_region(self, value: int) -> None:
        if value & 0x10:  # VALID: the low bits choose the region
            self._values["MPU_RNR"] = value & 0xF
        number = self._values["MPU_RNR"]
        if number >= (regions := self._processor.mpu_regions):
            raise Violation(Rule.RESERVED, f"MPU region {number} of {regions} is chosen", MANUAL)
        self._regions[number].origin = value & ~0x1F

    def _set_priorities(self, first: int, size: int, value: int) -> None:
        for i in range(size):
            self._priorities[first + i] = value >> (8 * i) & self.priority_bits

    def _enable(self, address: int, value: int) -> None:
        base = 0xE000E100 if address < 0xE000E180 else 0xE000E180
        chosen = {(address - base) * 8 + bit for bit in range(32) if value >> bit & 1}
        if missing := {n for n in chosen if n >= self._interrupts}:
            raise Violation(
                Rule.RESERVED,
                f"interrupt {min(missing)} is switched, the chip has {self._interrupts}",
                MANUAL,
            )
        self._enabled = self._enabled | chosen if base == 0xE000E100 else self._enabled - chosen

    def _systick_value(self) -> int:
        control, start = self._systick
        reload = self._values["SYST_RVR"]
        return (reload - (self._count() - start)) % (reload + 1) if control & 1 else 0

    def _check_trace(self) -> None:
        if not self._values["DEMCR"] >> 24 & 1:
            raise Violation(
                Rule.DWT_OFF,
                "the DWT is used while DEMCR.TRCENA is 0",
                "the ARMv7-M Architecture Reference Manual (DDI 0403), C1.6.5",
            )

    def _read_dwt(self, address: int) -> int:
        self._check_trace()
        if address == 0xE0001000:
            return self._dwt_control
        value, since = self._cycles
        if not self._dwt_control & 1:
            raise Violation(
                Rule.DWT_OFF,
                f"CYCCNT is read while DWT_CTRL.CYCCNTENA is 0: it stays {value}",
                "the ARMv7-M Architecture Reference Manual (DDI 0403), C1.8.7",
            )
        return (value + self._count() - since) & 0xFFFFFFFF

    def _write_dwt(self, address: int, value: int) -> None:
        self._check_trace()
        if self._dwt_locked:
            name = "CTRL" if address == 0xE0001000 else "CYCCNT"
            raise Violation(
                Rule.DWT_LOCKED,
                f"{value:#010x} is written to DWT_{name} before the key to DWT_LAR: it is lost",
                CORESIGHT,
            )
        now = self._count()
        running = self._dwt_control & 1
        held, since = self._cycles
        current = (held + now - since) & 0xFFFFFFFF if running else held
        if address == 0xE0001000:
            self._dwt_control = value
            self._cycles = (current, now)
        else:
            self._cycles = (value, now)

    def _unknown(self, address: int) -> Violation:
        return Violation(
            Rule.UNMAPPED, f"the model has no system register at {address:#010x}", MANUAL
        )
