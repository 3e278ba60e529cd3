/* SPDX-License-Identifier: Apache-2.0 */
/* A wait for a register that has an end: after PATIENCE reads, which the includer defines before. */
#ifndef MCUFORGE_WAIT_H
#define MCUFORGE_WAIT_H

#include <stdbool.h>
#include <stdint.h>

/* Returns whether the bits of `mask` became `value`. */
static inline bool wait_for(volatile uint32_t *at, uint32_t mask, uint32_t value)
{
    for (uint32_t left = PATIENCE; left != 0u; left--) {
        if ((*at & mask) == value) {
            return true;
        }
    }
    return false;
}

#endif
