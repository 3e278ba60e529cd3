/* SPDX-License-Identifier: Apache-2.0 */
/* average.h in lanes. */
#ifndef MCUFORGE_MVE_AVERAGE_H
#define MCUFORGE_MVE_AVERAGE_H

#include "mve.h"

/*
 * mcuforge_average() in lanes, with its conditions. `odd` is 1 where halves go to the even quotient
 * and the count has halves, else 0. (x ^ sign) - sign, with a sign of 0 or -1, removes the sign and
 * restores it.
 */
static inline int32x4_t mcuforge_mve_average(int32x4_t sum, int32_t count, int32_t reciprocal,
                                             int32_t odd)
{
    const int32x4_t sign = vshrq_n_s32(sum, 31);
    const int32x4_t size = vsubq_s32(veorq_s32(sum, sign), sign);
    const int32x4_t dividend = vaddq_n_s32(size, (int32_t)((uint32_t)count / 2));
    const uint32x4_t product = vreinterpretq_u32_s32(vmulq_n_s32(dividend, reciprocal));
    const int32x4_t quotient = vreinterpretq_s32_u32(vshrq_n_u32(product, 24));
    /* -1 if the remainder is below the divisor, else 0: then the quotient is one too small */
    const int32x4_t left = vaddq_n_s32(vsubq_s32(dividend, vmulq_n_s32(quotient, count)), -count);
    const int32x4_t whole = vaddq_n_s32(vaddq_s32(quotient, vshrq_n_s32(left, 31)), 1);
    /* -1 if there is no remainder, else 0 */
    const int32x4_t rest = vsubq_s32(dividend, vmulq_n_s32(whole, count));
    const int32x4_t half = vshrq_n_s32(vaddq_n_s32(rest, -1), 31);
    const int32x4_t even = vsubq_s32(whole, vandq_s32(vandq_s32(whole, vdupq_n_s32(odd)), half));
    return vsubq_s32(veorq_s32(even, sign), sign);
}

#endif
