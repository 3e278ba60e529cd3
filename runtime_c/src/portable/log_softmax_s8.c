/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/log_softmax_s8.h"

#include "../common/reciprocal.h"
#include "../common/requantize.h"
#include "../common/row_facts.h"

enum { SUM_INTEGER_BITS = 12, LOG_BITS = 26 };

/* With 31 fraction bits: log(2), sqrt(1/2), its root, and the terms of the rational function. */
enum {
    LOG_2 = 1488522236,
    ROOT_HALF = 1518500250,
    ROOT_ROOT_HALF = 1805811301,
    ALPHA_N = 117049297,
    ALPHA_D = 127690142,
    ALPHA_I = 1057819769,
    ALPHA_F = 638450708
};

static int32_t leading_zeros(int32_t x)
{
    int32_t zeros = 1; /* x is positive */
    for (uint32_t bits = (uint32_t)x; bits < UINT32_C(1) << 30; bits <<= 1) {
        zeros++;
    }
    return zeros;
}

/* log(x) with 26 fraction bits for x >= 1 with 19, as TFLite's fixed-point reference has it. */
static int32_t fixed_log(int32_t x)
{
    const int32_t quarter = (int32_t)1 << (LOG_BITS - 2);
    const int32_t zeros = leading_zeros(x);
    const int32_t normal = (int32_t)((uint32_t)x << (zeros - 1));
    const int32_t first =
        mcuforge_saturating_shift_left(mcuforge_high_mul(normal, ROOT_HALF), 1);
    const int32_t power = (SUM_INTEGER_BITS - zeros) * ((int32_t)1 << LOG_BITS) + quarter;
    const int32_t headroom = leading_zeros(mcuforge_high_mul(x, ROOT_HALF)) - 1;
    const int32_t second = mcuforge_saturating_shift_left(x, headroom);
    const int32_t other = (SUM_INTEGER_BITS - headroom) * ((int32_t)1 << LOG_BITS) - quarter;
    const int32_t r = first < second ? first : second;
    const int32_t exponent = power > other ? power : other;
    const int32_t p = (int32_t)(((int64_t)r + ROOT_ROOT_HALF + 1) / 2);
    const int32_t q = 2 * (r - ROOT_ROOT_HALF);
    const int32_t square = mcuforge_high_mul(q, q);
    const int32_t above = mcuforge_high_mul(q, r) +
                          mcuforge_high_mul(mcuforge_high_mul(q, square), ALPHA_N);
    const int32_t inner = ALPHA_I + q + mcuforge_high_mul(ALPHA_D, square);
    const int32_t below = mcuforge_high_mul(p, inner) + mcuforge_high_mul(ALPHA_F, q);
    return mcuforge_high_mul(exponent, LOG_2) +
           mcuforge_high_mul(mcuforge_shift_right(above, 5), mcuforge_one_over_one_plus(below));
}

void mcuforge_log_softmax_s8(const int8_t *in, int8_t *out,
                             const struct mcuforge_log_softmax_params *params)
{
    for (int32_t row = 0; row < params->rows; row++) {
        const int32_t max = mcuforge_largest_s8(in, params->depth);
        int32_t sum = 0;
        for (int32_t i = 0; i < params->depth; i++) {
            sum += params->exp[max - in[i]];
        }
        const int32_t log =
            mcuforge_requantize(fixed_log(sum), params->multiplier, params->shift);
        for (int32_t i = 0; i < params->depth; i++) {
            const int32_t steps =
                mcuforge_shift_right(params->difference[max - in[i]] - log, params->bits);
            out[i] = (int8_t)mcuforge_clamp(steps + params->output_zero_point, INT8_MIN, INT8_MAX);
        }
        in += params->depth;
        out += params->depth;
    }
}
