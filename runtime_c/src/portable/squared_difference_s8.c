/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/squared_difference_s8.h"

#include "mcuforge/broadcast.h"
#include "mcuforge/requantise.h"

/* Fraction bits of the difference, as in TFLite; its square stays below 2^30. */
enum { LEFT_SHIFT = 7 };

static int8_t squared_difference(int32_t a, int32_t b,
                                 const struct mcuforge_squared_difference_params *params)
{
    const int32_t fine_a = (a - params->zero_point_a) * (1 << LEFT_SHIFT);
    const int32_t fine_b = (b - params->zero_point_b) * (1 << LEFT_SHIFT);
    const int32_t difference = mcuforge_requantise(fine_a, params->multiplier_a, params->shift_a) -
                               mcuforge_requantise(fine_b, params->multiplier_b, params->shift_b);
    return mcuforge_output_s8(difference * difference, params->output_multiplier,
                              params->output_shift, params->output_zero_point, INT8_MIN, INT8_MAX);
}

void mcuforge_squared_difference_s8(const int8_t *a, const int8_t *b, int8_t *out,
                                    const struct mcuforge_squared_difference_params *params)
{
    const int32_t row_size = params->dims[MCUFORGE_BROADCAST_ROW];
    const int32_t step_a = params->stride_a[MCUFORGE_BROADCAST_ROW];
    const int32_t step_b = params->stride_b[MCUFORGE_BROADCAST_ROW];
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_a = a + row.a;
        const int8_t *from_b = b + row.b;
        for (int32_t i = 0; i < row_size; i++) {
            *out++ = squared_difference(*from_a, *from_b, params);
            from_a += step_a;
            from_b += step_b;
        }
    } while (mcuforge_next_row(&row, params->dims, params->stride_a, params->stride_b));
}
