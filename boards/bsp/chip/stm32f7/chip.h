/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32F7: interrupt numbers from RM0385, 'STM32F75xxx and STM32F74xxx vector table'. The board's
 * file names chip and UART.
 */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#include "board_config.h"

#if defined(BOARD_CHIP_STM32F746)
#define CHIP_INTERRUPTS 98
#else
#error the file of the board names a chip that chip/stm32f7 does not know
#endif

#if defined(BOARD_UART_USART1)
#define CHIP_UART_INTERRUPT 37
#elif defined(BOARD_UART_USART2)
#define CHIP_UART_INTERRUPT 38
#elif defined(BOARD_UART_USART3)
#define CHIP_UART_INTERRUPT 39
#else
#error the file of the board names a UART that chip/stm32f7 does not know
#endif

#define CHIP_DWT_IS_LOCKED 1 /* on a Cortex-M7, after a reset without a debugger */

#endif
