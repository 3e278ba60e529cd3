/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/mean_s8.h"

#include "../common/requantize.h"
#include "lane_sums.h"

static inline int8_t mean_of(int32_t sum, const struct mcuforge_mean_params *params)
{
    return mcuforge_output_s8(mcuforge_wrap_add(sum, params->bias), params->multiplier,
                              params->shift, params->output_zero_point, INT8_MIN, INT8_MAX);
}

void mcuforge_mean_s8(const int8_t *in, int8_t *out, const struct mcuforge_mean_params *params)
{
    const int32_t *stride = params->kept_stride;
    const int32_t fours = stride[2] == 1 ? params->kept[2] / 4 : 0; /* of neighbours */
    for (int32_t i = 0; i < params->kept[0]; i++) {
        for (int32_t j = 0; j < params->kept[1]; j++) {
            const int8_t *x = in + i * stride[0] + j * stride[1];
            for (int32_t k = 0; k < fours; k++) {
                int32_t sums[4] = {0, 0, 0, 0};
                mcuforge_lane_sums(x, params->reduced, params->reduced_stride, sums);
                for (int32_t n = 0; n < 4; n++) {
                    *out++ = mean_of(sums[n], params);
                }
                x += 4;
            }
            for (int32_t k = 4 * fours; k < params->kept[2]; k++) {
                const int32_t sum =
                    mcuforge_lane_sum(x, params->reduced, params->reduced_stride);
                *out++ = mean_of(sum, params);
                x += stride[2];
            }
        }
    }
}
