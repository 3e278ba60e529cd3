/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/maximum_s8.h"

#include "../common/broadcast.h"

void mcuforge_maximum_s8(const int8_t *a, const int8_t *b, int8_t *out,
                         const struct mcuforge_maximum_params *params)
{
    const int32_t row_size = params->dims[MCUFORGE_BROADCAST_ROW];
    const int32_t step_a = params->stride_a[MCUFORGE_BROADCAST_ROW];
    const int32_t step_b = params->stride_b[MCUFORGE_BROADCAST_ROW];
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_a = a + row.a;
        const int8_t *from_b = b + row.b;
        for (int32_t i = 0; i < row_size; i++) {
            *out++ = *from_a > *from_b ? *from_a : *from_b;
            from_a += step_a;
            from_b += step_b;
        }
    } while (mcuforge_next_row(&row, params->dims, params->stride_a, params->stride_b));
}
