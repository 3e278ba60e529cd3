# SPDX-License-Identifier: Apache-2.0
"""What the chips of the families differ in: memories, limits, registers, pins."""

from dataclasses import dataclass, field
from typing import Literal

from mcuforge.boards.virtual.engine import Region
from mcuforge.boards.virtual.processors import Processor

KIB = 1024
MHZ = 1_000_000


@dataclass(frozen=True)
class Scale:
    """A voltage scale (PWR_CR.VOS): the fastest HCLK, without and with over-drive, in Hz."""

    hclk: int
    over_drive_hclk: int


@dataclass(frozen=True)
class Facts:
    """One chip. Masks name bits by register; enables are (RCC register, bit) by peripheral."""

    name: str
    manual: str
    idcode: int  # DBGMCU_IDCODE: revision, device
    interrupts: int
    processor: Processor
    memories: tuple[Region, ...]
    aliases: tuple[Region, ...]  # further addresses of these memories
    ccm: str | None  # the region that RCC_AHB1ENR.CCMDATARAMEN switches
    scales: dict[int, Scale]  # by the value of VOS
    vos_shift: int
    vos_mask: int
    wait_state_hz: int  # each wait state allows so much more, 2.7 to 3.6 V
    latency_mask: int
    acr_writable: int  # of FLASH_ACR, without the latency
    apb1_hz: tuple[int, int]  # the most, without and with over-drive
    apb2_hz: tuple[int, int]
    over_drive: bool
    has_sai_pll: bool
    gpio_ports: int
    cfgr_writable: int
    pllcfgr_writable: int
    ahb1: int  # bits of RCC_AHB1ENR and AHB1RSTR that exist
    apb1: int
    apb2: int
    pwr_names: tuple[str, str]  # of the two registers of PWR
    pwr_cr: tuple[int, int]  # reset, writable
    pwr_csr: tuple[int, int]  # writable, read-only
    tim5_cr1: int  # bits that may be written
    usart: Literal["SR and DR", "ISR and RDR"]  # the two kinds of registers
    usart_pins: dict[tuple[str, str], tuple[str, int]]  # (UART, signal) and pin -> AF number
    ahb3: int = 0  # bits of RCC_AHB3ENR that the model knows
    # peripheral of a memory outside the chip and pin -> signal and AF number
    memory_pins: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)


def pins(*rows: tuple[str, str, str, int]) -> dict[tuple[str, str], tuple[str, int]]:
    """Rows of UART, pin, signal, alternate function, keyed by (UART, pin)."""
    return {(uart, pin): (signal, number) for uart, pin, signal, number in rows}
