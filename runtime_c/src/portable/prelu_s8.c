/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/prelu_s8.h"

#include "../common/broadcast.h"
#include "../common/requantize.h"

void mcuforge_prelu_s8(const int8_t *a, const int8_t *b, int8_t *out,
                       const struct mcuforge_prelu_params *params)
{
    const int32_t row_size = params->dims[MCUFORGE_BROADCAST_ROW];
    const int32_t step_a = params->stride_a[MCUFORGE_BROADCAST_ROW];
    const int32_t step_b = params->stride_b[MCUFORGE_BROADCAST_ROW];
    const int32_t zero_point = params->output_zero_point;
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_a = a + row.a;
        const int8_t *from_b = b + row.b;
        for (const int8_t *const end = out + row_size; out < end; from_a += step_a) {
            const int32_t x = *from_a - params->zero_point_a;
            const int32_t slope = *from_b - params->zero_point_b;
            from_b += step_b;
            *out++ = x >= 0 ? mcuforge_output_s8(x, params->multiplier_above, params->shift_above,
                                                 zero_point, INT8_MIN, INT8_MAX)
                            : mcuforge_output_s8(x * slope, params->multiplier_below,
                                                 params->shift_below, zero_point, INT8_MIN,
                                                 INT8_MAX);
        }
    } while (mcuforge_next_row(&row, params->dims, params->stride_a, params->stride_b));
}
