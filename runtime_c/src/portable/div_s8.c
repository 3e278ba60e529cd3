/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/div_s8.h"

#include "../common/broadcast.h"
#include "../common/reciprocal.h"
#include "../common/requantize.h"

/* Centred values have 9 bits: this shift moves their highest one to the sign bit. */
enum { LEFT_SHIFT = 23, MAX_SHIFT = 31 };

/* 1 / |value| is inverse / 2^(31 + shift). */
struct divisor {
    int32_t value;
    int32_t inverse;
    int32_t shift;
};

static struct divisor divisor_of(int32_t value)
{
    struct divisor by = {value, 0, MAX_SHIFT};
    uint32_t size = (uint32_t)(value < 0 ? -value : value);
    if (size == 0) {
        return by;
    }
    while ((size >> 31) == 0) {
        size <<= 1;
        by.shift--;
    }
    by.inverse = mcuforge_one_over_one_plus((int32_t)(size - (UINT32_C(1) << 31)));
    return by;
}

/* a / by * multiplier, rounded; by is not 0. */
static int32_t quotient(int32_t a, const struct divisor *by,
                        const struct mcuforge_div_params *params)
{
    const int32_t dividend = by->value < 0 ? -a : a;
    uint32_t fine = (uint32_t)dividend << LEFT_SHIFT;
    int32_t headroom = LEFT_SHIFT;
    while (fine != 0 && ((fine ^ (fine << 1)) >> 31) == 0) { /* a second sign bit */
        fine <<= 1;
        headroom++;
    }
    const int32_t shift = by->shift + headroom - params->shift;
    if (shift > MAX_SHIFT) {
        return 0;
    }
    const int32_t unscaled = mcuforge_high_mul((int32_t)fine, by->inverse);
    return mcuforge_shift_right(mcuforge_high_mul(unscaled, params->multiplier), shift);
}

static int8_t divide(int32_t a, const struct divisor *by,
                     const struct mcuforge_div_params *params)
{
    if (by->value == 0 && a != 0) {
        return (int8_t)(a > 0 ? params->act_max : params->act_min);
    }
    const int32_t scaled = by->value == 0 ? 0 : quotient(a, by, params);
    return (int8_t)mcuforge_clamp(scaled + params->output_zero_point, params->act_min,
                                  params->act_max);
}

void mcuforge_div_s8(const int8_t *a, const int8_t *b, int8_t *out,
                     const struct mcuforge_div_params *params)
{
    const int32_t row_size = params->dims[MCUFORGE_BROADCAST_ROW];
    const int32_t step_a = params->stride_a[MCUFORGE_BROADCAST_ROW];
    const int32_t step_b = params->stride_b[MCUFORGE_BROADCAST_ROW];
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    struct divisor by = divisor_of(0);
    do {
        const int8_t *from_a = a + row.a;
        const int8_t *from_b = b + row.b;
        for (int32_t i = 0; i < row_size; i++) {
            const int32_t value = *from_b - params->zero_point_b;
            if (value != by.value) { /* divisors repeat if b is broadcast */
                by = divisor_of(value);
            }
            *out++ = divide(*from_a - params->zero_point_a, &by, params);
            from_a += step_a;
            from_b += step_b;
        }
    } while (mcuforge_next_row(&row, params->dims, params->stride_a, params->stride_b));
}
