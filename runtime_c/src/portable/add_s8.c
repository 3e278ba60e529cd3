/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/add_s8.h"

#include "../common/broadcast.h"
#include "../common/fine_scale.h"
#include "../common/requantize.h"

/* Fraction bits the inputs gain before they are brought to one scale, as in TFLite. */
enum { LEFT_SHIFT = 20 };

/* Rows are loops of their own: inlined into one function they would spill. */
#define OWN_REGISTERS __attribute__((noinline))

/* x is of the coarser input, y of the finer one. */
struct terms {
    struct mcuforge_coarse coarse;
    struct mcuforge_fine fine;
    struct mcuforge_scaling output;
};

/* 5 instructions on Armv7E-M, store included, where TFLite's words take a dozen. */
static inline int8_t finish(int32_t twice, const struct mcuforge_scaling *output)
{
    const int32_t offset = output->offset + (twice >> 31);
    const int32_t value = mcuforge_smmlar(twice, output->multiplier, offset) >> output->right;
    return (int8_t)mcuforge_ssat8(value);
}

static inline int8_t of_both(int32_t x, int32_t y, const struct terms *terms)
{
    const int32_t twice = mcuforge_coarser(x, &terms->coarse);
    return finish(twice + 2 * mcuforge_finer(y, &terms->fine), &terms->output);
}

static OWN_REGISTERS void both_row(const int8_t *x, const int8_t *y, int8_t *out, int32_t n,
                                   const struct terms *given)
{
    const struct terms terms = *given;
    for (; n >= 4; n -= 4) {
        out[0] = of_both(x[0], y[0], &terms);
        out[1] = of_both(x[1], y[1], &terms);
        out[2] = of_both(x[2], y[2], &terms);
        out[3] = of_both(x[3], y[3], &terms);
        x += 4;
        y += 4;
        out += 4;
    }
    for (; n > 0; n--) {
        *out++ = of_both(*x++, *y++, &terms);
    }
}

/* One y for the whole row, a mean say: a constant. */
static OWN_REGISTERS void coarse_row(const int8_t *x, int32_t y, int8_t *out, int32_t n,
                                     const struct terms *given)
{
    const struct mcuforge_scaling output = given->output;
    struct mcuforge_coarse coarse = given->coarse;
    coarse.offset += 2 * mcuforge_finer(y, &given->fine);
    for (; n >= 4; n -= 4) {
        out[0] = finish(mcuforge_coarser(x[0], &coarse), &output);
        out[1] = finish(mcuforge_coarser(x[1], &coarse), &output);
        out[2] = finish(mcuforge_coarser(x[2], &coarse), &output);
        out[3] = finish(mcuforge_coarser(x[3], &coarse), &output);
        x += 4;
        out += 4;
    }
    for (; n > 0; n--) {
        *out++ = finish(mcuforge_coarser(*x++, &coarse), &output);
    }
}

/* One x for the whole row. */
static OWN_REGISTERS void fine_row(int32_t x, const int8_t *y, int8_t *out, int32_t n,
                                   const struct terms *given)
{
    const struct mcuforge_scaling output = given->output;
    const struct mcuforge_fine fine = given->fine;
    const int32_t same = mcuforge_coarser(x, &given->coarse);
    for (; n > 0; n--) {
        *out++ = finish(same + 2 * mcuforge_finer(*y++, &fine), &output);
    }
}

static OWN_REGISTERS int32_t requantize(int32_t x, int32_t multiplier, int32_t shift)
{
    return mcuforge_requantize(x, multiplier, shift);
}

/* A row of any output scale: few models have such, so this is short rather than fast. */
static OWN_REGISTERS void row_of_any_scale(const int8_t *a, const int8_t *b, int8_t *out,
                                           const struct mcuforge_add_params *params)
{
    const int32_t step_a = params->stride_a[MCUFORGE_BROADCAST_ROW];
    const int32_t step_b = params->stride_b[MCUFORGE_BROADCAST_ROW];
    for (int32_t i = 0; i < params->dims[MCUFORGE_BROADCAST_ROW]; i++) {
        const int32_t fine_a = (*a - params->zero_point_a) * (1 << LEFT_SHIFT);
        const int32_t fine_b = (*b - params->zero_point_b) * (1 << LEFT_SHIFT);
        const int32_t sum = requantize(fine_a, params->multiplier_a, params->shift_a) +
                            requantize(fine_b, params->multiplier_b, params->shift_b);
        const int32_t scaled = requantize(sum, params->output_multiplier, params->output_shift);
        *out++ = (int8_t)mcuforge_ssat8(scaled + params->output_zero_point);
        a += step_a;
        b += step_b;
    }
}

static void clamp_row(int8_t *out, const struct mcuforge_add_params *params)
{
    for (int32_t i = 0; i < params->dims[MCUFORGE_BROADCAST_ROW]; i++) {
        out[i] = (int8_t)mcuforge_clamp(out[i], params->act_min, params->act_max);
    }
}

/* Whether `a` is taken for the coarser input: of two that are, one that is no constant of a row. */
static bool is_a_coarse(const struct mcuforge_add_params *params)
{
    const bool a = mcuforge_is_coarse(params->multiplier_a, params->shift_a);
    const bool b = mcuforge_is_coarse(params->multiplier_b, params->shift_b);
    return a && !(b && params->stride_a[MCUFORGE_BROADCAST_ROW] == 0);
}

static struct terms terms_of(const struct mcuforge_add_params *params, bool a_is_coarse)
{
    struct terms terms;
    if (a_is_coarse) {
        terms.coarse = mcuforge_coarse_of(params->zero_point_a, params->multiplier_a, LEFT_SHIFT);
        terms.fine = mcuforge_fine_of(params->zero_point_b, params->multiplier_b, params->shift_b,
                                      LEFT_SHIFT);
    } else {
        terms.coarse = mcuforge_coarse_of(params->zero_point_b, params->multiplier_b, LEFT_SHIFT);
        terms.fine = mcuforge_fine_of(params->zero_point_a, params->multiplier_a, params->shift_a,
                                      LEFT_SHIFT);
    }
    terms.output = mcuforge_scaling_of(params->output_multiplier, params->output_shift,
                                       params->output_zero_point);
    return terms;
}

void mcuforge_add_s8(const int8_t *a, const int8_t *b, int8_t *out,
                     const struct mcuforge_add_params *params)
{
    const int32_t n = params->dims[MCUFORGE_BROADCAST_ROW];
    const bool a_is_coarse = is_a_coarse(params);
    const int32_t *stride_x = a_is_coarse ? params->stride_a : params->stride_b;
    const int32_t *stride_y = a_is_coarse ? params->stride_b : params->stride_a;
    const int8_t *const x = a_is_coarse ? a : b;
    const int8_t *const y = a_is_coarse ? b : a;
    const struct terms terms = terms_of(params, a_is_coarse);
    const bool scaling = params->output_shift < 0 && mcuforge_has_scaling(params->output_shift);
    const bool clamp = params->act_min > INT8_MIN || params->act_max < INT8_MAX;
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_x = x + row.a;
        const int8_t *from_y = y + row.b;
        if (!scaling) {
            row_of_any_scale(a_is_coarse ? from_x : from_y, a_is_coarse ? from_y : from_x, out,
                             params);
        } else if (stride_y[MCUFORGE_BROADCAST_ROW] == 0) {
            coarse_row(from_x, *from_y, out, n, &terms);
        } else if (stride_x[MCUFORGE_BROADCAST_ROW] == 0) {
            fine_row(*from_x, from_y, out, n, &terms);
        } else {
            both_row(from_x, from_y, out, n, &terms);
        }
        if (clamp) {
            clamp_row(out, params);
        }
        out += n;
    } while (mcuforge_next_row(&row, params->dims, stride_x, stride_y));
}
