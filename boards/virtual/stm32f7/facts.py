# SPDX-License-Identifier: Apache-2.0
"""The chips of the family. Typed from RM0385's register descriptions, apart from boards/bsp."""

from mcuforge.boards.virtual.engine import Region
from mcuforge.boards.virtual.processors import CORTEX_M7
from mcuforge.boards.virtual.stm32.facts import KIB, MHZ, Facts, Scale, pins

# DS10916, 'Alternate function mapping': bank 1 of QUADSPI; SDRAM bank 1 of FMC
ADDRESS_LINES = (*(f"PF{n}" for n in (0, 1, 2, 3, 4, 5, 12, 13, 14, 15)), "PG0", "PG1")
DATA_LINES = (
    *("PD14", "PD15", "PD0", "PD1"),
    *(f"PE{n}" for n in range(7, 16)),
    *("PD8", "PD9", "PD10"),
)
MEMORY_PINS = (
    pins(
        ("QUADSPI", "PB2", "CLK", 9),
        ("QUADSPI", "PB6", "NCS", 10),
        ("QUADSPI", "PC9", "IO0", 9),
        ("QUADSPI", "PD11", "IO0", 9),
        ("QUADSPI", "PF8", "IO0", 10),
        ("QUADSPI", "PC10", "IO1", 9),
        ("QUADSPI", "PD12", "IO1", 9),
        ("QUADSPI", "PF9", "IO1", 10),
        ("QUADSPI", "PE2", "IO2", 9),
        ("QUADSPI", "PF7", "IO2", 9),
        ("QUADSPI", "PA1", "IO3", 9),
        ("QUADSPI", "PD13", "IO3", 9),
        ("QUADSPI", "PF6", "IO3", 9),
        ("FMC", "PG8", "SDCLK", 12),
        ("FMC", "PC3", "SDCKE0", 12),
        ("FMC", "PC5", "SDCKE0", 12),
        ("FMC", "PH2", "SDCKE0", 12),
        ("FMC", "PC2", "SDNE0", 12),
        ("FMC", "PC4", "SDNE0", 12),
        ("FMC", "PH3", "SDNE0", 12),
        ("FMC", "PF11", "SDNRAS", 12),
        ("FMC", "PG15", "SDNCAS", 12),
        ("FMC", "PA7", "SDNWE", 12),
        ("FMC", "PC0", "SDNWE", 12),
        ("FMC", "PH5", "SDNWE", 12),
        ("FMC", "PE0", "NBL0", 12),
        ("FMC", "PE1", "NBL1", 12),
        ("FMC", "PG4", "BA0", 12),
        ("FMC", "PG5", "BA1", 12),
    )
    | {("FMC", pin): (f"A{n}", 12) for n, pin in enumerate(ADDRESS_LINES)}
    | {("FMC", pin): (f"D{n}", 12) for n, pin in enumerate(DATA_LINES)}
)

F746 = Facts(
    name="STM32F746",
    manual="RM0385",
    idcode=0x10016449,  # 40.6.1: revision Z
    processor=CORTEX_M7,
    interrupts=98,
    # 2.2.2 and 2.3: SRAM1 and SRAM2 follow each other. The ITCM begins at 0, where null pointers
    # lead; start-up code puts nothing there.
    memories=(
        Region("flash", 0x08000000, 1024 * KIB, code=True),
        Region("dtcm", 0x20000000, 64 * KIB, code=False),
        Region("sram", 0x20010000, 256 * KIB, code=False),
        Region("itcm", 0x00000000, 16 * KIB, code=False, used=False),
    ),
    # 2.4, 'Boot configuration': the core starts there, with the same table
    aliases=(Region("flash on the ITCM bus", 0x00200000, 1024 * KIB, code=True, used=False),),
    ccm="dtcm",
    # 4.1.4, 'Voltage regulator'
    scales={
        1: Scale(144 * MHZ, 144 * MHZ),
        2: Scale(168 * MHZ, 180 * MHZ),
        3: Scale(180 * MHZ, 216 * MHZ),
    },
    vos_shift=14,
    vos_mask=3,
    wait_state_hz=30 * MHZ,  # 3.3.2, 2.7 to 3.6 V
    latency_mask=0xF,
    acr_writable=0x00000B00,  # 3.7.1: PRFTEN, ARTEN, ARTRST
    apb1_hz=(45 * MHZ, 54 * MHZ),  # DS10916, 'General operating conditions'
    apb2_hz=(90 * MHZ, 108 * MHZ),
    over_drive=True,
    has_sai_pll=True,
    gpio_ports=11,
    cfgr_writable=0xFFFFFCF3,  # 5.3.3
    pllcfgr_writable=0x0F437FFF,  # 5.3.2
    ahb1=0x7EF417FF,  # 5.3.10
    apb1=0xFFFFCBFF,  # 5.3.13
    apb2=0x04F77F33,  # 5.3.14
    pwr_names=("CR1", "CSR1"),
    pwr_cr=(0x0000C000, 0x000FEFFB),  # 4.4.1
    pwr_csr=(0x00000300, 0x000F400F),  # 4.4.2
    tim5_cr1=0xBFF,  # 23.4.1: UIFREMAP
    usart="ISR and RDR",
    # DS10916, 'Alternate function mapping'
    usart_pins=pins(
        ("USART1", "PA9", "TX", 7),
        ("USART1", "PA10", "RX", 7),
        ("USART1", "PB6", "TX", 7),
        ("USART1", "PB7", "RX", 7),
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
    ahb3=0x00000003,  # 5.3.12: FMCEN, QSPIEN
    memory_pins=MEMORY_PINS,
)

CHIPS = {"stm32f746": F746}
