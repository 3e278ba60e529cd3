# SPDX-License-Identifier: Apache-2.0
"""Start-up code of the STM32H7 with one planted fault each, and the rule that must find it.

What the family shares with the F4 and F7 has its mutants there.
"""

from mcuforge.boards.virtual.failure import Rule
from tests.emulated.mutants.stm32f4 import Mutant

BOARD = "nucleo_h743zi"  # revision Y, 400 MHz
FAST = "nucleo_h743zi-480"  # revision V
CLOCK, CHIP, SUPPLY = "clock.c", "stm32h7.c", "supply.S"
WIRES, FAMILY, VECTORS = "stm32_uart.h", "stm32_family.h", "vectors.S"
OSCILLATOR = "stm32_oscillator.h"
FLAGS = "reset_flags = RESET_FLAGS;"
RAMS = "RCC_AHB2ENR |= AHB2ENR_D2_SRAMS;"

MUTANTS = (
    Mutant("supply never chosen", VECTORS, ".word CHIP_RESET_ENTRY", ".word reset_entry",
           Rule.SUPPLY, BOARD),
    Mutant("supply not waited for", SUPPLY, "bmi 2f", "b 2f", Rule.SUPPLY, BOARD),
    Mutant("supply from outside", SUPPLY, "#define CR3_LDO 2 ", "#define CR3_LDO 1 ", Rule.SUPPLY,
           BOARD),
    Mutant("supply changed later", CHIP, "    cache_start();",
           "    REG32(0x5802480Cu) = 1u; cache_start();", Rule.LOCKED, BOARD),
    Mutant("voltage scale 3", CLOCK, "PWR_D3CR |= D3CR_SCALE_1;", "", Rule.VOLTAGE_SCALE, BOARD),
    Mutant("voltage scale not waited for", CLOCK,
           "!wait_for(&PWR_D3CR, D3CR_SCALE_READY, D3CR_SCALE_READY)) {\n        return "
           '"clock-voltage-scale"', '0) {\n        return "clock-voltage-scale"', Rule.NOT_READY,
           FAST),
    Mutant("no over-drive", CLOCK, "SYSCFG_PWRCR |= PWRCR_OVER_DRIVE;", "", Rule.OVER_DRIVE, FAST),
    Mutant("no clock for SYSCFG", CLOCK, "RCC_APB4ENR |= APB4ENR_SYSCFG;", "", Rule.UNCLOCKED,
           FAST),
    Mutant("scale 0 on revision Y", CLOCK, "OVER_DRIVE (BOARD_CLOCK_HZ > 400000000u)",
           "OVER_DRIVE 1", Rule.VOLTAGE_SCALE, BOARD),
    Mutant("a wait state too few", CLOCK, "(AXI_HZ - 1u) / 70000000u", "(AXI_HZ - 1u) / 140000000u",
           Rule.WAIT_STATES, BOARD),
    Mutant("three wait states at 240 MHz", CLOCK, "#define WAIT_STATES 4u",
           "#define WAIT_STATES 3u", Rule.WAIT_STATES, FAST),
    Mutant("programming delay too short", CLOCK, "AXI_HZ > 185000000u ?", "AXI_HZ > 225000000u ?",
           Rule.WRITE_DELAY, BOARD),
    Mutant("AXI as fast as the core", CLOCK, "D1CFGR_AHB_BY_2 (8u << 0)", "D1CFGR_AHB_BY_2 0u",
           Rule.BUS_CLOCK, BOARD),
    Mutant("APB4 undivided", CLOCK, "RCC_D3CFGR = D3CFGR_APB4_BY_2;", "", Rule.BUS_CLOCK, BOARD),
    Mutant("PLL1 fed with 1 MHz", CLOCK, "(PLL_M << ", "(2u * PLL_M << ", Rule.PLL_RANGE, BOARD),
    Mutant("another input range", CLOCK, "PLLCFGR_2_TO_4_MHZ (1u << 2)",
           "PLLCFGR_2_TO_4_MHZ (3u << 2)", Rule.PLL_RANGE, BOARD),
    Mutant("VCO of the narrow range", CLOCK, "PLLCFGR_2_TO_4_MHZ (1u << 2)",
           "PLLCFGR_2_TO_4_MHZ (3u << 1)", Rule.PLL_RANGE, BOARD),
    Mutant("PLL1 not waited for", CLOCK, "wait_for(&RCC_CR, CR_PLL_READY, CR_PLL_READY)", "1",
           Rule.NOT_READY, BOARD),
    Mutant("PLL1 changed while on", CLOCK, "RCC_CR |= CR_PLL_ON;",
           "RCC_CR |= CR_PLL_ON; RCC_PLL1DIVR += 1u;", Rule.LOCKED, BOARD),
    Mutant("no bypass for a clock signal", OSCILLATOR, "#if BOARD_OSCILLATOR_BYPASS", "#if 0",
           Rule.OSCILLATOR, BOARD),
    Mutant("SRAM1 without its clock", CHIP, RAMS, "*(volatile uint32_t *)0x30000000u = 1u;",
           Rule.RAM_OFF, BOARD),
    Mutant("SRAM2 read without its clock", CHIP, RAMS,
           "RCC_AHB2ENR |= 5u << 29; *(volatile uint32_t *)0x30000000u = 1u;"
           "(void)*(volatile uint32_t *)0x30020000u;", Rule.RAM_OFF, BOARD),
    Mutant("SRAM3 off again", CHIP, RAMS, RAMS + " RCC_AHB2ENR &= ~(1u << 31);", Rule.RAM_OFF,
           BOARD),
    Mutant("D2 SRAM on the AXI bus", FAMILY, FLAGS,
           "reset_flags = *(volatile uint32_t *)0x10000000u;", Rule.UNUSED, BOARD),
    Mutant("no workaround on revision Y", CHIP, "AXI_TARG7_FN_MOD |= FN_MOD_READ_ONE;", "",
           Rule.ERRATUM, BOARD),
    Mutant("no clock for USART3", WIRES, "RCC_APB1ENR |= APB1ENR_USART3;", "", Rule.UNCLOCKED,
           BOARD),
    Mutant("AF8", WIRES, "(BOARD_UART_ALTERNATE << at)", "(8u << at)", Rule.ALTERNATE, BOARD),
)  # fmt: skip
