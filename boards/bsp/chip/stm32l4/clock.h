/* SPDX-License-Identifier: Apache-2.0 */
/* The clock tree of the STM32L4+: from HSI16 or the board's oscillator to BOARD_CLOCK_HZ. */
#ifndef MCUFORGE_CLOCK_H
#define MCUFORGE_CLOCK_H

#include "board_config.h"
#include "rcc.h"
#include "reg.h"

#define DBGMCU_IDCODE REG32(0xE0042000u) /* RM0432, 'DBGMCU_IDCODE' */

#define MSI_HZ 4000000u        /* after reset; RM0432, 'MSI clock' */
#define HSI16_HZ 16000000u     /* RM0432, 'HSI16 clock' */
#define CLOCK_FAILED_HZ MSI_HZ /* of the UART when clock_start() has failed */

/* The buses are not divided: they may be as fast as the core; RM0432, 'Clocks' */
#define APB1_HZ BOARD_CLOCK_HZ
#define TIMER_DIVISOR 1u /* timers of an undivided bus run at its clock: RM0432, 'Clocks' */

/*
 * Runs core and buses at their full clocks. Returns 0, or, in words of a fault report, what did not
 * become ready: the core then runs on MSI still. The clock of PWR is on.
 */
const char *clock_start(void);

#endif
