/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The divisor of AHB, which the STM32 and the GD32VF103 code alike: HPRE of RM0090, RM0385 and RM0432,
 * D1CPRE of RM0433, AHBPSC of the GD32VF103 User Manual.
 */
#ifndef MCUFORGE_AHB_H
#define MCUFORGE_AHB_H

#include <stdint.h>

/* By how many bits the field shifts the clock down; undivided below 8. */
static inline uint32_t ahb_shift(uint32_t field)
{
    static const uint8_t shifts[16] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 6, 7, 8, 9};
    return shifts[field & 15u];
}

#endif
