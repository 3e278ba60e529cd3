/* SPDX-License-Identifier: Apache-2.0 */
/* Four elements per iteration. Gathers their exps from the table. */
#include "mcuforge/softmax_s8.h"

#include "../common/requantize.h"
#include "../common/row_facts.h"
#include "../common/softmax_row.h"
#include "mve.h"

enum { SUM_INTEGER_BITS = MCUFORGE_SOFTMAX_SUM_INTEGER_BITS, LANES = 4 };

/* exp of four elements, from their distance to the largest. */
static inline uint32x4_t exps_of(int32x4_t below_max, mve_pred16_t p, const uint32_t *exp)
{
    return vldrwq_gather_shifted_offset_z_u32(exp, vreinterpretq_u32_s32(below_max), p);
}

/* The sum of exps, with 19 fraction bits. Up to 4095 times exp(0) fits. */
static uint32_t sum_of_exps(const int8_t *x, int32_t max,
                            const struct mcuforge_softmax_params *params)
{
    const uint32_t *exp = (const uint32_t *)params->exp;
    const int32_t count = params->exp_count;
    const int32x4_t same = vdupq_n_s32(max);
    uint32_t sum = 0;
    int32_t left = params->depth;
    for (; left >= LANES; left -= LANES) {
        const int32x4_t below = vsubq_s32(same, vldrbq_s32(x));
        const uint32x4_t exps = exps_of(below, vcmpltq_n_s32(below, count), exp);
        sum = vaddvaq_u32(sum, vrshrq_n_u32(exps, SUM_INTEGER_BITS));
        x += LANES;
    }
    if (left > 0) {
        const mve_pred16_t p = vctp32q((uint32_t)left);
        const int32x4_t below = vsubq_s32(same, vldrbq_z_s32(x, p));
        const uint32x4_t exps = exps_of(below, vcmpltq_m_n_s32(below, count, p), exp);
        sum = vaddvaq_u32(sum, vrshrq_n_u32(exps, SUM_INTEGER_BITS));
    }
    return sum;
}

static inline int32x4_t shares_of(uint32x4_t exps, uint32x4_t factor, int32_t shift)
{
    const uint32x4_t share = vrshlq_n_u32(vrmulhq_u32(exps, factor), -shift);
    return vaddq_n_s32(vreinterpretq_s32_u32(vminq_u32(share, vdupq_n_u32(UINT8_MAX))), INT8_MIN);
}

static void write_shares(const int8_t *in, int8_t *out, int32_t max,
                         struct mcuforge_softmax_row scale,
                         const struct mcuforge_softmax_params *params)
{
    const uint32_t *exp = (const uint32_t *)params->exp;
    const int32_t count = params->exp_count;
    const int32x4_t same = vdupq_n_s32(max);
    const uint32x4_t factor = vdupq_n_u32(2 * (uint32_t)scale.factor);
    int32_t left = params->depth;
    for (; left >= LANES; left -= LANES) {
        const int32x4_t below = vsubq_s32(same, vldrbq_s32(in));
        const uint32x4_t exps = exps_of(below, vcmpltq_n_s32(below, count), exp);
        vstrbq_s32(out, shares_of(exps, factor, scale.shift));
        in += LANES;
        out += LANES;
    }
    if (left > 0) {
        const mve_pred16_t p = vctp32q((uint32_t)left);
        const int32x4_t below = vsubq_s32(same, vldrbq_z_s32(in, p));
        const uint32x4_t exps = exps_of(below, vcmpltq_m_n_s32(below, count, p), exp);
        vstrbq_p_s32(out, shares_of(exps, factor, scale.shift), p);
    }
}

void mcuforge_softmax_s8(const int8_t *in, int8_t *out,
                         const struct mcuforge_softmax_params *params)
{
    for (int32_t row = 0; row < params->rows; row++) {
        const int32_t max = mcuforge_largest_s8(in, params->depth);
        const struct mcuforge_softmax_row scale =
            mcuforge_softmax_row_of(sum_of_exps(in, max, params));
        write_shares(in, out, max, scale, params);
        in += params->depth;
        out += params->depth;
    }
}
