/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/add_s8.h"

#include "mcuforge/broadcast.h"
#include "mcuforge/requantise.h"

/* Fraction bits the inputs gain before they are brought to one scale, as in TFLite. */
enum { LEFT_SHIFT = 20 };

/* An input on the fine scale both are brought to. */
static int32_t fine(int32_t x, int32_t zero_point, int32_t multiplier, int32_t shift)
{
    return mcuforge_requantise((x - zero_point) * (1 << LEFT_SHIFT), multiplier, shift);
}

static int32_t fine_a(int32_t a, const struct mcuforge_add_params *params)
{
    return fine(a, params->zero_point_a, params->multiplier_a, params->shift_a);
}

static int32_t fine_b(int32_t b, const struct mcuforge_add_params *params)
{
    return fine(b, params->zero_point_b, params->multiplier_b, params->shift_b);
}

static int8_t finish(int32_t sum, const struct mcuforge_add_params *params)
{
    const int32_t scaled =
        mcuforge_requantise(sum, params->output_multiplier, params->output_shift);
    const int32_t value = scaled + params->output_zero_point;
    return (int8_t)mcuforge_clamp(value, params->act_min, params->act_max);
}

void mcuforge_add_s8(const int8_t *a, const int8_t *b, int8_t *out,
                     const struct mcuforge_add_params *params)
{
    const int32_t row_size = params->dims[MCUFORGE_BROADCAST_ROW];
    const int32_t step_a = params->stride_a[MCUFORGE_BROADCAST_ROW];
    const int32_t step_b = params->stride_b[MCUFORGE_BROADCAST_ROW];
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_a = a + row.a;
        const int8_t *from_b = b + row.b;
        if (step_b == 0) { /* one element for the whole row, a mean say: scaled once */
            const int32_t same = fine_b(*from_b, params);
            for (int32_t i = 0; i < row_size; i++) {
                *out++ = finish(fine_a(*from_a, params) + same, params);
                from_a += step_a;
            }
            continue;
        }
        for (int32_t i = 0; i < row_size; i++) {
            *out++ = finish(fine_a(*from_a, params) + fine_b(*from_b, params), params);
            from_a += step_a;
            from_b += step_b;
        }
    } while (mcuforge_next_row(&row, params->dims, params->stride_a, params->stride_b));
}
