/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/mul_s8.h"

#include "../common/broadcast.h"
#include "../common/requantize.h"

/* Rows are loops of their own: inlined into one function they would spill. */
#define OWN_REGISTERS __attribute__((noinline))

/* x * step + offset is twice the centred x, shifted left where the factor is: products of two
 * centred values stay below 2^16, so up to 14 bits are free. */
struct factors {
    int32_t step;
    int32_t offset;
    int32_t zero_point; /* of the other */
    struct mcuforge_scaling output;
};

enum { MOST_LEFT = 14 };

/* 7 instructions on Armv7E-M, store included. */
static inline int8_t finish(int32_t twice, const struct mcuforge_scaling *output)
{
    return (int8_t)mcuforge_ssat8(mcuforge_scaled(twice, output));
}

static inline int8_t of_both(int32_t x, int32_t y, const struct factors *factors)
{
    const int32_t twice = x * factors->step + factors->offset;
    return finish(twice * (y - factors->zero_point), &factors->output);
}

static OWN_REGISTERS void both_row(const int8_t *x, const int8_t *y, int8_t *out, int32_t n,
                                   const struct factors *given)
{
    const struct factors factors = *given;
    for (; n >= 4; n -= 4) {
        out[0] = of_both(x[0], y[0], &factors);
        out[1] = of_both(x[1], y[1], &factors);
        out[2] = of_both(x[2], y[2], &factors);
        out[3] = of_both(x[3], y[3], &factors);
        x += 4;
        y += 4;
        out += 4;
    }
    for (; n > 0; n--) {
        *out++ = of_both(*x++, *y++, &factors);
    }
}

/* One factor for the whole row: it goes into step and offset. */
static OWN_REGISTERS void single_row(const int8_t *x, int32_t y, int8_t *out, int32_t n,
                                     const struct factors *given)
{
    const struct mcuforge_scaling output = given->output;
    const int32_t step = given->step * (y - given->zero_point);
    const int32_t offset = given->offset * (y - given->zero_point);
    for (; n >= 4; n -= 4) {
        out[0] = finish(x[0] * step + offset, &output);
        out[1] = finish(x[1] * step + offset, &output);
        out[2] = finish(x[2] * step + offset, &output);
        out[3] = finish(x[3] * step + offset, &output);
        x += 4;
        out += 4;
    }
    for (; n > 0; n--) {
        *out++ = finish(*x++ * step + offset, &output);
    }
}

/* A row of any output scale: few models have such, so this is short rather than fast. */
static OWN_REGISTERS void row_of_any_scale(const int8_t *a, const int8_t *b, int8_t *out,
                                           const struct mcuforge_mul_params *params)
{
    const int32_t step_a = params->stride_a[MCUFORGE_BROADCAST_ROW];
    const int32_t step_b = params->stride_b[MCUFORGE_BROADCAST_ROW];
    for (int32_t i = 0; i < params->dims[MCUFORGE_BROADCAST_ROW]; i++) {
        const int32_t product = (*a - params->zero_point_a) * (*b - params->zero_point_b);
        *out++ = mcuforge_output_s8(product, params->multiplier, params->shift,
                                    params->output_zero_point, INT8_MIN, INT8_MAX);
        a += step_a;
        b += step_b;
    }
}

static void clamp_row(int8_t *out, const struct mcuforge_mul_params *params)
{
    for (int32_t i = 0; i < params->dims[MCUFORGE_BROADCAST_ROW]; i++) {
        out[i] = (int8_t)mcuforge_clamp(out[i], params->act_min, params->act_max);
    }
}

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

void mcuforge_mul_s8(const int8_t *a, const int8_t *b, int8_t *out,
                     const struct mcuforge_mul_params *params)
{
    const int32_t n = params->dims[MCUFORGE_BROADCAST_ROW];
    const int32_t step_a = params->stride_a[MCUFORGE_BROADCAST_ROW];
    const int32_t step_b = params->stride_b[MCUFORGE_BROADCAST_ROW];
    const bool scaling = params->shift <= MOST_LEFT && params->shift >= -MCUFORGE_MOST_SCALING_BITS;
    const bool clamp = params->act_min > INT8_MIN || params->act_max < INT8_MAX;
    const struct factors of_a = factors_of(params->zero_point_a, params->zero_point_b, params);
    const struct factors of_b = factors_of(params->zero_point_b, params->zero_point_a, params);
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_a = a + row.a;
        const int8_t *from_b = b + row.b;
        if (!scaling) {
            row_of_any_scale(from_a, from_b, out, params);
        } else if (step_b == 0) {
            single_row(from_a, *from_b, out, n, &of_a);
        } else if (step_a == 0) {
            single_row(from_b, *from_a, out, n, &of_b);
        } else {
            both_row(from_a, from_b, out, n, &of_a);
        }
        if (clamp) {
            clamp_row(out, params);
        }
        out += n;
    } while (mcuforge_next_row(&row, params->dims, params->stride_a, params->stride_b));
}
