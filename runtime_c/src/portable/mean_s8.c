/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/mean_s8.h"

#include "../common/mean_sum.h"
#include "../common/requantize.h"

void mcuforge_mean_s8(const int8_t *in, int8_t *out, const struct mcuforge_mean_params *params)
{
    const int32_t *stride = params->kept_stride;
    for (int32_t i = 0; i < params->kept[0]; i++) {
        for (int32_t j = 0; j < params->kept[1]; j++) {
            const int8_t *x = in + i * stride[0] + j * stride[1];
            for (int32_t k = 0; k < params->kept[2]; k++) {
                const int32_t sum =
                    mcuforge_mean_sum(x, params->reduced, params->reduced_stride);
                *out++ = mcuforge_output_s8(mcuforge_wrap_add(sum, params->bias),
                                            params->multiplier, params->shift,
                                            params->output_zero_point, INT8_MIN, INT8_MAX);
                x += stride[2];
            }
        }
    }
}
