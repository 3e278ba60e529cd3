/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings two inputs to one scale with fraction bits, before they are added or subtracted.
 *
 * That scale is twice the larger of the two. So the factor of the coarser input is exactly 1/2, and
 * its values are only shifted. The finer input is rounded twice, as everywhere. Inputs gain at most
 * 20 fraction bits, so twice a value stays below 2^30, and its sign is the sign of its product.
 */
#ifndef MCUFORGE_FINE_SCALE_H
#define MCUFORGE_FINE_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#include "dsp.h"

enum { MCUFORGE_ONE_HALF = 1 << 30 }; /* as multiplier */

/* The coarser input: x * step + offset is twice its value on the common scale. */
struct mcuforge_coarse {
    int32_t step;
    int32_t offset;
};

/* The finer input: x * step + offset is twice its centred value, for mcuforge_finer(). */
struct mcuforge_fine {
    int32_t step;
    int32_t offset;
    int32_t multiplier;
    int32_t half;
    int32_t right; /* at least 1 */
};

/* Whether the factor of an input is 1/2, or -1/2 to subtract it. */
static inline bool mcuforge_is_coarse(int32_t multiplier, int32_t shift)
{
    return shift == 0 && (multiplier == MCUFORGE_ONE_HALF || multiplier == -MCUFORGE_ONE_HALF);
}

static inline struct mcuforge_coarse mcuforge_coarse_of(int32_t zero_point, int32_t multiplier,
                                                        int32_t bits)
{
    const int32_t step = multiplier < 0 ? -(1 << bits) : 1 << bits;
    const struct mcuforge_coarse coarse = {step, -zero_point * step};
    return coarse;
}

/* A factor without a shift is 1/2 or 0. Double the value and halve it: nothing is rounded. */
static inline struct mcuforge_fine mcuforge_fine_of(int32_t zero_point, int32_t multiplier,
                                                    int32_t shift, int32_t bits)
{
    const int32_t right = shift < 0 ? -shift : 1;
    const int32_t doubled = 1 << (bits + (shift < 0 ? 1 : 2));
    const int32_t step = multiplier < 0 ? -doubled : doubled;
    const struct mcuforge_fine fine = {step, -zero_point * step,
                                       multiplier < 0 ? -multiplier : multiplier,
                                       (int32_t)((UINT32_C(1) << right) >> 1), right};
    return fine;
}

/* Twice the coarser input on the common scale, if its step has as many bits. */
static inline int32_t mcuforge_coarser(int32_t x, const struct mcuforge_coarse *coarse)
{
    return x * coarse->step + coarse->offset;
}

/* The finer input on the common scale. */
static inline int32_t mcuforge_finer(int32_t x, const struct mcuforge_fine *fine)
{
    const int32_t twice = x * fine->step + fine->offset;
    return mcuforge_smmlar(twice, fine->multiplier, fine->half + (twice >> 31)) >> fine->right;
}

#endif
