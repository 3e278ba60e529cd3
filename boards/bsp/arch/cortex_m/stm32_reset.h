/* SPDX-License-Identifier: Apache-2.0 */
/* Why the chip was reset. The family's clock.h has the register of the flags and its bits. */
#ifndef MCUFORGE_STM32_RESET_H
#define MCUFORGE_STM32_RESET_H

#include "board.h"
#include "clock.h"

/* Several flags are set at once: a power-on also shows the pin and brown-out. */
static inline enum board_reset reset_reason(uint32_t flags)
{
    if ((flags & RESET_LOW_POWER) != 0u) {
        return BOARD_RESET_LOW_POWER;
    }
    if ((flags & RESET_WATCHDOGS) != 0u) {
        return BOARD_RESET_WATCHDOG;
    }
    if ((flags & RESET_SOFTWARE) != 0u) {
        return BOARD_RESET_SOFTWARE;
    }
    if ((flags & RESET_POWER) != 0u) {
        return BOARD_RESET_POWER;
    }
    return (flags & RESET_PIN) != 0u ? BOARD_RESET_PIN : BOARD_RESET_UNKNOWN;
}

#endif
