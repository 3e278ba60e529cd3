/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an STM32F4 or F7 was reset: RM0090, RM0390 and RM0385, 'RCC clock control & status register'.
 */
#ifndef MCUFORGE_STM32_RESET_H
#define MCUFORGE_STM32_RESET_H

#include "board.h"
#include "clock.h"

#define CSR_REMOVE_FLAGS (1u << 24)
#define CSR_BROWN_OUT (1u << 25)
#define CSR_PIN (1u << 26)
#define CSR_POWER (1u << 27)
#define CSR_SOFTWARE (1u << 28)
#define CSR_WATCHDOGS (3u << 29)
#define CSR_LOW_POWER (1u << 31)

/* Several flags are set at once: a power-on also shows the pin and brown-out. */
static inline enum board_reset reset_reason(uint32_t flags)
{
    if ((flags & CSR_LOW_POWER) != 0u) {
        return BOARD_RESET_LOW_POWER;
    }
    if ((flags & CSR_WATCHDOGS) != 0u) {
        return BOARD_RESET_WATCHDOG;
    }
    if ((flags & CSR_SOFTWARE) != 0u) {
        return BOARD_RESET_SOFTWARE;
    }
    if ((flags & (CSR_POWER | CSR_BROWN_OUT)) != 0u) {
        return BOARD_RESET_POWER;
    }
    return (flags & CSR_PIN) != 0u ? BOARD_RESET_PIN : BOARD_RESET_UNKNOWN;
}

#endif
