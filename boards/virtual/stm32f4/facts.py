# SPDX-License-Identifier: Apache-2.0
"""What differs between the chips of the family: memories, limits, registers, pins.

Typed from the manuals' register descriptions, apart from boards/bsp.
"""

from dataclasses import dataclass

from mcuforge.boards.virtual.engine import Region

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
    memories: tuple[Region, ...]
    ccm: str | None  # the region that RCC_AHB1ENR.CCMDATARAMEN switches
    scales: dict[int, Scale]  # by the value of VOS
    vos_shift: int
    vos_mask: int
    wait_state_hz: int  # each wait state allows so much more, 2.7 to 3.6 V
    latency_mask: int
    apb1_hz: int
    apb2_hz: int
    over_drive: bool
    has_sai_pll: bool
    gpio_ports: int
    cfgr_writable: int
    pllcfgr_writable: int
    ahb1: int  # bits of RCC_AHB1ENR and AHB1RSTR that exist
    apb1: int
    apb2: int
    pwr_cr: tuple[int, int]  # reset, writable
    pwr_csr: tuple[int, int]  # writable, read-only
    usart_pins: dict[tuple[str, str], tuple[str, int]]  # (UART, signal) and pin -> AF number


def _pins(*rows: tuple[str, str, str, int]) -> dict[tuple[str, str], tuple[str, int]]:
    """Rows of UART, pin, signal, alternate function, keyed by (UART, pin)."""
    return {(uart, pin): (signal, number) for uart, pin, signal, number in rows}


# DS8626, DS9405 and DS10693, 'Alternate function mapping': the pins of USART1 to USART3
USART_PINS = _pins(
    ("USART1", "PA9", "TX", 7),
    ("USART1", "PA10", "RX", 7),
    ("USART1", "PB6", "TX", 7),
    ("USART1", "PB7", "RX", 7),
    ("USART2", "PA2", "TX", 7),
    ("USART2", "PA3", "RX", 7),
    ("USART2", "PD5", "TX", 7),
    ("USART2", "PD6", "RX", 7),
    ("USART3", "PB10", "TX", 7),
    ("USART3", "PC10", "TX", 7),
    ("USART3", "PC11", "RX", 7),
    ("USART3", "PD8", "TX", 7),
    ("USART3", "PD9", "RX", 7),
)

# RM0090, 5.1.3 and 5.1.4, and RM0390, 5.1.3, 'Voltage regulator'
F42X_SCALES = {
    1: Scale(120 * MHZ, 120 * MHZ),
    2: Scale(144 * MHZ, 168 * MHZ),
    3: Scale(168 * MHZ, 180 * MHZ),
}

F407 = Facts(
    name="STM32F407",
    manual="RM0090",
    idcode=0x10016413,  # revision 1, not the A of the errata
    interrupts=82,
    memories=(
        Region("flash", 0x08000000, 1024 * KIB, code=True),
        Region("sram", 0x20000000, 128 * KIB, code=False),
        Region("ccm", 0x10000000, 64 * KIB, code=False),
    ),
    ccm="ccm",
    scales={0: Scale(144 * MHZ, 144 * MHZ), 1: Scale(168 * MHZ, 168 * MHZ)},
    vos_shift=14,
    vos_mask=1,
    wait_state_hz=30 * MHZ,
    latency_mask=0x7,
    apb1_hz=42 * MHZ,
    apb2_hz=84 * MHZ,
    over_drive=False,
    has_sai_pll=False,
    gpio_ports=9,
    cfgr_writable=0xFFFFFCF3,
    pllcfgr_writable=0x0F437FFF,
    ahb1=0x7E7411FF,
    apb1=0x36FEC9FF,
    apb2=0x00075F33,
    pwr_cr=(0x00004000, 0x000043FF),
    pwr_csr=(0x00000300, 0x0000400F),
    usart_pins=USART_PINS | _pins(("USART3", "PB11", "RX", 7)),
)

F429 = Facts(
    name="STM32F429",
    manual="RM0090",
    idcode=0x20036419,
    interrupts=91,
    memories=(
        Region("flash", 0x08000000, 2048 * KIB, code=True),
        Region("sram", 0x20000000, 192 * KIB, code=False),
        Region("ccm", 0x10000000, 64 * KIB, code=False),
    ),
    ccm="ccm",
    scales=F42X_SCALES,
    vos_shift=14,
    vos_mask=3,
    wait_state_hz=30 * MHZ,
    latency_mask=0xF,
    apb1_hz=45 * MHZ,
    apb2_hz=90 * MHZ,
    over_drive=True,
    has_sai_pll=True,
    gpio_ports=11,
    cfgr_writable=0xFFFFFCF3,
    pllcfgr_writable=0x0F437FFF,
    ahb1=0x7EF417FF,
    apb1=0xF6FEC9FF,
    apb2=0x04777F33,
    pwr_cr=(0x0000C000, 0x000FEFFF),
    pwr_csr=(0x00000300, 0x000F400F),
    usart_pins=USART_PINS | _pins(("USART3", "PB11", "RX", 7)),
)

F446 = Facts(
    name="STM32F446",
    manual="RM0390",
    idcode=0x10006421,
    interrupts=97,
    memories=(
        Region("flash", 0x08000000, 512 * KIB, code=True),
        Region("sram", 0x20000000, 128 * KIB, code=False),
    ),
    ccm=None,
    scales=F42X_SCALES,
    vos_shift=14,
    vos_mask=3,
    wait_state_hz=30 * MHZ,
    latency_mask=0xF,
    apb1_hz=45 * MHZ,
    apb2_hz=90 * MHZ,
    over_drive=True,
    has_sai_pll=True,
    gpio_ports=8,
    cfgr_writable=0xFF7FFCF3,
    pllcfgr_writable=0x7F437FFF,
    ahb1=0x606410FF,
    apb1=0x3FFFC9FF,
    apb2=0x00C77F33,
    pwr_cr=(0x0000C000, 0x003FEFFF),
    pwr_csr=(0x00000380, 0x000F400F),
    usart_pins=USART_PINS | _pins(("USART3", "PC5", "RX", 7)),
)
