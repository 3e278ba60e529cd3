/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/mean_s8.h"

#include "../common/mean_sums.h"
#include "../common/requantize.h"

void mcuforge_mean_s8(const int8_t *in, int8_t *out, const struct mcuforge_mean_params *params)
{
    const int32_t *stride = params->kept_stride;
    for (int32_t i = 0; i < params->kept[0]; i++) {
        for (int32_t j = 0; j < params->kept[1]; j++) {
            const int8_t *x = in + i * stride[0] + j * stride[1];
            for (int32_t left = params->kept[2]; left > 0;) {
                int32_t sums[4] = {0, 0, 0, 0};
                const int32_t count = mcuforge_means_at_once(left, stride[2]);
                mcuforge_add_block(x, params->reduced, params->reduced_stride, count, sums);
                for (int32_t n = 0; n < count; n++) {
                    *out++ = mcuforge_output_s8(mcuforge_wrap_add(sums[n], params->bias),
                                                params->multiplier, params->shift,
                                                params->output_zero_point, INT8_MIN, INT8_MAX);
                }
                x += count * stride[2];
                left -= count;
            }
        }
    }
}
