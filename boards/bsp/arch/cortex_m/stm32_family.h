/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all STM32 families do in the same way with the functions of the other stm32_*.h: the start
 * with its fault report, the UART, the clock, the identity. The family's clock.h says what failed
 * and how fast the UART's clock then is.
 *
 * Included by the one source file of a chip, after stm32_usart_v1.h or stm32_usart_v2.h: it defines
 * that chip's functions. The chip's own is family_init().
 */
#ifndef MCUFORGE_STM32_FAMILY_H
#define MCUFORGE_STM32_FAMILY_H

#include "board.h"
#include "board_config.h"
#include "clock.h"
#include "family.h"
#include "fault.h"
#include "reg.h"
#include "stm32_reset.h"
#include "stm32_ticks.h"
#include "stm32_uart.h"

static uint32_t reset_flags;

/* First: the flags are those of all resets since they were removed last. */
static inline void reset_flags_take(void)
{
    reset_flags = RESET_FLAGS;
    RESET_FLAGS |= RESET_REMOVE;
}

/* Clocks, cycle counter and UART; a clock that does not start is reported and the core halts. */
static inline void start_or_report(void)
{
    const char *const failed = clock_start();
    if (failed != 0) {
        /* 16 MHz (F4, F7) is 2 % off at 921600 baud: the line may be unreadable, but is not silent */
        uart_start(UART_DIVISOR(CLOCK_FAILED_HZ));
        const struct fault_word words[] = {{"rcc_cr", RCC_CR}, {"rcc_cfgr", RCC_CFGR}};
        fault_report(failed, words, 2);
    }
    dwt_start();
    coarse_start();
    uart_start(UART_DIVISOR(UART_HZ));
}

void family_send(uint8_t byte)
{
    stm32_usart_send(UART, byte);
}

void family_receive(void)
{
    stm32_usart_receive(UART);
}

void family_pin_start(uint32_t port, uint32_t number, bool high)
{
    RCC_GPIOENR |= GPIOENR_PORT(port);
    (void)RCC_GPIOENR; /* RM0090, 'Clocks': a register works two cycles after its clock is on */
    family_pin_write(port, number, high);
    GPIO_MODER(port) = (GPIO_MODER(port) & ~(3u << (2u * number))) | (MODE_OUTPUT << (2u * number));
}

void family_pin_write(uint32_t port, uint32_t number, bool high)
{
    GPIO_BSRR(port) = 1u << (high ? number : number + 16u);
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

#endif
