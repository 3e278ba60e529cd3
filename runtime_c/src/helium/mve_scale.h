/* SPDX-License-Identifier: Apache-2.0 */
/* requantize.h in lanes, for one multiplier and one shift for all of them. */
#ifndef MCUFORGE_MVE_SCALE_H
#define MCUFORGE_MVE_SCALE_H

#include "mve.h"

struct mcuforge_mve_scale {
    int32_t left;
    int32_t multiplier;
    int32_t right;  /* negative, as the instruction takes it */
    int32x4_t ties; /* all ones, or 0 if there is no shift: then it rounds only once */
};

static inline struct mcuforge_mve_scale mcuforge_mve_scale_of(int32_t multiplier, int32_t shift)
{
    const struct mcuforge_mve_scale scale = {shift > 0 ? shift : 0, multiplier,
                                             shift > 0 ? 0 : shift,
                                             vdupq_n_s32(shift < 0 ? -1 : 0)};
    return scale;
}

/* mcuforge_requantize() without the left shift, which the caller does: 5 instructions. */
static inline int32x4_t mcuforge_mve_scaled(int32x4_t x, const struct mcuforge_mve_scale *scale)
{
    const int32x4_t product = vqrdmulhq_n_s32(x, scale->multiplier);
    const int32x4_t below = vandq_s32(vshrq_n_s32(product, 31), scale->ties);
    return vrshlq_n_s32(vaddq_s32(product, below), scale->right);
}

/* How sums become outputs: scaled, moved to the zero point, clamped. */
struct mcuforge_mve_output {
    struct mcuforge_mve_scale scale;
    int32_t zero_point;
    int32x4_t low;
    int32x4_t high;
};

static inline int32x4_t mcuforge_mve_finish(int32x4_t x, const struct mcuforge_mve_output *output)
{
    const int32x4_t left = vshlq_r_s32(x, output->scale.left);
    const int32x4_t moved =
        vaddq_n_s32(mcuforge_mve_scaled(left, &output->scale), output->zero_point);
    return vminq_s32(vmaxq_s32(moved, output->low), output->high);
}

#endif
