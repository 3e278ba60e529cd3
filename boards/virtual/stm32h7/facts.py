# SPDX-License-Identifier: Apache-2.0
"""The chips of the family. Typed from RM0433's register descriptions, apart from boards/bsp."""

from dataclasses import dataclass, replace

from mcuforge.boards.virtual.engine import Region
from mcuforge.boards.virtual.processors import CORTEX_M7_DOUBLE
from mcuforge.boards.virtual.stm32.facts import KIB, MHZ, ChipFacts, Ports, Uart, pins


@dataclass(frozen=True)
class VoltageScale:
    """VOS3 to VOS0, by its number. All in Hz.

    core, axi, apb: the fastest clocks. latencies: the fastest AXI clock for each number of flash
    wait states; delays: for each value of WRHIGHFREQ.
    """

    core: int
    axi: int
    apb: int
    latencies: tuple[int, ...]
    delays: tuple[int, ...]


@dataclass(frozen=True)
class Bank:
    """A bank of RAM in domain 2, and the bit of RCC_AHB2ENR that clocks it."""

    name: str
    origin: int
    bytes: int
    bit: int


@dataclass(frozen=True, kw_only=True)
class H7Facts(ChipFacts):
    """A chip of the family. Masks name bits by register."""

    scales: dict[int, VoltageScale]
    over_drive: bool  # scale 0 exists
    vco_hz: tuple[int, int]  # of the wide range
    banks: tuple[Bank, ...]
    slow_axi_reads: bool  # the erratum of AXI SRAM
    ahb2: int  # bits of the enable registers that exist
    ahb4: int
    apb1: int
    apb2: int
    apb4: int

    @property
    def fastest_hz(self) -> int:
        """The fastest clock of the core in Hz."""
        return max(s.core for n, s in self.scales.items() if n > 0 or self.over_drive)


def _scale(
    clocks: tuple[int, int, int], latencies: tuple[int, ...], delays: tuple[int, ...]
) -> VoltageScale:
    """A scale of MHz: the fastest core, AXI and APB; AXI by wait states and by delay."""
    core, axi, apb = (mhz * MHZ for mhz in clocks)
    return VoltageScale(
        core, axi, apb, tuple(mhz * MHZ for mhz in latencies), tuple(mhz * MHZ for mhz in delays)
    )


H743_Y = H7Facts(
    name="STM32H743",
    manual="RM0433",
    idcode=0x10036450,  # 'DBGMCU identity code register': revision Y
    processor=CORTEX_M7_DOUBLE,
    interrupts=150,
    # 'Memory organization'. The ITCM begins at 0, where null pointers lead; start-up code puts
    # nothing there. Writes to RAM need a supply that was chosen: 'System supply startup'.
    memories=(
        Region("flash", 0x08000000, 2048 * KIB, code=True),
        Region("axi_sram", 0x24000000, 512 * KIB, code=False, gated=True),
        Region("dtcm", 0x20000000, 128 * KIB, code=False, gated=True),
        Region("itcm", 0x00000000, 64 * KIB, code=False, used=False),
        Region("d2_sram", 0x30000000, 288 * KIB, code=False, gated=True),
        Region("d3_sram", 0x38000000, 64 * KIB, code=False, gated=True),
    ),
    aliases=(Region("D2 SRAM on the AXI bus", 0x10000000, 288 * KIB, code=False, used=False),),
    devices=(
        (0x40000000, 0x20000),
        (0x51008000, 0x1000),
        (0x52002000, 0x1000),
        (0x58000000, 0x30000),
        (0x5C001000, 0x1000),
    ),
    gpio_ports=11,
    # 'GPIO registers': pins are analog after a reset, but those of the debug probe
    ports=Ports(
        origin=0x58020000,
        enable="AHB4ENR",
        resets={
            0: (0xABFFFFFF, 0x64000000, 0x0C000000),
            1: (0xFFFFFEBF, 0x00000100, 0x000000C0),
            10: (0x0000FFFF, 0, 0),  # it has eight pins
        },
        other=0xFFFFFFFF,
        has_brr=False,
    ),
    uarts={
        "USART1": Uart(0x40011000, "APB2", 37, "APB2ENR", 4),
        "USART2": Uart(0x40004400, "APB1", 38, "APB1LENR", 17),
        "USART3": Uart(0x40004800, "APB1", 39, "APB1LENR", 18),
    },
    usart="FIFO",
    # DS12110, 'Alternate function'
    usart_pins=pins(
        ("USART1", "PA9", "TX", 7),
        ("USART1", "PA10", "RX", 7),
        ("USART1", "PB6", "TX", 7),
        ("USART1", "PB7", "RX", 7),
        ("USART1", "PB14", "TX", 4),
        ("USART1", "PB15", "RX", 4),
        ("USART2", "PA2", "TX", 7),
        ("USART2", "PA3", "RX", 7),
        ("USART2", "PD5", "TX", 7),
        ("USART2", "PD6", "RX", 7),
        ("USART3", "PB10", "TX", 7),
        ("USART3", "PB11", "RX", 7),
        ("USART3", "PC10", "TX", 7),
        ("USART3", "PC11", "RX", 7),
        ("USART3", "PD8", "TX", 7),
        ("USART3", "PD9", "RX", 7),
    ),
    tim5_cr1=0xBFF,
    enables={"TIM5": ("APB1LENR", 3), "SYSCFG": ("APB4ENR", 1)},
    debug=(0x5C001000, 0x10700007),
    # DS12110, 'General operating conditions'; RM0433, 'FLASH recommended number of wait states and
    # programming delay'
    scales={
        0: _scale((480, 240, 120), (70, 140, 210, 225, 240), (70, 185, 240, 240)),
        1: _scale((400, 200, 100), (70, 140, 210, 225), (70, 185, 225, 225)),
        2: _scale((300, 150, 75), (55, 110, 165, 225), (55, 165, 225, 225)),
        3: _scale((200, 100, 50), (45, 90, 135, 180, 225), (45, 135, 225, 225)),
    },
    over_drive=False,
    vco_hz=(192 * MHZ, 836 * MHZ),  # DS12110, 'PLL characteristics (wide VCO frequency range)'
    banks=(
        Bank("SRAM1", 0x30000000, 128 * KIB, 29),
        Bank("SRAM2", 0x30020000, 128 * KIB, 30),
        Bank("SRAM3", 0x30040000, 32 * KIB, 31),
    ),
    slow_axi_reads=True,
    ahb2=0xE0000241,
    ahb4=0x132807FF,
    apb1=0xE8FFC3FF,
    apb2=0x31D73033,
    apb4=0x0021DEAA,
)

H743_V = replace(
    H743_Y,
    idcode=0x20036450,
    over_drive=True,
    vco_hz=(192 * MHZ, 960 * MHZ),
    slow_axi_reads=False,
)

CHIPS = {"stm32h743": H743_Y, "stm32h743_v": H743_V}
