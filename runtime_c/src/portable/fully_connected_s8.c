/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/fully_connected_s8.h"

#include "../common/dot.h"
#include "../common/requantize.h"

void mcuforge_fully_connected_s8(const int8_t *in, const int8_t *weights, int8_t *out,
                                 const struct mcuforge_fully_connected_params *params)
{
    const int32_t depth = params->in_features;
    for (int32_t row = 0; row < params->rows; row++) {
        const int8_t *w = weights; /* walks (out_features, in_features) */
        const int32_t *multiplier = params->multiplier;
        const int8_t *shift = params->shift;
        for (int32_t o = 0; o < params->out_features; o++) {
            const int32_t acc = mcuforge_wrap_add(params->bias[o], mcuforge_dot_s8(in, w, depth));
            *out++ = mcuforge_output_s8(acc, *multiplier, *shift, params->output_zero_point,
                                        params->act_min, params->act_max);
            w += depth;
            multiplier += params->multiplier_step;
            shift += params->multiplier_step;
        }
        in += depth;
    }
}
