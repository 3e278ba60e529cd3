/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32F4: interrupt numbers from RM0090, 'Vector table for STM32F405xx/07xx' and 'for STM32F42xxx',
 * and RM0390, 'Vector table for STM32F446xx'. The board's file names chip and UART.
 */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#include "board_config.h"

#if defined(BOARD_CHIP_STM32F407)
#define CHIP_INTERRUPTS 82
#elif defined(BOARD_CHIP_STM32F429)
#define CHIP_INTERRUPTS 91
#elif defined(BOARD_CHIP_STM32F446)
#define CHIP_INTERRUPTS 97
#else
#error the file of the board names a chip that chip/stm32f4 does not know
#endif

#if defined(BOARD_UART_USART1)
#define CHIP_UART_INTERRUPT 37
#elif defined(BOARD_UART_USART2)
#define CHIP_UART_INTERRUPT 38
#elif defined(BOARD_UART_USART3)
#define CHIP_UART_INTERRUPT 39
#else
#error the file of the board names a UART that chip/stm32f4 does not know
#endif

#endif
