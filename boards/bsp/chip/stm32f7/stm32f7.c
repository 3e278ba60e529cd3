/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32F746: caches, clocks, the UART that the board's file names, cycle counter, identity. RM0385:
 * sections 6 (GPIO), 23 (TIM2 to TIM5), 31 (USART), 40 (debug).
 */
#include "board.h"
#include "board_config.h"
#include "cache.h"
#include "chip.h"
#include "clock.h"
#include "external.h"
#include "family.h"
#include "fault.h"
#include "reg.h"
#include "stm32_reset.h"
#include "stm32_ticks.h"
#include "stm32_usart_v2.h"
#include "stm32_uart.h"

#define DBGMCU_IDCODE REG32(0xE0042000u) /* RM0385, 'MCU device ID code' */

static uint32_t reset_flags;

void family_init(void)
{
    reset_flags = RCC_CSR;
    RCC_CSR |= CSR_REMOVE_FLAGS; /* or the next reset would show this one's too */
    cache_start();
    const char *const failed = clock_start();
    if (failed != 0) {
        /* at 921600 baud 16 MHz is 2 % off: then the line may be unreadable, but is not silent */
        uart_start(BAUD_DIVISOR(HSI_HZ));
        const struct fault_word words[] = {{"rcc_cr", RCC_CR}, {"rcc_cfgr", RCC_CFGR}};
        fault_report(failed, words, 2);
    }
    dwt_start();
    coarse_start();
    uart_start(BAUD_DIVISOR(UART_HZ));
    external_start();
}

void family_send(uint8_t byte)
{
    stm32_usart_send(UART, byte);
}

void family_receive(void)
{
    stm32_usart_receive(UART);
}

uint64_t board_ticks(void)
{
    return ticks();
}

uint32_t board_chip_id(void)
{
    return DBGMCU_IDCODE;
}

enum board_reset board_reset_reason(void)
{
    return reset_reason(reset_flags);
}
