# SPDX-License-Identifier: Apache-2.0
"""Start-up code of the STM32L4+ with one planted fault each, and the rule that must find it.

What the family shares with the F4 and F7 has its mutants there.
"""

from mcuforge.boards.virtual.failure import Rule
from tests.emulated.mutants.stm32f4 import Mutant

BOARD = "nucleo_l4r5zi"
SIGNAL = "nucleo_l4r5zi-mco"  # with the ST-Link's clock output wired to OSC_IN
CLOCK, CHIP, WIRES = "clock.c", "stm32l4.c", "stm32_uart.h"
USART, FAMILY = "stm32_usart_v2.h", "stm32_family.h"
OSCILLATOR = "stm32_oscillator.h"
FLAGS = "reset_flags = RESET_FLAGS;"

MUTANTS = (
    Mutant("no clock for PWR", CHIP, "RCC_APB1ENR |= APB1ENR_PWR;", "", Rule.UNCLOCKED, BOARD),
    Mutant("no clock for LPUART1", WIRES, "RCC_APB1ENR2 |= APB1ENR2_LPUART1;", "", Rule.UNCLOCKED,
           BOARD),
    Mutant("VDDIO2 cut off", CHIP, "PWR_CR2 |= CR2_IO_SUPPLY;", "", Rule.PIN_SUPPLY, BOARD),
    Mutant("no boost", CLOCK, "PWR_CR5 &= ~CR5_NO_BOOST;", "", Rule.BOOST, BOARD),
    Mutant("voltage range 2", CLOCK, "CR1_RANGE_1 (1u << 9)", "CR1_RANGE_1 (2u << 9)",
           Rule.VOLTAGE_SCALE, BOARD),
    Mutant("voltage range 0", CLOCK, "CR1_RANGE_1 (1u << 9)", "CR1_RANGE_1 0u", Rule.RESERVED,
           BOARD),
    Mutant("AHB whole at once", CLOCK, "RCC_CFGR |= CFGR_AHB_BY_2;", "", Rule.CLOCK_STEP, BOARD),
    Mutant("AHB whole too early", CLOCK, "SETTLE_READS 60u", "SETTLE_READS 1u", Rule.CLOCK_STEP,
           BOARD),
    Mutant("three wait states", CLOCK, "BOARD_CLOCK_HZ - 1u) / 20000000u", "BOARD_CLOCK_HZ - 1u) / "
           "30000000u", Rule.WAIT_STATES, BOARD),
    Mutant("HSI16 never asked for", CLOCK, "RCC_CR |= CR_HSI_ON;", "", Rule.POLL, BOARD),
    Mutant("HSE where nothing is", CLOCK, "RCC_CR |= CR_HSI_ON;", "RCC_CR |= CR_HSE_ON;",
           Rule.OSCILLATOR, BOARD),
    Mutant("HSI16 not waited for", CLOCK, "wait_for(&RCC_CR, CR_HSI_READY, CR_HSI_READY)", "1",
           Rule.NOT_READY, BOARD),
    Mutant("PLL not waited for", CLOCK, "wait_for(&RCC_CR, CR_PLL_READY, CR_PLL_READY)", "1",
           Rule.NOT_READY, BOARD),
    Mutant("PLL without its output", CLOCK, "PLLCFGR_R_ON (1u << 24)", "PLLCFGR_R_ON 0u",
           Rule.NOT_READY, BOARD),
    Mutant("PLL fed with 2.3 MHz", CLOCK, "((PLL_M - 1u)", "((PLL_M + 2u)", Rule.PLL_RANGE, BOARD),
    Mutant("VCO at 480 MHz", CLOCK, "(PLL_N << ", "(2u * PLL_N << ", Rule.PLL_RANGE, BOARD),
    Mutant("PLL changed while on", CLOCK, "RCC_CR |= CR_PLL_ON;",
           "RCC_CR |= CR_PLL_ON; RCC_PLLCFGR += 1u << PLLCFGR_N_AT;", Rule.LOCKED, BOARD),
    Mutant("divisor of a USART", WIRES, "(256ull * (clock_hz))", "(16ull * (clock_hz))", Rule.BAUD,
           BOARD),
    Mutant("OVER8, which an LPUART lacks", USART, "USART_CR1_ENABLE (1u << 0)",
           "USART_CR1_ENABLE (0x8001u)", Rule.RESERVED, BOARD),
    Mutant("AF7", WIRES, "(BOARD_UART_ALTERNATE << at)", "(7u << at)", Rule.ALTERNATE, BOARD),
    Mutant("pins stay analog", WIRES, "MODE_ALTERNATE 2u", "MODE_ALTERNATE 3u", Rule.PIN_MODE,
           BOARD),
    Mutant("SRAM2 on the code bus", FAMILY, FLAGS,
           "reset_flags = *(volatile uint32_t *)0x10000000u;", Rule.UNUSED, BOARD),
    Mutant("a sum of doubles", FAMILY, FLAGS, '__asm volatile(".inst.w 0xee300b00");', Rule.DOUBLE,
           BOARD),
    Mutant("overrun never cleared", USART, "USART_ICR(base) = USART_ICR_OVERRUN;", "", Rule.POLL,
           BOARD, overrun=True),
    Mutant("no bypass for a clock signal", OSCILLATOR, "#if BOARD_OSCILLATOR_BYPASS", "#if 0",
           Rule.OSCILLATOR, SIGNAL),
    Mutant("HSE not waited for", OSCILLATOR, "wait_for(&RCC_CR, CR_HSE_READY, CR_HSE_READY)", "1",
           Rule.NOT_READY, SIGNAL),
)  # fmt: skip
