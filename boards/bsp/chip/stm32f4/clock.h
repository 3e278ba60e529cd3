/* SPDX-License-Identifier: Apache-2.0 */
/* The clock tree of the STM32F4: from the board's oscillator to BOARD_CLOCK_HZ. */
#ifndef MCUFORGE_CLOCK_H
#define MCUFORGE_CLOCK_H

#include "board_config.h"
#include "reg.h"
#include "stm32_rcc.h"

#define DBGMCU_IDCODE REG32(0xE0042000u) /* RM0090, 'MCU device ID code' */

#define HSI_HZ 16000000u /* after reset; RM0090, 'HSI clock' */
#define CLOCK_FAILED_HZ HSI_HZ /* of the UART when clock_start() has failed */

/* APB1 at most 45 MHz (42 on F405/407) and APB2 at most 90 (84): RM0090, 'Clocks' */
#define APB1_DIVISOR 4u
#define APB2_DIVISOR 2u
#define APB1_HZ (BOARD_CLOCK_HZ / APB1_DIVISOR)
#define APB2_HZ (BOARD_CLOCK_HZ / APB2_DIVISOR)
#define TIMER_DIVISOR 2u /* timers of APB1 run at twice its clock: RM0090, 'Clocks' */

/* Runs core and buses at their full clocks; returns as stm32_clock_start() does. */
const char *clock_start(void);

#endif
