/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/linear_f32.h"

#include "../common/dot.h"
#include "../common/requantize.h"

void mcuforge_linear_f32(const int8_t *in, const int8_t *weights, float *out,
                         const struct mcuforge_linear_params *params)
{
    const int32_t depth = params->in_features;
    for (int32_t row = 0; row < params->rows; row++) {
        const int8_t *w = weights; /* walks (out_features, in_features) */
        const float *scale = params->scale;
        for (int32_t o = 0; o < params->out_features; o++) {
            const int32_t sum = mcuforge_wrap_add(params->bias[o], mcuforge_dot_s8(in, w, depth));
            *out++ = (float)sum * *scale;
            w += depth;
            scale += params->scale_step;
        }
        in += depth;
    }
}
