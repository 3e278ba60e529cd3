/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/quantize_f32.h"

#include <string.h>

#include "../common/requantize.h"

/* Larger quotients saturate with every zero point; smaller ones fit int32. */
#define REACH 512.0F

/* round(x), halves away from zero. |x| <= REACH, so the fraction is exact. */
static int32_t round_away(float x)
{
    const int32_t whole = (int32_t)x; /* towards zero */
    const float rest = x - (float)whole;
    return whole + (rest >= 0.5F ? 1 : 0) - (rest <= -0.5F ? 1 : 0);
}

void mcuforge_quantize_f32(const float *in, void *out,
                           const struct mcuforge_quantize_params *params)
{
    uint8_t *to = out;
    for (int32_t i = 0; i < params->count; i++) {
        float x;
        memcpy(&x, in + i, sizeof x); /* `out` may overlap floats that were already read */
        const float quotient = x / params->scale;
        int32_t value = params->low; /* far below, or NaN */
        if (quotient >= REACH) {
            value = params->high;
        } else if (quotient > -REACH) {
            value = mcuforge_clamp(round_away(quotient) + params->zero_point, params->low,
                                   params->high);
        }
        to[i] = (uint8_t)value;
    }
}
