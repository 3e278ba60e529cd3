# SPDX-License-Identifier: Apache-2.0
"""Start-up code of the RISC-V chips with one planted fault each, and the rule that must find it."""

from __future__ import annotations

from mcuforge.boards.virtual.failure import Rule
from tests.emulated.mutants.stm32f4 import Mutant

REVB = "hifive1-revb"
CLOCK, CHIP, STARTUP, TRAP, PLIC = "clock.c", "fe310.c", "startup.S", "trap.c", "plic.h"
FIRST = "const char *const failed = clock_start();"  # of family_init()


NANO = "sipeed-longan-nano"
GD_CHIP, ECLIC = "gd32vf103.c", "eclic.h"

FE310_MUTANTS = (
    Mutant(
        "ring oscillator off",
        CLOCK,
        "HFROSC_DIVIDE_BY_5 | HFROSC_TRIM | OSCILLATOR_ENABLE",
        "HFROSC_DIVIDE_BY_5 | HFROSC_TRIM",
        Rule.LOCKED,
        REVB,
    ),
    Mutant(
        "crystal off",
        CLOCK,
        "PRCI_HFXOSCCFG = OSCILLATOR_ENABLE;",
        "PRCI_HFXOSCCFG = 0u;",
        Rule.POLL,
        REVB,
    ),
    Mutant(
        "crystal not waited for",
        CLOCK,
        "!wait_for(&PRCI_HFXOSCCFG, OSCILLATOR_READY, OSCILLATOR_READY)",
        "0",
        Rule.NOT_READY,
        REVB,
    ),
    Mutant(
        "plllock believed at once",
        CLOCK,
        "    wait_cycles(LOCK_CYCLES);\n",
        "    (void)wait_cycles;\n",
        Rule.NOT_READY,
        REVB,
    ),
    Mutant(
        "PLL never set up",
        CLOCK,
        "    PRCI_PLLCFG = PLL_SETTING;",
        "    (void)PLL_SETTING;",
        Rule.POLL,
        REVB,
    ),
    Mutant(
        "PLL fed with 16 MHz",
        CLOCK,
        "((PLL_R - 1u) << PLL_R_AT)",
        "(0u << PLL_R_AT)",
        Rule.PLL_RANGE,
        REVB,
    ),
    Mutant(
        "VCO at 800 MHz",
        CLOCK,
        "(PLL_F / 2u - 1u)",
        "(PLL_F / 2u + 9u)",
        Rule.PLL_RANGE,
        REVB,
    ),
    Mutant("Q of 1", CLOCK, "PLL_Q_LOG 1u", "PLL_Q_LOG 0u", Rule.PLL_RANGE, REVB),
    Mutant(
        "core at 360 MHz",
        CLOCK,
        "(PLL_F / 2u - 1u)",
        "(PLL_F / 2u + 4u)",
        Rule.PLL_RANGE,
        REVB,
    ),
    Mutant(
        "PLL changed under the core",
        CLOCK,
        "PRCI_PLLCFG |= PLL_SELECT;",
        "PRCI_PLLCFG |= PLL_SELECT; PRCI_PLLCFG -= 1u << PLL_F_AT;",
        Rule.LOCKED,
        REVB,
    ),
    Mutant(
        "flash at 53 MHz",
        CLOCK,
        "(2u * FLASH_READ_HZ) - 1u)",
        "(2u * FLASH_READ_HZ) - 2u)",
        Rule.FLASH_CLOCK,
        REVB,
    ),
    Mutant(
        "flash divider of the slow clock",
        CLOCK,
        "    SPI0_SCKDIV = FLASH_SCKDIV;",
        "    SPI0_SCKDIV = 0u;",
        Rule.FLASH_CLOCK,
        REVB,
    ),
    Mutant("pins not given away", CHIP, "GPIO_IOF_EN |= UART_PINS;", "", Rule.PIN_MODE, REVB),
    Mutant(
        "IOF1", CHIP, "GPIO_IOF_SEL &= ~UART_PINS;", "GPIO_IOF_SEL |= UART_PINS;",
        Rule.ALTERNATE, REVB,
    ),
    Mutant(
        "divisor of the crystal",
        CHIP,
        "BAUD_DIVISOR(BOARD_CLOCK_HZ));",
        "BAUD_DIVISOR(BOARD_OSCILLATOR_HZ));",
        Rule.BAUD,
        REVB,
    ),
    Mutant("sender off", CHIP, "UART0_TXCTRL = UART_ENABLE;", "", Rule.UART_OFF, REVB),
    Mutant(
        "two stop bits", CHIP, "UART0_TXCTRL = UART_ENABLE;", "UART0_TXCTRL = UART_ENABLE | 2u;",
        Rule.FRAME_FORMAT, REVB,
    ),
    Mutant(
        "divby1 is another bit",
        CLOCK,
        "PLL_OUT_UNDIVIDED (1u << 8)",
        "PLL_OUT_UNDIVIDED (1u << 9)",
        Rule.RESERVED,
        REVB,
    ),
    Mutant(
        "mstatus.MIE is another bit",
        TRAP,
        "MSTATUS_MIE (1u << 3)",
        "MSTATUS_MIE (1u << 4)",
        Rule.RESERVED,
        REVB,
    ),
    Mutant("iof_sel behind the end", CHIP, "0x1001203Cu", "0x10012044u", Rule.UNMAPPED, REVB),
    Mutant("iof_en in value", CHIP, "0x10012038u", "0x10012000u", Rule.READ_ONLY, REVB),
    Mutant("bytes to txdata", CHIP, "UART0_TXDATA REG32", "UART0_TXDATA REG8", Rule.WIDTH, REVB),
    Mutant(
        "a variable behind the RAM",
        CHIP,
        FIRST,
        f"*(volatile uint32_t *)0x80004000u = 1u; {FIRST}",
        Rule.UNMAPPED,
        REVB,
    ),
    Mutant(
        "a variable in flash",
        CHIP,
        FIRST,
        f"*(volatile uint32_t *)0x20010000u = 1u; {FIRST}",
        Rule.FLASH_WRITE,
        REVB,
    ),
    Mutant(
        "a call into RAM", CHIP, FIRST, f"((void (*)(void))0x80000100u)(); {FIRST}",
        Rule.EXECUTE, REVB,
    ),
    Mutant(
        "a call into the boot loader",
        CHIP,
        FIRST,
        f"((void (*)(void))0x20000000u)(); {FIRST}",
        Rule.EXECUTE,
        REVB,
    ),
    Mutant(
        "a word at an odd address",
        CHIP,
        FIRST,
        f'__asm volatile("lw t0, 0(%0)" ::"r"(0x80000102u) : "t0"); {FIRST}',
        Rule.MISALIGNED,
        REVB,
    ),
    Mutant(
        "mcountinhibit, which the core lacks",
        CHIP,
        FIRST,
        f'__asm volatile(".word 0x32005073"); {FIRST}',
        Rule.CSR,
        REVB,
    ),
    Mutant("no trap vector", STARTUP, "    csrw mtvec, t0\n", "    nop\n", Rule.VECTOR, REVB),
    Mutant(
        "trap mode 2",
        STARTUP,
        "#define CHIP_TRAP_MODE 0",
        "#define CHIP_TRAP_MODE 2",
        Rule.VECTOR,
        REVB,
    ),
    Mutant(
        "another interrupt completed",
        PLIC,
        "PLIC_CLAIM = source;",
        "PLIC_CLAIM = source + 1u;",
        Rule.COMPLETION,
        REVB,
    ),
    Mutant(
        "return to user mode",
        TRAP,
        "    if (!controller_knows(cause)) {",
        "    CSR_CLEAR(mstatus, 3u << 11);\n    if (!controller_knows(cause)) {",
        Rule.UNPRIVILEGED,
        REVB,
    ),
)  # fmt: skip

GD32VF103_MUTANTS = (
    Mutant(
        "runs on where the chip starts",
        STARTUP,
        "    jr %lo(1f)(t0)\n",
        "    nop\n",
        Rule.UNMAPPED,
        NANO,
    ),
    Mutant("no clock for the pins", GD_CHIP, "APB2EN_PORT_A | ", "", Rule.UNCLOCKED, NANO),
    Mutant("no clock for USART0", GD_CHIP, " | APB2EN_USART0;", ";", Rule.UNCLOCKED, NANO),
    Mutant(
        "HXTAL never asked for", CLOCK, "RCU_CTL |= CTL_HXTAL_ON;", "", Rule.POLL, NANO
    ),
    Mutant(
        "HXTAL not waited for",
        CLOCK,
        "!wait_for(&RCU_CTL, CTL_HXTAL_READY, CTL_HXTAL_READY)",
        "0",
        Rule.NOT_READY,
        NANO,
    ),
    Mutant(
        "PLL not waited for",
        CLOCK,
        "!wait_for(&RCU_CTL, CTL_PLL_READY, CTL_PLL_READY)",
        "0",
        Rule.NOT_READY,
        NANO,
    ),
    Mutant(
        "bypass with a crystal",
        CLOCK,
        "#if BOARD_OSCILLATOR_BYPASS",
        "#if 1",
        Rule.OSCILLATOR,
        NANO,
    ),
    Mutant(
        "PLL set up while on",
        CLOCK,
        "RCU_CTL |= CTL_PLL_ON;",
        "RCU_CTL |= CTL_PLL_ON; RCU_CFG1 = 0u;",
        Rule.LOCKED,
        NANO,
    ),
    Mutant(
        "PLL at 112 MHz", CLOCK, "((PLL_TIMES - 17u) <<", "((PLL_TIMES - 16u) <<",
        Rule.PLL_RANGE, NANO,
    ),
    Mutant(
        "HXTAL not divided",
        CLOCK,
        "RCU_CFG1 = CFG1_PREDV0_BY_2;",
        "",
        Rule.PLL_RANGE,
        NANO,
    ),
    Mutant(
        "a wait state too few",
        CLOCK,
        "FMC_WS = WAIT_STATES;",
        "FMC_WS = WAIT_STATES - 1u;",
        Rule.WAIT_STATES,
        NANO,
    ),
    Mutant(
        "APB1 undivided", CLOCK, "CFG0_APB1_BY_2 (4u << 8)", "CFG0_APB1_BY_2 (3u << 8)",
        Rule.BUS_CLOCK, NANO,
    ),
    Mutant(
        "PLLMF's highest bit is another",
        CLOCK,
        "CFG0_TIMES_HIGH (1u << 29)",
        "CFG0_TIMES_HIGH (1u << 30)",
        Rule.RESERVED,
        NANO,
    ),
    Mutant(
        "TX is an output", GD_CHIP, "PIN_FUNCTION 0xBu", "PIN_FUNCTION 0x3u", Rule.PIN_MODE, NANO
    ),
    Mutant(
        "RX pulled down", GD_CHIP, "GPIOA_BOP = 1u << BOARD_UART_RX_PIN;", "", Rule.PIN_MODE, NANO
    ),
    Mutant(
        "divisor of the internal oscillator",
        GD_CHIP,
        "BAUD_DIVISOR(BOARD_CLOCK_HZ));",
        "BAUD_DIVISOR(IRC8M_HZ));",
        Rule.BAUD,
        NANO,
    ),
    Mutant(
        "parity", GD_CHIP, "CTL0_ENABLE (1u << 13)", "CTL0_ENABLE (9u << 10)",
        Rule.FRAME_FORMAT, NANO,
    ),
    Mutant(
        "sender off", GD_CHIP, "CTL0_ENABLE | CTL0_SEND |", "CTL0_ENABLE |", Rule.UART_OFF, NANO
    ),
    Mutant(
        "cycle counter inhibited",
        GD_CHIP,
        "CSR_CLEAR(0x320, INHIBIT_CYCLE_AND_INSTRET);",
        "",
        Rule.DWT_OFF,
        NANO,
    ),
    Mutant(
        "the PLIC's trap mode",
        "chip.h",
        "#define CHIP_TRAP_MODE 3",
        "#define CHIP_TRAP_MODE 0",
        Rule.VECTOR,
        NANO,
    ),
    Mutant(
        "trap entry at a multiple of 4",
        STARTUP,
        "    .align 6 /",
        "    .align 6\n    nop\n    nop\n    .align 2 /",
        Rule.VECTOR,
        NANO,
    ),
    Mutant(
        "a vectored interrupt",
        ECLIC,
        "ATTR_LEVEL_NOT_VECTORED 0u",
        "ATTR_LEVEL_NOT_VECTORED 1u",
        Rule.VECTOR,
        NANO,
    ),
    Mutant(
        "words to the ECLIC",
        ECLIC,
        "ECLIC_CFG REG8(",
        "ECLIC_CFG REG32(",
        Rule.WIDTH,
        NANO,
    ),
    Mutant(
        "another core's register",
        GD_CHIP,
        "CSR_SET(0x7d0, MMISC_NMI_AT_MTVEC);",
        "CSR_SET(0x3a0, MMISC_NMI_AT_MTVEC);",
        Rule.CSR,
        NANO,
    ),
    Mutant(
        "pull-up in ISTAT", GD_CHIP, "0x40010810u", "0x40010808u", Rule.READ_ONLY, NANO
    ),
    Mutant(
        "a variable in flash",
        GD_CHIP,
        "reset_flags = RCU_RSTSCK;",
        "*(volatile uint32_t *)0x08000000u = RCU_RSTSCK;",
        Rule.FLASH_WRITE,
        NANO,
    ),
    Mutant(
        "a call into RAM",
        GD_CHIP,
        "reset_flags = RCU_RSTSCK;",
        "((void (*)(void))0x20000100u)();",
        Rule.EXECUTE,
        NANO,
    ),
    Mutant(
        "a word at an odd address",
        GD_CHIP,
        "reset_flags = RCU_RSTSCK;",
        '__asm volatile("lw t0, 0(%0)" ::"r"(0x20000102u) : "t0");',
        Rule.MISALIGNED,
        NANO,
    ),
)  # fmt: skip
