/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/mean_s8.h"

#include "mcuforge/requantise.h"

/* The sum over the reduced dimensions; `x` is the first element. */
static int32_t sum_of(const int8_t *x, const struct mcuforge_mean_params *params)
{
    const int32_t *size = params->reduced;
    const int32_t *stride = params->reduced_stride;
    int32_t sum = 0;
    for (int32_t i = 0; i < size[0]; i++) {
        for (int32_t j = 0; j < size[1]; j++) {
            const int8_t *tap = x + i * stride[0] + j * stride[1];
            for (int32_t k = 0; k < size[2]; k++) {
                sum += *tap;
                tap += stride[2];
            }
        }
    }
    return sum;
}

static int8_t mean(const int8_t *x, const struct mcuforge_mean_params *params)
{
    const int32_t acc = mcuforge_wrap_add(sum_of(x, params), params->bias);
    const int32_t scaled = mcuforge_requantise(acc, params->multiplier, params->shift);
    const int32_t value = mcuforge_wrap_add(scaled, params->output_zero_point);
    return (int8_t)mcuforge_clamp(value, INT8_MIN, INT8_MAX);
}

void mcuforge_mean_s8(const int8_t *in, int8_t *out, const struct mcuforge_mean_params *params)
{
    const int32_t *stride = params->kept_stride;
    for (int32_t i = 0; i < params->kept[0]; i++) {
        for (int32_t j = 0; j < params->kept[1]; j++) {
            const int8_t *x = in + i * stride[0] + j * stride[1];
            for (int32_t k = 0; k < params->kept[2]; k++) {
                *out++ = mean(x, params);
                x += stride[2];
            }
        }
    }
}
