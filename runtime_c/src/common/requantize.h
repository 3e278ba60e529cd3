/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite's integer rounding, for every kernel.
 *
 * A real factor is multiplier * 2^(shift - 31) with multiplier in [0, 2^31). Products are rounded
 * twice, as in TFLite's reference: first to the high word (halves upwards), then by the right shift
 * (halves away from zero). With a shift of 0 they are rounded once.
 *
 * Right shifts of negative values are arithmetic on every compiler that mcuforge supports.
 */
#ifndef MCUFORGE_REQUANTIZE_H
#define MCUFORGE_REQUANTIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp.h"

/* a + b, wrapping: in C the overflow would be undefined. */
static inline int32_t mcuforge_wrap_add(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

/* a * b, wrapping. */
static inline int32_t mcuforge_wrap_mul(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a * (uint32_t)b);
}

/* round(x * multiplier / 2^31). The multiplier is never INT32_MIN, so nothing overflows. */
static inline int32_t mcuforge_high_mul(int32_t x, int32_t multiplier)
{
    const int64_t product = (int64_t)x * multiplier;
    return (int32_t)((product + (INT64_C(1) << 30)) >> 31);
}

/* round(x / 2^shift), halves away from zero. shift is 0 to 31. */
static inline int32_t mcuforge_shift_right(int32_t x, int32_t shift)
{
    const int32_t mask = (int32_t)((UINT32_C(1) << shift) - 1U);
    const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> shift) + ((x & mask) > threshold ? 1 : 0);
}

/* round(x * multiplier * 2^(shift - 31)). shift is -31 to 30, positive to the left. */
static inline int32_t mcuforge_requantize(int32_t x, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    const int32_t shifted = (int32_t)((uint32_t)x << left);
    return mcuforge_shift_right(mcuforge_high_mul(shifted, multiplier), right);
}

static inline int32_t mcuforge_clamp(int32_t x, int32_t low, int32_t high)
{
    return x < low ? low : (x > high ? high : x);
}

static inline void mcuforge_clamp_row(int8_t *row, int32_t n, int32_t low, int32_t high)
{
    for (int32_t i = 0; i < n; i++) {
        row[i] = (int8_t)mcuforge_clamp(row[i], low, high);
    }
}

/* The output for an accumulator: scaled, moved to the zero point, clamped to [low, high]. */
static inline int8_t mcuforge_output_s8(int32_t acc, int32_t multiplier, int32_t shift,
                                        int32_t zero_point, int32_t low, int32_t high)
{
    const int32_t scaled = mcuforge_requantize(acc, multiplier, shift);
    return (int8_t)mcuforge_clamp(mcuforge_wrap_add(scaled, zero_point), low, high);
}

/*
 * The same in fewer instructions, for accumulators x with |x| < 2^30 and factors without a left
 * shift. It takes the high word of the product with 2 * x, and adds the zero point and half a step
 * at once. For halves away from zero, a negative product needs one less than half a step. The sign
 * of x serves for the product, which has the same sign or is 0.
 */
struct mcuforge_scaling {
    int32_t multiplier;
    int32_t offset; /* zero point and half a step, both with `right` fraction bits */
    int32_t right;
    int32_t ties;   /* all ones, or 0 if there is no shift: then it rounds only once */
};

/* With more fraction bits a zero point would not fit 32 bits. */
enum { MCUFORGE_MOST_SCALING_BITS = 22 };

/* Whether mcuforge_scaled() can do this shift. */
static inline bool mcuforge_has_scaling(int32_t shift)
{
    return shift <= 0 && shift >= -MCUFORGE_MOST_SCALING_BITS;
}

static inline struct mcuforge_scaling mcuforge_scaling_of(int32_t multiplier, int32_t shift,
                                                          int32_t zero_point)
{
    const int32_t right = -shift;
    const int32_t half = (int32_t)((UINT32_C(1) << right) >> 1);
    const int32_t offset = (int32_t)((uint32_t)zero_point << right) + half;
    const struct mcuforge_scaling scaling = {multiplier, offset, right, right > 0 ? -1 : 0};
    return scaling;
}

/* requantize(twice / 2) + zero point, not clamped. 4 instructions on Armv7E-M. */
static inline int32_t mcuforge_scaled(int32_t twice, const struct mcuforge_scaling *scaling)
{
    const int32_t offset = scaling->offset + ((twice & scaling->ties) >> 31);
    return mcuforge_smmlar(twice, scaling->multiplier, offset) >> scaling->right;
}

#endif
