# SPDX-License-Identifier: Apache-2.0
"""The chips of the family. Typed from the manuals' register descriptions, apart from boards/bsp."""

from mcuforge.boards.virtual.engine import Region
from mcuforge.boards.virtual.processors import CORTEX_M4
from mcuforge.boards.virtual.stm32.facts import KIB, MHZ, Facts, Scale, pins

# DS8626, DS9405 and DS10693, 'Alternate function mapping': the pins of USART1 to USART3
USART_PINS = pins(
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
    processor=CORTEX_M4,
    interrupts=82,
    memories=(
        Region("flash", 0x08000000, 1024 * KIB, code=True),
        Region("sram", 0x20000000, 128 * KIB, code=False),
        Region("ccm", 0x10000000, 64 * KIB, code=False),
    ),
    aliases=(),
    ccm="ccm",
    scales={0: Scale(144 * MHZ, 144 * MHZ), 1: Scale(168 * MHZ, 168 * MHZ)},
    vos_shift=14,
    vos_mask=1,
    wait_state_hz=30 * MHZ,
    latency_mask=0x7,
    acr_writable=0x1F00,
    apb1_hz=(42 * MHZ, 42 * MHZ),
    apb2_hz=(84 * MHZ, 84 * MHZ),
    over_drive=False,
    has_sai_pll=False,
    gpio_ports=9,
    cfgr_writable=0xFFFFFCF3,
    pllcfgr_writable=0x0F437FFF,
    ahb1=0x7E7411FF,
    apb1=0x36FEC9FF,
    apb2=0x00075F33,
    pwr_names=("CR", "CSR"),
    pwr_cr=(0x00004000, 0x000043FF),
    pwr_csr=(0x00000300, 0x0000400F),
    tim5_cr1=0x3FF,
    usart="SR and DR",
    usart_pins=USART_PINS | pins(("USART3", "PB11", "RX", 7)),
)

F429 = Facts(
    name="STM32F429",
    manual="RM0090",
    idcode=0x20036419,
    processor=CORTEX_M4,
    interrupts=91,
    memories=(
        Region("flash", 0x08000000, 2048 * KIB, code=True),
        Region("sram", 0x20000000, 192 * KIB, code=False),
        Region("ccm", 0x10000000, 64 * KIB, code=False),
    ),
    aliases=(),
    ccm="ccm",
    scales=F42X_SCALES,
    vos_shift=14,
    vos_mask=3,
    wait_state_hz=30 * MHZ,
    latency_mask=0xF,
    acr_writable=0x1F00,
    apb1_hz=(42 * MHZ, 45 * MHZ),
    apb2_hz=(84 * MHZ, 90 * MHZ),
    over_drive=True,
    has_sai_pll=True,
    gpio_ports=11,
    cfgr_writable=0xFFFFFCF3,
    pllcfgr_writable=0x0F437FFF,
    ahb1=0x7EF417FF,
    apb1=0xF6FEC9FF,
    apb2=0x04777F33,
    pwr_names=("CR", "CSR"),
    pwr_cr=(0x0000C000, 0x000FEFFF),
    pwr_csr=(0x00000300, 0x000F400F),
    tim5_cr1=0x3FF,
    usart="SR and DR",
    usart_pins=USART_PINS | pins(("USART3", "PB11", "RX", 7)),
)

F446 = Facts(
    name="STM32F446",
    manual="RM0390",
    idcode=0x10006421,
    processor=CORTEX_M4,
    interrupts=97,
    memories=(
        Region("flash", 0x08000000, 512 * KIB, code=True),
        Region("sram", 0x20000000, 128 * KIB, code=False),
    ),
    aliases=(),
    ccm=None,
    scales=F42X_SCALES,
    vos_shift=14,
    vos_mask=3,
    wait_state_hz=30 * MHZ,
    latency_mask=0xF,
    acr_writable=0x1F00,
    apb1_hz=(42 * MHZ, 45 * MHZ),
    apb2_hz=(84 * MHZ, 90 * MHZ),
    over_drive=True,
    has_sai_pll=True,
    gpio_ports=8,
    cfgr_writable=0xFF7FFCF3,
    pllcfgr_writable=0x7F437FFF,
    ahb1=0x606410FF,
    apb1=0x3FFFC9FF,
    apb2=0x00C77F33,
    pwr_names=("CR", "CSR"),
    pwr_cr=(0x0000C000, 0x003FEFFF),
    pwr_csr=(0x00000380, 0x000F400F),
    tim5_cr1=0x3FF,
    usart="SR and DR",
    usart_pins=USART_PINS | pins(("USART3", "PC5", "RX", 7)),
)

CHIPS = {"stm32f407": F407, "stm32f429": F429, "stm32f446": F446}
