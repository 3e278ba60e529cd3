# SPDX-License-Identifier: Apache-2.0
"""The registers inside a Cortex-M0+: system control, NVIC, SysTick and MPU.

ARMv6-M Architecture Reference Manual (DDI 0419), B3.2 to B3.5: a part of what ARMv7-M has. Only
words can be read and written.
"""

from mcuforge.boards.virtual.failure import Rule, Violation
from mcuforge.boards.virtual.system_control import SystemControl

ARMV6M = "the ARMv6-M Architecture Reference Manual (DDI 0419)"
MANUAL = f"{ARMV6M}, B3.2 to B3.5"
SYST_CSR, SYST_RVR, SYST_CVR = 0xE000E010, 0xE000E014, 0xE000E018
AT_CORE_CLOCK = 4  # CLKSOURCE
# the registers that are not below: NVIC_ISER, NVIC_ICER, NVIC_IPR0 to 7, CPUID, ICSR, AIRCR, SHPR2
# and 3, MPU_TYPE, MPU_RBAR, MPU_RASR
OTHERS = (
    *(SYST_CSR, SYST_CVR, 0xE000E100, 0xE000E180, *range(0xE000E400, 0xE000E420, 4)),
    *(0xE000ED00, 0xE000ED04, 0xE000ED0C, 0xE000ED1C, 0xE000ED20),
    *(0xE000ED90, 0xE000ED9C, 0xE000EDA0),
)


# name -> (address, reset, bits that may be written)
SIMPLE = {
    "VTOR": (0xE000ED08, 0, 0xFFFFFF00),
    "SCR": (0xE000ED10, 0, 0x16),
    "CCR": (0xE000ED14, 0x208, 0),
    "MPU_CTRL": (0xE000ED94, 0, 0x7),
    "MPU_RNR": (0xE000ED98, 0, 0xFF),
    "SYST_RVR": (SYST_RVR, 0, 0xFFFFFF),
}


class SmallSystemControl(SystemControl):
    """Registers from 0xE0000000 to 0xE003FFFF, by address, of a core without DWT and FPU."""

    simple = SIMPLE
    priority_bits = 0xC0  # two are implemented: B1.5.4

    @property
    def fpu_enabled(self) -> bool:
        """There is no FPU."""
        return False

    def fault_enabled(self, exception: int) -> bool:
        """Every fault is a HardFault (B1.5.1)."""
        return False

    def read(self, address: int, size: int) -> int:
        """Read a register; Violation for the cycle counter if it stands still."""
        self._check(address, size)
        if address == SYST_CVR and not (self._systick[0] & 1 and self._values["SYST_RVR"]):
            raise Violation(
                Rule.DWT_OFF,
                "SYST_CVR is read while SYST_CSR.ENABLE or SYST_RVR is 0: it does not count",
                f"{ARMV6M}, B3.3",
            )
        return super().read(address, size)

    def write(self, address: int, size: int, value: int) -> None:
        """Write a register; Violation for what the core lacks."""
        self._check(address, size)
        if address == SYST_CSR and value & 1 and not value & AT_CORE_CLOCK:
            raise Violation(
                Rule.TICK,
                "SysTick starts with CLKSOURCE 0: it counts ticks of another clock, not cycles",
                f"{ARMV6M}, B3.3.3",
            )
        super().write(address, size, value)

    def _check(self, address: int, size: int) -> None:
        if size != 4 or address % 4:
            raise Violation(
                Rule.WIDTH,
                f"{size} bytes at {address:#010x}: the registers of the core take words alone",
                f"{ARMV6M}, B3.1.1",
            )
        if address not in self._names and address not in OTHERS:
            raise Violation(
                Rule.UNMAPPED, f"an ARMv6-M core has no system register at {address:#010x}", MANUAL
            )
