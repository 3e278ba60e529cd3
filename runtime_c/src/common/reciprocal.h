/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 1 / x in fixed point without a division, rounded as in gemmlowp and TFLite.
 */
#ifndef MCUFORGE_RECIPROCAL_H
#define MCUFORGE_RECIPROCAL_H

#include <stdint.h>

#include "requantize.h"

/* x * 2^exponent, clamped to int32. */
static inline int32_t mcuforge_saturating_shift_left(int32_t x, int32_t exponent)
{
    const int64_t shifted = (int64_t)x * (INT64_C(1) << exponent);
    if (shifted > INT32_MAX) {
        return INT32_MAX;
    }
    return shifted < INT32_MIN ? INT32_MIN : (int32_t)shifted;
}

/*
 * 1 / (1 + x) for x in [0, 1), both with 31 fraction bits.
 *
 * Newton's division of 1 by d = (1 + x) / 2: starts from 48/17 - 32/17 * d, and three steps of
 * y += y * (1 - d * y) reach full precision. y has 29 fraction bits.
 */
static inline int32_t mcuforge_one_over_one_plus(int32_t x)
{
    const int32_t one = INT32_C(1) << 29;
    const int32_t d = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
    int32_t y = 1515870810 + mcuforge_high_mul(d, -1010580540); /* 48/17, -32/17 */
    for (int32_t step = 0; step < 3; step++) {
        const int32_t error = one - mcuforge_high_mul(d, y);
        y += mcuforge_saturating_shift_left(mcuforge_high_mul(y, error), 2);
    }
    return mcuforge_saturating_shift_left(y, 1);
}

#endif
