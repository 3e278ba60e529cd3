# SPDX-License-Identifier: Apache-2.0
"""The chips of the family. Typed from RM0432's register descriptions, apart from boards/bsp."""

from dataclasses import dataclass

from mcuforge.boards.virtual.engine import Region
from mcuforge.boards.virtual.processors import CORTEX_M4
from mcuforge.boards.virtual.stm32.facts import KIB, MHZ, ChipFacts, Ports, Uart, pins


@dataclass(frozen=True)
class VoltageRange:
    """A value of PWR_CR1.VOS.

    hclk, boost_hclk: the fastest core without and with boost; latencies: the fastest HCLK for each
    number of wait states. All in Hz.
    """

    hclk: int
    boost_hclk: int
    latencies: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class L4Facts(ChipFacts):
    """A chip of the family. Masks name bits by register."""

    ranges: dict[int, VoltageRange]
    pll_input_hz: tuple[int, int]
    vco_hz: tuple[int, int]
    ahb1: int  # bits of the enable registers that exist
    ahb2: int
    ahb3: int
    apb1: tuple[int, int]
    apb2: int
    supplied_port: tuple[int, int]  # the port that PWR_CR2.IOSV supplies, and its first such pin

    @property
    def fastest_hz(self) -> int:
        """The fastest clock of the core in Hz."""
        return max(scale.boost_hclk for scale in self.ranges.values())


L4R5 = L4Facts(
    name="STM32L4R5",
    manual="RM0432",
    idcode=0x10016470,  # 'DBGMCU_IDCODE': revision Z
    processor=CORTEX_M4,
    interrupts=95,
    # 'Memory organization': SRAM1, SRAM2 and SRAM3 follow each other
    memories=(
        Region("flash", 0x08000000, 2048 * KIB, code=True),
        Region("sram", 0x20000000, 640 * KIB, code=False),
    ),
    aliases=(Region("SRAM2 on the code bus", 0x10000000, 64 * KIB, code=False, used=False),),
    devices=((0x40000000, 0x40000), (0x48000000, 0x4000)),
    gpio_ports=9,
    # 'GPIO registers': pins are analog after a reset, but those of the debug probe
    ports=Ports(
        origin=0x48000000,
        enable="AHB2ENR",
        resets={
            0: (0xABFFFFFF, 0x64000000, 0x0C000000),
            1: (0xFFFFFEBF, 0x00000100, 0),
            8: (0x00FFFFFF, 0, 0),  # it has twelve pins
        },
        other=0xFFFFFFFF,
        has_brr=True,
    ),
    uarts={
        "LPUART1": Uart(0x40008000, "APB1", 70, "APB1ENR2", 0),
        "USART1": Uart(0x40013800, "APB2", 37, "APB2ENR", 14),
        "USART2": Uart(0x40004400, "APB1", 38, "APB1ENR1", 17),
        "USART3": Uart(0x40004800, "APB1", 39, "APB1ENR1", 18),
    },
    usart="FIFO",
    # DS12023, 'Alternate function': the 144-pin package
    usart_pins=pins(
        ("LPUART1", "PA2", "TX", 8),
        ("LPUART1", "PA3", "RX", 8),
        ("LPUART1", "PB10", "RX", 8),
        ("LPUART1", "PB11", "TX", 8),
        ("LPUART1", "PC0", "RX", 8),
        ("LPUART1", "PC1", "TX", 8),
        ("LPUART1", "PG7", "TX", 8),
        ("LPUART1", "PG8", "RX", 8),
        ("USART1", "PA9", "TX", 7),
        ("USART1", "PA10", "RX", 7),
        ("USART1", "PB6", "TX", 7),
        ("USART1", "PB7", "RX", 7),
        ("USART1", "PG9", "TX", 7),
        ("USART1", "PG10", "RX", 7),
        ("USART2", "PA2", "TX", 7),
        ("USART2", "PA3", "RX", 7),
        ("USART2", "PA15", "RX", 3),
        ("USART2", "PD5", "TX", 7),
        ("USART2", "PD6", "RX", 7),
        ("USART3", "PB10", "TX", 7),
        ("USART3", "PB11", "RX", 7),
        ("USART3", "PC4", "TX", 7),
        ("USART3", "PC5", "RX", 7),
        ("USART3", "PC10", "TX", 7),
        ("USART3", "PC11", "RX", 7),
        ("USART3", "PD8", "TX", 7),
        ("USART3", "PD9", "RX", 7),
    ),
    tim5_cr1=0xBFF,
    enables={"PWR": ("APB1ENR1", 28), "TIM5": ("APB1ENR1", 3)},
    debug=(0xE0042000, 0xE7),
    # 'Dynamic voltage scaling management' and 'Read access latency'
    ranges={
        1: VoltageRange(80 * MHZ, 120 * MHZ, tuple(20 * MHZ * n for n in range(1, 7))),
        2: VoltageRange(26 * MHZ, 26 * MHZ, (8 * MHZ, 16 * MHZ, 26 * MHZ)),
    },
    # DS12023, 'PLL characteristics'
    pll_input_hz=(2_660_000, 16 * MHZ),
    vco_hz=(64 * MHZ, 344 * MHZ),
    ahb1=0x00031107,
    ahb2=0x005471FF,
    ahb3=0x00000301,
    apb1=(0xF3FECC3F, 0x00000023),
    apb2=0x01677881,
    supplied_port=(6, 2),  # 'Independent I/O supply rail': PG2 to PG15
)

CHIPS = {"stm32l4r5": L4R5}
