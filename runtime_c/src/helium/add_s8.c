/* SPDX-License-Identifier: Apache-2.0 */
/* Four elements per iteration: 24 instructions, 6 per element. */
#include "mcuforge/add_s8.h"

#include <stdbool.h>

#include "../common/broadcast.h"
#include "../common/fine_scale.h"
#include "../common/noinline.h"
#include "../common/requantize.h"
#include "mve_scale.h"

/* Fraction bits that inputs gain before they are scaled, as in TFLite. */
enum { LEFT_SHIFT = 20, LANES = 4 };

struct side {
    int32_t zero_point;
    int32_t multiplier;
    int32_t shift;
};

/* How an input gets to the common scale. A factor of 1/2 is only a shift. */
struct term {
    int32_t offset;
    int32_t step;
    struct mcuforge_mve_scale scale;
};

static inline struct term term_of(const struct side *side, bool coarse)
{
    const int32_t half = side->multiplier < 0 ? -(1 << (LEFT_SHIFT - 1)) : 1 << (LEFT_SHIFT - 1);
    const struct mcuforge_mve_scale scale = mcuforge_mve_scale_of(side->multiplier, side->shift);
    const struct term term = {-side->zero_point,
                              coarse ? half : (int32_t)(UINT32_C(1) << LEFT_SHIFT << scale.left),
                              scale};
    return term;
}

static inline int32x4_t on_scale(int32x4_t x, const struct term *term, bool coarse)
{
    const int32x4_t shifted = vmulq_n_s32(vaddq_n_s32(x, term->offset), term->step);
    return coarse ? shifted : mcuforge_mve_scaled(shifted, &term->scale);
}

static inline struct mcuforge_mve_output output_of(const struct mcuforge_add_params *params)
{
    const struct mcuforge_mve_output output = {
        mcuforge_mve_scale_of(params->output_multiplier, params->output_shift),
        params->output_zero_point, vdupq_n_s32(params->act_min), vdupq_n_s32(params->act_max)};
    return output;
}

/* Writes a row from two inputs; x is the coarser one if `coarse`. */
static inline __attribute__((always_inline)) void
both(const int8_t *x, const struct side *of_x, bool coarse, const int8_t *y,
     const struct side *of_y, int8_t *out, const struct mcuforge_add_params *params)
{
    const struct mcuforge_mve_output output = output_of(params);
    const struct term term_x = term_of(of_x, coarse);
    const struct term term_y = term_of(of_y, false);
    int32_t n = params->dims[MCUFORGE_BROADCAST_ROW];
    for (; n >= LANES; n -= LANES) {
        const int32x4_t sum = vaddq_s32(on_scale(vldrbq_s32(x), &term_x, coarse),
                                        on_scale(vldrbq_s32(y), &term_y, false));
        vstrbq_s32(out, mcuforge_mve_finish(sum, &output));
        x += LANES;
        y += LANES;
        out += LANES;
    }
    if (n > 0) {
        const mve_pred16_t p = vctp32q((uint32_t)n);
        const int32x4_t sum = vaddq_s32(on_scale(vldrbq_z_s32(x, p), &term_x, coarse),
                                        on_scale(vldrbq_z_s32(y, p), &term_y, false));
        vstrbq_p_s32(out, mcuforge_mve_finish(sum, &output), p);
    }
}

static MCUFORGE_NOINLINE void coarse_row(const int8_t *x, const struct side *of_x, const int8_t *y,
                                         const struct side *of_y, int8_t *out,
                                         const struct mcuforge_add_params *params)
{
    both(x, of_x, true, y, of_y, out, params);
}

static MCUFORGE_NOINLINE void fine_row(const int8_t *x, const struct side *of_x, const int8_t *y,
                                       const struct side *of_y, int8_t *out,
                                       const struct mcuforge_add_params *params)
{
    both(x, of_x, false, y, of_y, out, params);
}

/* Writes a row from x and one y for all of it. */
static MCUFORGE_NOINLINE void single_row(const int8_t *x, const struct side *of_x, int32_t y,
                                         const struct side *of_y, int8_t *out,
                                         const struct mcuforge_add_params *params)
{
    const struct mcuforge_mve_output output = output_of(params);
    const struct term term = term_of(of_x, false);
    const int32_t centred = (y - of_y->zero_point) * (1 << LEFT_SHIFT);
    const int32_t same = mcuforge_requantize(centred, of_y->multiplier, of_y->shift);
    int32_t n = params->dims[MCUFORGE_BROADCAST_ROW];
    for (; n >= LANES; n -= LANES) {
        const int32x4_t sum = vaddq_n_s32(on_scale(vldrbq_s32(x), &term, false), same);
        vstrbq_s32(out, mcuforge_mve_finish(sum, &output));
        x += LANES;
        out += LANES;
    }
    if (n > 0) {
        const mve_pred16_t p = vctp32q((uint32_t)n);
        const int32x4_t sum = vaddq_n_s32(on_scale(vldrbq_z_s32(x, p), &term, false), same);
        vstrbq_p_s32(out, mcuforge_mve_finish(sum, &output), p);
    }
}

void mcuforge_add_s8(const int8_t *a, const int8_t *b, int8_t *out,
                     const struct mcuforge_add_params *params)
{
    const struct side of_a = {params->zero_point_a, params->multiplier_a, params->shift_a};
    const struct side of_b = {params->zero_point_b, params->multiplier_b, params->shift_b};
    const bool coarse_a = mcuforge_is_coarse(of_a.multiplier, of_a.shift);
    const bool coarse_b = mcuforge_is_coarse(of_b.multiplier, of_b.shift);
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_a = a + row.a;
        const int8_t *from_b = b + row.b;
        if (params->stride_b[MCUFORGE_BROADCAST_ROW] == 0) {
            single_row(from_a, &of_a, *from_b, &of_b, out, params);
        } else if (params->stride_a[MCUFORGE_BROADCAST_ROW] == 0) {
            single_row(from_b, &of_b, *from_a, &of_a, out, params);
        } else if (coarse_a) {
            coarse_row(from_a, &of_a, from_b, &of_b, out, params);
        } else if (coarse_b) {
            coarse_row(from_b, &of_b, from_a, &of_a, out, params);
        } else {
            fine_row(from_a, &of_a, from_b, &of_b, out, params);
        }
        out += params->dims[MCUFORGE_BROADCAST_ROW];
    } while (mcuforge_next_row(&row, params->dims, params->stride_a, params->stride_b));
}
