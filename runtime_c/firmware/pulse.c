/* SPDX-License-Identifier: Apache-2.0 */
#include "pulse.h"

#include <stdint.h>

#include "board.h"

void pulse_low(enum board_pin pin)
{
    /* one more because the division drops a part, and one because the first tick has begun */
    const uint32_t ticks = board_tick_hz / (1000000U / PULSE_MICROSECONDS) + 2U;
    board_pin_write(pin, false);
    const uint32_t begin = (uint32_t)board_ticks();
    while ((uint32_t)board_ticks() - begin < ticks) {
    }
    board_pin_write(pin, true);
}
