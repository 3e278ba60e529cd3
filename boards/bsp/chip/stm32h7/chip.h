/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32H7: interrupt numbers from RM0433, 'NVIC' ('Interrupts: vector table'). The board's file names
 * chip and UART.
 */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#include "board_config.h"

#if defined(BOARD_CHIP_STM32H743)
#define CHIP_INTERRUPTS 150
#else
#error the file of the board names a chip that chip/stm32h7 does not know
#endif

#if defined(BOARD_UART_USART1)
#define CHIP_UART_INTERRUPT 37
#elif defined(BOARD_UART_USART2)
#define CHIP_UART_INTERRUPT 38
#elif defined(BOARD_UART_USART3)
#define CHIP_UART_INTERRUPT 39
#else
#error the file of the board names a UART that chip/stm32h7 does not know
#endif

#define CHIP_DWT_IS_LOCKED 1 /* on a Cortex-M7, after a reset without a debugger */
#define CHIP_RESET_ENTRY supply_entry /* supply.S: before anything is written to RAM */

#endif
