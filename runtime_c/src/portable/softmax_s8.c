/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/softmax_s8.h"

#include "mcuforge/reciprocal.h"
#include "mcuforge/requantise.h"

enum { SUM_INTEGER_BITS = 12, OUTPUT_BITS = 8, MAX_SHIFT = 31 };

/* Every output of a row is exp * factor / 2^(31 + shift), less 128. */
struct row_scale {
    int32_t factor;
    int32_t shift;
};

static int32_t largest(const int8_t *x, int32_t n)
{
    int32_t max = x[0];
    for (int32_t i = 1; i < n; i++) {
        max = x[i] > max ? x[i] : max;
    }
    return max;
}

static int32_t exp_of(int32_t below_max, const struct mcuforge_softmax_params *params)
{
    return below_max < params->exp_count ? params->exp[below_max] : 0;
}

/* The sum of exps with 19 fraction bits; up to 4095 ones fit. */
static uint32_t sum_of_exps(const int8_t *x, int32_t max,
                            const struct mcuforge_softmax_params *params)
{
    const uint32_t half = UINT32_C(1) << (SUM_INTEGER_BITS - 1);
    uint32_t sum = 0;
    for (int32_t i = 0; i < params->depth; i++) {
        sum += ((uint32_t)exp_of(max - x[i], params) + half) >> SUM_INTEGER_BITS;
    }
    return sum;
}

static struct row_scale one_over(uint32_t sum)
{
    int32_t leading_zeros = 0;
    while ((sum >> 31) == 0) {
        sum <<= 1;
        leading_zeros++;
    }
    const int32_t fraction = (int32_t)(sum - (UINT32_C(1) << 31));
    const int32_t shift = SUM_INTEGER_BITS - leading_zeros + MAX_SHIFT - OUTPUT_BITS;
    struct row_scale scale = {mcuforge_one_over_one_plus(fraction), shift};
    if (shift > MAX_SHIFT) {
        scale.factor = 0; /* from 512 equal largest values on each is below half a step */
        scale.shift = 0;
    }
    return scale;
}

void mcuforge_softmax_s8(const int8_t *in, int8_t *out,
                         const struct mcuforge_softmax_params *params)
{
    for (int32_t row = 0; row < params->rows; row++) {
        const int32_t max = largest(in, params->depth);
        const struct row_scale scale = one_over(sum_of_exps(in, max, params));
        for (int32_t i = 0; i < params->depth; i++) {
            const int32_t product = mcuforge_high_mul(scale.factor, exp_of(max - in[i], params));
            const int32_t value = mcuforge_shift_right(product, scale.shift) + INT8_MIN;
            out[i] = (int8_t)mcuforge_clamp(value, INT8_MIN, INT8_MAX);
        }
        in += params->depth;
        out += params->depth;
    }
}
