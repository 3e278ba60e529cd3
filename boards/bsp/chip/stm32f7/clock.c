/* SPDX-License-Identifier: Apache-2.0 */
/* What the clocks of the STM32F7 need beside the order that they share with the F4. */
#include "clock.h"

#include "stm32_clock.h"

#define CR_SCALE_1 (3u << 14) /* RM0385, 'PWR power control register' (PWR_CR1): VOS */

/* RM0385, 'Voltage regulator': above 180 MHz scale 1 needs over-drive */
#define OVER_DRIVE (BOARD_CLOCK_HZ > 180000000u)

/*
 * RM0385, 'Flash access control register'. Both serve reads through the ITCM interface at
 * 0x00200000. The image lies at 0x08000000, on the AXI bus, where the caches of the core serve it.
 */
#define ACR_PREFETCH (1u << 8)
#define ACR_ART (1u << 9)

const char *clock_start(void)
{
    return stm32_clock_start(CR_SCALE_1, OVER_DRIVE, ACR_PREFETCH | ACR_ART);
}
