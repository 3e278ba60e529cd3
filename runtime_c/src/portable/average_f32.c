/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/average_f32.h"

void mcuforge_average_f32(const int8_t *in, float *out, const struct mcuforge_average_params *params)
{
    const int32_t inner = params->inner;
    for (int32_t a = 0; a < params->outer; a++) {
        for (int32_t b = 0; b < inner; b++) {
            const int8_t *x = in + b;
            int32_t sum = params->bias;
            for (int32_t i = 0; i < params->count; i++) {
                sum += *x;
                x += inner;
            }
            *out++ = (float)sum * params->scale;
        }
        in += params->count * inner;
    }
}
