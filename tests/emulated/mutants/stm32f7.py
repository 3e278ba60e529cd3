# SPDX-License-Identifier: Apache-2.0
"""Start-up code of the STM32F7 with one planted fault each, and the rule that must find it."""

from mcuforge.boards.virtual.failure import Rule
from tests.emulated.mutants.stm32f4 import Mutant

CRYSTAL, SIGNAL = "disco_f746ng", "nucleo_f746zg"  # boards, by what they have at OSC_IN
CLOCK, FAMILY, STARTUP = "clock.c", "stm32_family.h", "startup.c"
ORDER, WIRES, CACHE = "stm32_clock.h", "stm32_uart.h", "cache.h"
OSCILLATOR = "stm32_oscillator.h"
USART, DWT, VECTORS = "stm32_usart_v2.h", "dwt.h", "vectors.S"
FLAGS = "reset_flags = RESET_FLAGS;"
BRR = "USART_BRR(base) = divisor;"

MUTANTS = (
    Mutant("no clock for PWR", ORDER, "RCC_APB1ENR |= APB1ENR_PWR;", "", Rule.UNCLOCKED, CRYSTAL),
    Mutant("no clock for USART1", WIRES, "RCC_APB2ENR |= APB2ENR_USART1;", "", Rule.UNCLOCKED,
           CRYSTAL),
    Mutant("no clock for USART3", WIRES, "RCC_APB1ENR |= APB1ENR_USART3;", "", Rule.UNCLOCKED,
           SIGNAL),
    Mutant("no clock for TX", WIRES, "GPIOENR_PORT(BOARD_UART_TX_PORT) | ", "", Rule.UNCLOCKED,
           CRYSTAL),
    Mutant(
        "UE as on the F4", USART, "USART_CR1_ENABLE (1u << 0)", "USART_CR1_ENABLE (1u << 13)",
        Rule.UART_OFF, CRYSTAL,
    ),
    Mutant(
        "reserved bit of CR1", USART, "USART_CR1_ENABLE (1u << 0)", "USART_CR1_ENABLE (3u << 0)",
        Rule.RESERVED, SIGNAL,
    ),
    Mutant("data cache of the F4's ACR", CLOCK, "ACR_ART (1u << 9)", "ACR_ART (3u << 9)",
           Rule.RESERVED, SIGNAL),
    Mutant("sets one bit too low", CACHE, "CACHE_SET_AT 5u", "CACHE_SET_AT 4u", Rule.RESERVED,
           SIGNAL),
    Mutant("size of the other cache", CACHE, "CACHE_LEVEL_1_DATA 0u", "CACHE_LEVEL_1_DATA 1u",
           Rule.RESERVED, CRYSTAL),
    Mutant("bytes to RDR", USART, "(base) + 0x28u", "(base) + 0x24u", Rule.READ_ONLY, CRYSTAL),
    Mutant("bytes to TDR", USART, "USART_TDR(base) REG32", "USART_TDR(base) REG8", Rule.WIDTH,
           SIGNAL),
    Mutant("PWR_CR1 of a later chip", ORDER, "0x40007000u", "0x40007010u", Rule.UNMAPPED, CRYSTAL),
    Mutant("a variable in flash", FAMILY, FLAGS, "*(volatile uint32_t *)0x08000000u = 1u;",
           Rule.FLASH_WRITE, CRYSTAL),
    Mutant("a null pointer", FAMILY, FLAGS, "reset_flags = *(volatile uint32_t *)4u;",
           Rule.UNUSED, CRYSTAL),
    Mutant("a word through the ITCM bus", FAMILY, FLAGS,
           "reset_flags = *(volatile uint32_t *)0x00200000u;", Rule.UNUSED, SIGNAL),
    Mutant("instruction cache as after a reset", CACHE, "CACHE_ICIALLU = 0;", "", Rule.CACHE,
           CRYSTAL),
    Mutant(
        "data cache as after a reset", CACHE,
        "CACHE_DCISW = (way << CACHE_WAY_AT) | (set << CACHE_SET_AT);", "", Rule.CACHE, SIGNAL,
    ),
    Mutant("a way is forgotten", CACHE, "way <= CACHE", "way < CACHE", Rule.CACHE, CRYSTAL),
    Mutant("a set is forgotten", CACHE, "set <= CACHE", "set < CACHE", Rule.CACHE, SIGNAL),
    Mutant(
        "data cache invalidated in use", CACHE, "CACHE_CCR |= CACHE_CCR_DATA;",
        "CACHE_CCR |= CACHE_CCR_DATA; CACHE_DCISW = 0;", Rule.CACHE_LOST, CRYSTAL,
    ),
    Mutant("DWT locked", DWT, "DWT_LAR = DWT_LAR_KEY;", "", Rule.DWT_LOCKED, CRYSTAL),
    Mutant("a wrong key", DWT, "0xC5ACCE55u", "0xC5ACC355u", Rule.DWT_LOCKED, SIGNAL),
    Mutant("crystal not waited for", OSCILLATOR, "wait_for(&RCC_CR, CR_HSE_READY, CR_HSE_READY)",
           "1", Rule.NOT_READY, CRYSTAL),
    Mutant(
        "over-drive switched before it is ready", ORDER,
        "!wait_for(&PWR_CSR, CSR_OVER_DRIVE_READY, CSR_OVER_DRIVE_READY)", "0",
        Rule.NOT_READY, SIGNAL,
    ),
    Mutant("HSE never asked for", OSCILLATOR, "RCC_CR |= CR_HSE_ON;", "", Rule.POLL, CRYSTAL),
    Mutant(
        "overrun never cleared", USART, "USART_ICR(base) = USART_ICR_OVERRUN;", "", Rule.POLL,
        CRYSTAL, overrun=True,
    ),
    Mutant(
        "overrun cleared as on the F4", USART, "USART_ICR(base) = USART_ICR_OVERRUN;",
        "(void)USART_RDR(base);", Rule.POLL, SIGNAL, overrun=True,
    ),
    Mutant("baud rate set too late", USART, BRR, f"USART_CR1(base) = USART_CR1_ENABLE; {BRR}",
           Rule.LOCKED, CRYSTAL),
    Mutant("bypass with a crystal", OSCILLATOR, "#if BOARD_OSCILLATOR_BYPASS", "#if 1",
           Rule.OSCILLATOR, CRYSTAL),
    Mutant("no bypass for a clock signal", OSCILLATOR, "#if BOARD_OSCILLATOR_BYPASS", "#if 0",
           Rule.OSCILLATOR, SIGNAL),
    Mutant("VCO at 900 MHz", ORDER, "| PLL_M |", "| (PLL_M / 2u) |", Rule.PLL_RANGE, CRYSTAL),
    Mutant("PLL fed with 4 MHz", ORDER, "| PLL_M |", "| (PLL_M / 2u) |", Rule.PLL_RANGE, SIGNAL),
    Mutant("five wait states", ORDER, "BOARD_CLOCK_HZ - 1u) / 30", "BOARD_CLOCK_HZ - 1u) / 40",
           Rule.WAIT_STATES, CRYSTAL),
    Mutant("voltage scale 3", ORDER, "PWR_CR |= scale;", "PWR_CR = (PWR_CR & ~scale) | (1u << 14);",
           Rule.VOLTAGE_SCALE, CRYSTAL),
    Mutant("no over-drive", CLOCK, "OVER_DRIVE (BOARD_CLOCK_HZ > 180000000u)", "OVER_DRIVE 0",
           Rule.OVER_DRIVE, SIGNAL),
    Mutant("APB1 at 108 MHz", ORDER, "CFGR_APB1_BY_4 (5u << 10)", "CFGR_APB1_BY_4 (4u << 10)",
           Rule.BUS_CLOCK, SIGNAL),
    Mutant("APB2 undivided", ORDER, "| CFGR_APB2_BY_2;", ";", Rule.BUS_CLOCK, CRYSTAL),
    Mutant("pins are inputs", WIRES, "MODE_ALTERNATE 2u", "MODE_ALTERNATE 0u", Rule.PIN_MODE,
           SIGNAL),
    Mutant("AF8", WIRES, "(BOARD_UART_ALTERNATE << at)", "(8u << at)", Rule.ALTERNATE, CRYSTAL),
    Mutant("AF in the wrong half", WIRES, "0x20u + 4u * ((pin) / 8u)", "0x20u", Rule.ALTERNATE,
           SIGNAL),
    Mutant("MODER written whole", WIRES, "(GPIO_MODER(port) & ~(3u << (2u * pin))) |", "",
           Rule.DEBUG_PINS, CRYSTAL),
    Mutant("divisor of the other bus", FAMILY, "UART_DIVISOR(UART_HZ))",
           "UART_DIVISOR(APB2_HZ))",
           Rule.BAUD, SIGNAL),
    Mutant("nine bits", USART, "USART_CR1_ENABLE (1u << 0)", "USART_CR1_ENABLE (0x1001u)",
           Rule.FRAME_FORMAT, CRYSTAL),
    Mutant(
        "FPU not enabled", STARTUP, "CPACR |= CPACR_FPU_FULL;",
        '__asm volatile("vmov.f32 s0, #1.0");', Rule.FPU_OFF, CRYSTAL,
    ),
    Mutant("a sum of doubles", FAMILY, FLAGS, '__asm volatile(".inst.w 0xee300b00");', Rule.DOUBLE,
           CRYSTAL),
    Mutant("a float becomes a double", FAMILY, FLAGS, '__asm volatile(".inst.w 0xeeb70ac0");',
           Rule.DOUBLE, SIGNAL),
    Mutant("DTCM off", FAMILY, FLAGS, "RCC_AHB1ENR &= ~AHB1ENR_CCM;", Rule.RAM_OFF, CRYSTAL),
    Mutant("no handler", VECTORS, ".word family_receive", ".word 0", Rule.VECTOR, SIGNAL),
)  # fmt: skip
