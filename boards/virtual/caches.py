# SPDX-License-Identifier: Apache-2.0
"""The cache registers of a Cortex-M7, which hold the order in which caches may be switched on.

No data is cached here: what a missing clean would do to a DMA stays unseen. ARMv7-M Architecture
Reference Manual (DDI 0403), 'Cache and branch predictor maintenance operations'; PM0253, 'Cortex-M7
caches'.
"""

from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.processors import CacheSize

MANUAL = "PM0253, 'Cortex-M7 caches'"
CLIDR, CTR, CCSIDR, CSSELR = 0xE000ED78, 0xE000ED7C, 0xE000ED80, 0xE000ED84
ICIALLU, DCISW = 0xE000EF50, 0xE000EF60
DATA_ON, INSTRUCTION_ON = 1 << 16, 1 << 17  # DC and IC of CCR


class Caches:
    """Both caches of the first level; each holds anything until it is invalidated."""

    def __init__(self, data: CacheSize, instruction: CacheSize) -> None:
        """Reset: both are off."""
        self._data, self._instruction = data, instruction
        self._on = 0  # bits of CCR
        self._selected = 0  # CSSELR: 0 data, 1 instructions
        self._instructions_known = False
        self._lines: set[tuple[int, int]] = set()  # (set, way) of the data cache, invalidated

    def read(self, address: int) -> int | None:
        """Read a register; None if it is not one of the caches'."""
        size = self._instruction if self._selected else self._data
        return {
            CLIDR: 0x09000003,
            CTR: 0x8303C003,
            CCSIDR: size.ccsidr,
            CSSELR: self._selected,
        }.get(address)

    def write(self, address: int, value: int) -> bool:
        """Write a register; False if it is not one of the caches'."""
        if address == CSSELR:
            if value > 1:
                raise self._reserved("CSSELR", value, "the processor has caches of one level")
            self._selected = value
        elif address == ICIALLU:
            self._instructions_known = True
        elif address == DCISW:
            self._invalidate(value)
        else:
            return False
        return True

    def switch(self, control: int) -> None:
        """Follow the bits of CCR."""
        on = control & (DATA_ON | INSTRUCTION_ON)
        if on & ~self._on & INSTRUCTION_ON and not self._instructions_known:
            raise Violation(
                Rule.CACHE,
                "the instruction cache is switched on, and ICIALLU was not written: it holds "
                "anything",
                MANUAL,
            )
        missing = self._data.sets * self._data.ways - len(self._lines)
        if on & ~self._on & DATA_ON and missing:
            raise Violation(
                Rule.CACHE,
                f"the data cache is switched on, and DCISW has not invalidated {missing} of its "
                f"{self._data.sets * self._data.ways} lines: they hold anything",
                MANUAL,
            )
        self._on = on

    def _invalidate(self, value: int) -> None:
        """Invalidate a line of the data cache: way in the highest bits, set from bit 5 on."""
        way_shift = 32 - (self._data.ways - 1).bit_length()
        way, line = value >> way_shift, value >> 5 & 0x1FF
        if value & ((1 << way_shift) - 1) & ~(0x1FF << 5) or line >= self._data.sets:
            raise self._reserved("DCISW", value, f"sets 0 to {self._data.sets - 1}, level 1")
        if self._on & DATA_ON:
            raise Violation(
                Rule.CACHE_LOST,
                f"DCISW invalidates set {line}, way {way} of the data cache, which is on: what was "
                "written and is only there is lost",
                MANUAL,
            )
        self._lines.add((line, way))

    def _reserved(self, name: str, value: int, expected: str) -> Violation:
        return Violation(
            Rule.RESERVED, f"{value:#010x} is written to {name}; it has {expected}", MANUAL
        )
