/* SPDX-License-Identifier: Apache-2.0 */
/* The clock tree of the STM32H7: from the board's oscillator to BOARD_CLOCK_HZ. */
#ifndef MCUFORGE_CLOCK_H
#define MCUFORGE_CLOCK_H

#include "board_config.h"
#include "rcc.h"
#include "reg.h"

#define DBGMCU_IDCODE REG32(0x5C001000u) /* RM0433, 'DBGMCU identity code register' */

#define HSI_HZ 64000000u       /* after reset; RM0433, 'HSI oscillator' */
#define CSI_HZ 4000000u        /* RM0433, 'CSI oscillator' */
#define CLOCK_FAILED_HZ HSI_HZ /* of the UART when clock_start() has failed */

/* At most half and a quarter of the core's fastest: DS12110, 'General operating conditions' */
#define AXI_HZ (BOARD_CLOCK_HZ / 2u)
#define APB1_HZ (AXI_HZ / 2u)
#define APB2_HZ (AXI_HZ / 2u)
#define TIMER_DIVISOR 2u /* timers of a halved bus run at AXI_HZ: RM0433, 'Clock distribution' */

/*
 * Runs core and buses at their full clocks. Returns 0, or, in words of a fault report, what did not
 * become ready: the core then runs on HSI still.
 */
const char *clock_start(void);

#endif
