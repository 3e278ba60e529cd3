/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32L4R5: clocks, LPUART1, cycle counter, identity. RM0432: 'General-purpose I/Os (GPIO)',
 * 'General-purpose timers (TIM2/TIM3/TIM4/TIM5)', 'Low-power universal asynchronous receiver
 * transmitter (LPUART)', 'Debug support (DBG)'.
 */
#include "stm32_usart_v2.h"

#include "stm32_family.h"

#define PWR_CR2 REG32(0x40007004u) /* RM0432, 'Power control register 2' */
#define CR2_IO_SUPPLY (1u << 9)    /* IOSV */
#define PORT_G 6u

/* RM0432, 'Independent I/O supply rail': that of PG2 to PG15 is cut off after a reset */
static void port_g_supply(void)
{
#if BOARD_UART_TX_PORT == PORT_G || BOARD_UART_RX_PORT == PORT_G
    RCC_APB1ENR |= APB1ENR_PWR;
    (void)RCC_APB1ENR;
    PWR_CR2 |= CR2_IO_SUPPLY;
#endif
}

void family_init(void)
{
    reset_flags_take();
    port_g_supply(); /* a failed clock must be reported too */
    start_or_report();
}
