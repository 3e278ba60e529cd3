# SPDX-License-Identifier: Apache-2.0
"""What the chips of the families differ in: memories, limits, registers, pins."""

from dataclasses import dataclass, field
from typing import Literal

from mcuforge.boards.virtual.engine import Region
from mcuforge.boards.virtual.processors import Processor

KIB = 1024
MHZ = 1_000_000


@dataclass(frozen=True)
class Uart:
    """A UART: the bus whose clock it divides, its interrupt, its enable bit in RCC."""

    origin: int
    bus: str
    interrupt: int
    register: str
    bit: int


@dataclass(frozen=True)
class Ports:
    """The GPIO ports: 0x400 bytes each from `origin` on, enabled by a register of RCC.

    resets: MODER, PUPDR and OSPEEDR by port; other ports have `other` in MODER and 0 else.
    """

    origin: int
    enable: str
    resets: dict[int, tuple[int, int, int]]
    other: int
    has_brr: bool  # a register that only clears


@dataclass(frozen=True, kw_only=True)
class ChipFacts:
    """What every STM32 has. `devices`: origin and bytes of the registers outside the core."""

    name: str
    manual: str
    idcode: int  # DBGMCU_IDCODE: revision, device
    interrupts: int
    processor: Processor
    memories: tuple[Region, ...]
    aliases: tuple[Region, ...]  # further addresses of these memories
    devices: tuple[tuple[int, int], ...]
    gpio_ports: int
    ports: Ports
    uarts: dict[str, Uart]
    usart: Literal["SR and DR", "ISR and RDR", "FIFO"]  # the kinds of registers
    usart_pins: dict[tuple[str, str], tuple[str, int]]  # (UART, signal) and pin -> AF number
    tim5_cr1: int  # bits that may be written
    enables: dict[str, tuple[str, int]]  # (RCC register, bit) by peripheral
    debug: tuple[int, int]  # origin of DBGMCU, bits of its CR
    # peripheral of a memory outside the chip and pin -> signal and AF number; empty: not modelled
    memory_pins: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Scale:
    """A voltage scale (PWR_CR.VOS): the fastest HCLK, without and with over-drive, in Hz."""

    hclk: int
    over_drive_hclk: int


# RM0090, RM0390 and RM0385, 'Memory map', 'Vector table', 'RCC APB1/APB2 peripheral clock enable
# register', 'GPIO registers'
F_UARTS = {
    "USART1": Uart(0x40011000, "APB2", 37, "APB2ENR", 4),
    "USART2": Uart(0x40004400, "APB1", 38, "APB1ENR", 17),
    "USART3": Uart(0x40004800, "APB1", 39, "APB1ENR", 18),
}
F_PORTS = Ports(
    origin=0x40020000,
    enable="AHB1ENR",
    resets={0: (0xA8000000, 0x64000000, 0x0C000000), 1: (0x00000280, 0x00000100, 0x000000C0)},
    other=0,
    has_brr=False,
)


@dataclass(frozen=True, kw_only=True)
class Facts(ChipFacts):
    """One chip of the F4 or F7. Masks name bits by register."""

    devices: tuple[tuple[int, int], ...] = ((0x40000000, 0x80000),)
    ports: Ports = F_PORTS
    uarts: dict[str, Uart] = field(default_factory=lambda: F_UARTS)
    enables: dict[str, tuple[str, int]] = field(
        default_factory=lambda: {"PWR": ("APB1ENR", 28), "TIM5": ("APB1ENR", 3)}
    )
    debug: tuple[int, int] = (0xE0042000, 0xE7)
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
    cfgr_writable: int
    pllcfgr_writable: int
    ahb1: int  # bits of RCC_AHB1ENR and AHB1RSTR that exist
    apb1: int
    apb2: int
    pwr_names: tuple[str, str]  # of the two registers of PWR
    pwr_cr: tuple[int, int]  # reset, writable
    pwr_csr: tuple[int, int]  # writable, read-only
    ahb3: int = 0  # bits of RCC_AHB3ENR that the model knows

    @property
    def fastest_hz(self) -> int:
        """The fastest clock of the core in Hz."""
        return max(scale.over_drive_hclk for scale in self.scales.values())


def pins(*rows: tuple[str, str, str, int]) -> dict[tuple[str, str], tuple[str, int]]:
    """Rows of UART, pin, signal, alternate function, keyed by (UART, pin)."""
    return {(uart, pin): (signal, number) for uart, pin, signal, number in rows}
