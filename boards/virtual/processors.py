# SPDX-License-Identifier: Apache-2.0
"""The processors that virtual chips have: what differs between Cortex-M0+, M4 and M7."""

from dataclasses import dataclass, field, replace

from mcuforge.boards.virtual.engine import ARM_M0, ARM_M4, ARM_M7, UnicornCore


@dataclass(frozen=True)
class CacheSize:
    """A cache of the first level: lines of 32 bytes, `sets` in each of `ways`."""

    sets: int
    ways: int

    @property
    def ccsidr(self) -> int:
        """What CCSIDR says of it; all policies are supported (DDI 0403, 'CCSIDR')."""
        return 0xF0000000 | (self.sets - 1) << 13 | (self.ways - 1) << 3 | 1


@dataclass(frozen=True)
class Processor:
    """registers: name -> (address, reset, writable) of those that differ from the architecture's.

    armv6m: the smaller architecture: no FPU, no DWT, and HardFault as the only fault.
    """

    name: str
    core: UnicornCore  # that executes its instructions
    cpuid: int
    manual: str
    double_fpu: bool
    locked_dwt: bool  # until the key is written to its lock access register
    mpu_regions: int = 8
    data_cache: CacheSize | None = None
    instruction_cache: CacheSize | None = None
    registers: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    armv6m: bool = False


CORTEX_M0PLUS = Processor(
    name="Cortex-M0+",
    core=ARM_M0,
    cpuid=0x410CC601,  # r0p1: DDI 0484, 4.1.1
    manual="the Cortex-M0+ Technical Reference Manual (DDI 0484)",
    double_fpu=False,
    locked_dwt=False,
    armv6m=True,
)

CORTEX_M4 = Processor(
    name="Cortex-M4",
    core=ARM_M4,
    cpuid=0x410FC241,  # r0p1: DDI 0439, 4.1
    manual="the Cortex-M4 Technical Reference Manual (DDI 0439)",
    double_fpu=False,
    locked_dwt=False,
)

# DDI 0489 and PM0253; the caches of the STM32F74x: PM0253, 'Cortex-M7 configurations'. Its FPU
# knows single precision only; that of Unicorn's Cortex-M7 also knows doubles.
CORTEX_M7 = Processor(
    name="Cortex-M7",
    core=ARM_M7,
    cpuid=0x410FC271,  # r0p1
    manual="the Cortex-M7 Technical Reference Manual (DDI 0489) and PM0253",
    double_fpu=False,
    locked_dwt=True,
    data_cache=CacheSize(sets=32, ways=4),
    instruction_cache=CacheSize(sets=64, ways=2),
    registers={
        "ACTLR": (0xE000E008, 0, 0x1C04),  # DISFOLD, FPEXCODIS, DISRAMODE, DISITMATBFLUSH
        "VTOR": (0xE000ED08, 0, 0xFFFFFF80),
        "CCR": (0xE000ED14, 0x40200, 0x3011B),  # BP and STKALIGN are always 1; IC, DC
    },
)

# that of the STM32H743: PM0253, 'Cortex-M7 configurations'
CORTEX_M7_DOUBLE = replace(
    CORTEX_M7,
    cpuid=0x411FC271,  # r1p1
    double_fpu=True,
    mpu_regions=16,
    data_cache=CacheSize(sets=128, ways=4),
    instruction_cache=CacheSize(sets=256, ways=2),
)
