/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/mul_s8.h"

#include "../common/broadcast.h"
#include "../common/fours.h"
#include "../common/noinline.h"
#include "../common/requantize.h"

/* Products of centred values stay below 2^16, so a left shift of up to 14 bits fits. */
enum { MOST_LEFT = 14 };

/* x * step + offset is twice the centred x, shifted left where the factor is above 1. */
struct factors {
    int32_t step;
    int32_t offset;
    int32_t zero_point; /* of y */
    struct mcuforge_scaling output;
};

static struct factors factors_of(int32_t zero_point_x, int32_t zero_point_y,
                                 const struct mcuforge_mul_params *params)
{
    const int32_t left = params->shift > 0 ? params->shift : 0;
    const int32_t step = (int32_t)(UINT32_C(2) << left);
    const int32_t right = params->shift > 0 ? 0 : params->shift;
    const struct factors factors = {
        step, mcuforge_wrap_mul(-zero_point_x, step), zero_point_y,
        mcuforge_scaling_of(params->multiplier, right, params->output_zero_point)};
    return factors;
}

/* 7 instructions on Armv7E-M with the store. */
static inline int8_t finish(int32_t twice, const struct mcuforge_scaling *output)
{
    return (int8_t)mcuforge_ssat8(mcuforge_scaled(twice, output));
}

/* Computes a row. With a step of 0 there is one y for all of it. */
static MCUFORGE_NOINLINE void quick_row(const int8_t *x, const int8_t *y, int32_t step_y,
                                        int8_t *out, int32_t n, const struct factors *given)
{
    const struct factors factors = *given;
    if (step_y == 0) {
        const int32_t step = factors.step * (*y - factors.zero_point);
        const int32_t offset = factors.offset * (*y - factors.zero_point);
        MCUFORGE_IN_FOURS(i, n, out[i] = finish(x[i] * step + offset, &factors.output));
    } else {
        MCUFORGE_IN_FOURS(i, n, out[i] = finish((x[i] * factors.step + factors.offset) *
                                                    (y[i] - factors.zero_point),
                                                &factors.output));
    }
}

/* The definition. Few models have an output scale that needs it. */
static MCUFORGE_NOINLINE void any_scale_row(const int8_t *a, const int8_t *b, int8_t *out,
                                            const struct mcuforge_mul_params *params)
{
    for (int32_t i = 0; i < params->dims[MCUFORGE_BROADCAST_ROW]; i++) {
        const int32_t product = (*a - params->zero_point_a) * (*b - params->zero_point_b);
        out[i] = mcuforge_output_s8(product, params->multiplier, params->shift,
                                    params->output_zero_point, INT8_MIN, INT8_MAX);
        a += params->stride_a[MCUFORGE_BROADCAST_ROW];
        b += params->stride_b[MCUFORGE_BROADCAST_ROW];
    }
}

void mcuforge_mul_s8(const int8_t *a, const int8_t *b, int8_t *out,
                     const struct mcuforge_mul_params *params)
{
    const int32_t n = params->dims[MCUFORGE_BROADCAST_ROW];
    const int32_t step_a = params->stride_a[MCUFORGE_BROADCAST_ROW];
    const int32_t step_b = params->stride_b[MCUFORGE_BROADCAST_ROW];
    const bool a_is_x = step_b == 0 || step_a != 0; /* x changes along a row where one does */
    const struct factors factors =
        a_is_x ? factors_of(params->zero_point_a, params->zero_point_b, params)
               : factors_of(params->zero_point_b, params->zero_point_a, params);
    const bool quick = params->shift <= MOST_LEFT && params->shift >= -MCUFORGE_MOST_SCALING_BITS;
    const bool clamp = params->act_min > INT8_MIN || params->act_max < INT8_MAX;
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_a = a + row.a;
        const int8_t *from_b = b + row.b;
        if (!quick) {
            any_scale_row(from_a, from_b, out, params);
        } else if (a_is_x) {
            quick_row(from_a, from_b, step_b, out, n, &factors);
        } else {
            quick_row(from_b, from_a, step_a, out, n, &factors);
        }
        if (clamp) {
            mcuforge_clamp_row(out, n, params->act_min, params->act_max);
        }
        out += n;
    } while (mcuforge_next_row(&row, params->dims, params->stride_a, params->stride_b));
}
