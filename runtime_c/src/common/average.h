/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rounding of average pooling, whole and row by row.
 */
#ifndef MCUFORGE_AVERAGE_H
#define MCUFORGE_AVERAGE_H

#include <stdint.h>

enum { MCUFORGE_AVERAGE_BITS = 24 };

/* 2^24 / count, rounded down: one division for all averages of `count` taps. */
static inline uint32_t mcuforge_average_reciprocal(int32_t count)
{
    return (UINT32_C(1) << MCUFORGE_AVERAGE_BITS) / (uint32_t)count;
}

/*
 * round(sum / count), halves away from zero, or to the even quotient if `to_even` is 1, not 0.
 *
 * For |sum| <= 255 * count and count <= 2^16 the product stays below 2^32. Its quotient is right or
 * one too small, and the remainder tells which. No remainder of an even count is a half.
 */
static inline int32_t mcuforge_average(int32_t sum, int32_t count, uint32_t reciprocal,
                                       uint32_t to_even)
{
    const uint32_t divisor = (uint32_t)count;
    const uint32_t dividend = (uint32_t)(sum < 0 ? -sum : sum) + divisor / 2;
    uint32_t quotient = (dividend * reciprocal) >> MCUFORGE_AVERAGE_BITS;
    if (dividend - quotient * divisor >= divisor) {
        quotient++;
    }
    if (dividend == quotient * divisor) {
        quotient -= quotient & to_even & ~divisor;
    }
    return sum < 0 ? -(int32_t)quotient : (int32_t)quotient;
}

#endif
