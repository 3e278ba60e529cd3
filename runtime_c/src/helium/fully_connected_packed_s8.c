/* SPDX-License-Identifier: Apache-2.0 */
/* Four filters per iteration: 10 instructions for 64 products. */
#include "mcuforge/fully_connected_packed_s8.h"

#include "mve_sums.h"

enum { FILTERS = 4 };

void mcuforge_fully_connected_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                                        const struct mcuforge_fully_connected_packed_params *params)
{
    const int32x4_t low = vdupq_n_s32(params->act_min);
    const int32x4_t high = vdupq_n_s32(params->act_max);
    for (int32_t left = params->out_features; left > 0; left -= FILTERS) {
        int32x4_t sums;
        weights = mcuforge_mve_sums(weights, in, params->in_features, &sums);
        const int32x4_t scaled =
            mcuforge_mve_requantize(sums, vldrwq_s32(weights), vldrwq_s32(weights + FILTERS));
        const int32x4_t moved = vaddq_n_s32(scaled, params->output_zero_point);
        const int32x4_t kept = vminq_s32(vmaxq_s32(moved, low), high);
        vstrbq_p_s32(out, kept, vctp32q((uint32_t)left));
        weights += 2 * FILTERS;
        out += FILTERS;
    }
}
