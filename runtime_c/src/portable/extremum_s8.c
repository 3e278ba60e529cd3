/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/extremum_s8.h"

#include "../common/broadcast.h"

static int8_t larger(int8_t a, int8_t b)
{
    return a > b ? a : b;
}

static int8_t smaller(int8_t a, int8_t b)
{
    return a < b ? a : b;
}

void mcuforge_extremum_s8(const int8_t *a, const int8_t *b, int8_t *out,
                          const struct mcuforge_extremum_params *params)
{
    const int32_t row_size = params->dims[MCUFORGE_BROADCAST_ROW];
    const int32_t step_a = params->stride_a[MCUFORGE_BROADCAST_ROW];
    const int32_t step_b = params->stride_b[MCUFORGE_BROADCAST_ROW];
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_a = a + row.a;
        const int8_t *from_b = b + row.b;
        const int8_t *const end = out + row_size;
        if (params->largest) {
            for (; out < end; from_a += step_a, from_b += step_b) {
                *out++ = larger(*from_a, *from_b);
            }
        } else {
            for (; out < end; from_a += step_a, from_b += step_b) {
                *out++ = smaller(*from_a, *from_b);
            }
        }
    } while (mcuforge_next_row(&row, params->dims, params->stride_a, params->stride_b));
}
