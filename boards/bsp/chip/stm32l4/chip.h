/* SPDX-License-Identifier: Apache-2.0 */
/*
 * STM32L4+: interrupt numbers from RM0432, 'STM32L4Rxxx and STM32L4Sxxx vector table'. The board's
 * file names chip and UART.
 */
#ifndef MCUFORGE_CHIP_H
#define MCUFORGE_CHIP_H

#include "board_config.h"

#if defined(BOARD_CHIP_STM32L4R5)
#define CHIP_INTERRUPTS 95
#else
#error the file of the board names a chip that chip/stm32l4 does not know
#endif

#if defined(BOARD_UART_LPUART1)
#define CHIP_UART_INTERRUPT 70
#else
#error the file of the board names a UART that chip/stm32l4 does not know
#endif

#endif
