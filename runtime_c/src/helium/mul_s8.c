/* SPDX-License-Identifier: Apache-2.0 */
/* Four elements per iteration: 16 instructions, 4 per element. */
#include "mcuforge/mul_s8.h"

#include "../common/broadcast.h"
#include "../common/noinline.h"
#include "mve_scale.h"

enum { LANES = 4 };

static inline struct mcuforge_mve_output output_of(const struct mcuforge_mul_params *params)
{
    const struct mcuforge_mve_output output = {
        mcuforge_mve_scale_of(params->multiplier, params->shift), params->output_zero_point,
        vdupq_n_s32(params->act_min), vdupq_n_s32(params->act_max)};
    return output;
}

static MCUFORGE_NOINLINE void both_row(const int8_t *a, const int8_t *b, int8_t *out,
                                       const struct mcuforge_mul_params *params)
{
    const struct mcuforge_mve_output output = output_of(params);
    const int32_t less_a = -params->zero_point_a;
    const int32_t less_b = -params->zero_point_b;
    int32_t n = params->dims[MCUFORGE_BROADCAST_ROW];
    for (; n >= LANES; n -= LANES) {
        const int32x4_t x = vaddq_n_s32(vldrbq_s32(a), less_a);
        const int32x4_t y = vaddq_n_s32(vldrbq_s32(b), less_b);
        vstrbq_s32(out, mcuforge_mve_finish(vmulq_s32(x, y), &output));
        a += LANES;
        b += LANES;
        out += LANES;
    }
    if (n > 0) {
        const mve_pred16_t p = vctp32q((uint32_t)n);
        const int32x4_t x = vaddq_n_s32(vldrbq_z_s32(a, p), less_a);
        const int32x4_t y = vaddq_n_s32(vldrbq_z_s32(b, p), less_b);
        vstrbq_p_s32(out, mcuforge_mve_finish(vmulq_s32(x, y), &output), p);
    }
}

/* One factor for the whole row, without its zero point. */
static MCUFORGE_NOINLINE void single_row(const int8_t *x, int32_t zero_point, int32_t factor,
                                         int8_t *out, const struct mcuforge_mul_params *params)
{
    const struct mcuforge_mve_output output = output_of(params);
    int32_t n = params->dims[MCUFORGE_BROADCAST_ROW];
    for (; n >= LANES; n -= LANES) {
        const int32x4_t centred = vaddq_n_s32(vldrbq_s32(x), -zero_point);
        vstrbq_s32(out, mcuforge_mve_finish(vmulq_n_s32(centred, factor), &output));
        x += LANES;
        out += LANES;
    }
    if (n > 0) {
        const mve_pred16_t p = vctp32q((uint32_t)n);
        const int32x4_t centred = vaddq_n_s32(vldrbq_z_s32(x, p), -zero_point);
        vstrbq_p_s32(out, mcuforge_mve_finish(vmulq_n_s32(centred, factor), &output), p);
    }
}

void mcuforge_mul_s8(const int8_t *a, const int8_t *b, int8_t *out,
                     const struct mcuforge_mul_params *params)
{
    struct mcuforge_broadcast_row row = {{0}, 0, 0};
    do {
        const int8_t *from_a = a + row.a;
        const int8_t *from_b = b + row.b;
        if (params->stride_b[MCUFORGE_BROADCAST_ROW] == 0) {
            const int32_t factor = *from_b - params->zero_point_b;
            single_row(from_a, params->zero_point_a, factor, out, params);
        } else if (params->stride_a[MCUFORGE_BROADCAST_ROW] == 0) {
            const int32_t factor = *from_a - params->zero_point_a;
            single_row(from_b, params->zero_point_b, factor, out, params);
        } else {
            both_row(from_a, from_b, out, params);
        }
        out += params->dims[MCUFORGE_BROADCAST_ROW];
    } while (mcuforge_next_row(&row, params->dims, params->stride_a, params->stride_b));
}
