/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 1 / sqrt(x) in fixed point without a division.
 */
#ifndef MCUFORGE_INVERSE_SQRT_H
#define MCUFORGE_INVERSE_SQRT_H

#include <stdint.h>

/* round(a * b / 2^shift), halves upwards; the result fits 32 bits. */
static inline uint32_t mcuforge_rounded_mul(uint32_t a, uint32_t b, int32_t shift)
{
    return (uint32_t)(((uint64_t)a * b + (UINT64_C(1) << (shift - 1))) >> shift);
}

/*
 * 1 / sqrt(x) with 30 fraction bits, for x in [1/4, 1) with 32 fraction bits. Relative error 2^-29.
 *
 * Newton: starts from the line nearest to the curve (at most 8.6 % off). Four steps of
 * y = y * (3 - x * y * y) / 2 turn a relative error e into 1.5 * e^2: 1.1e-2, 1.9e-4, 5e-8, 4e-15.
 * Only rounding remains.
 */
static inline int32_t mcuforge_inverse_sqrt(uint32_t x)
{
    uint32_t y = UINT32_C(2290047081) - mcuforge_rounded_mul(x, UINT32_C(1308598332), 32);
    for (int32_t step = 0; step < 4; step++) {
        const uint32_t square = mcuforge_rounded_mul(y, y, 31); /* 29 fraction bits */
        const uint32_t near_one = mcuforge_rounded_mul(x, square, 32);
        y = mcuforge_rounded_mul(y, (UINT32_C(3) << 29) - near_one, 30);
    }
    return y > INT32_MAX ? INT32_MAX : (int32_t)y;
}

#endif
