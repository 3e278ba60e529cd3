/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 64-bit clock out of two free-running counters, without a wrap interrupt: an interrupt would
 * add its instructions to whatever is being counted, at a moment that differs from run to run.
 */
#ifndef MCUFORGE_WIDEN_H
#define MCUFORGE_WIDEN_H

#include <stdint.h>

/*
 * Returns the count whose low half is `fine` and which lies nearest to `coarse`, a slow counter
 * scaled to the same unit. Exact while `coarse` is less than 2^31 away: `coarse` may lag, and must
 * have started later.
 */
static inline uint64_t widen(uint64_t coarse, uint32_t fine)
{
    const int32_t ahead = (int32_t)(fine - (uint32_t)coarse);
    return coarse + (uint64_t)(int64_t)ahead;
}

#endif
