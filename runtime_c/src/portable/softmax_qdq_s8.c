/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/softmax_qdq_s8.h"

#include "../common/fours.h"
#include "../common/reciprocal.h"
#include "../common/requantize.h"
#include "../common/row_facts.h"

enum { EXP_BITS = 30, MAX_FRACTION = 22 };

/* Outputs of a row are (exp * factor / 2^32 + offset) / 2^fraction. The offset has the zero point
 * and half a step. */
struct row_scale {
    int32_t factor;
    int32_t offset;
    int32_t fraction;
};

/* Two exps fit 32 bits: only pairs of them are added in 64 bits. */
static uint64_t sum_of_exps(const int8_t *x, int32_t max, const int32_t *exp, int32_t n)
{
    uint64_t sum = 0;
    for (; n >= 4; n -= 4) {
        sum += (uint32_t)exp[max - x[0]] + (uint32_t)exp[max - x[1]];
        sum += (uint32_t)exp[max - x[2]] + (uint32_t)exp[max - x[3]];
        x += 4;
    }
    for (; n > 0; n--) {
        sum += (uint32_t)exp[max - *x++];
    }
    return sum;
}

static struct row_scale one_over(uint64_t sum, const struct mcuforge_softmax_qdq_params *params)
{
    int32_t bits = EXP_BITS; /* of the sum, minus 1: it has at least exp(0) */
    sum <<= 1;
    while (sum >> 32 != 0) {
        sum >>= 1;
        bits++;
    }
    const int32_t above_one = (int32_t)((uint32_t)sum - (UINT32_C(1) << 31));
    const int32_t reciprocal = mcuforge_one_over_one_plus(above_one);
    struct row_scale scale;
    scale.factor = mcuforge_high_mul(reciprocal, params->multiplier);
    scale.fraction = bits - 1 - params->shift;
    if (scale.fraction > MAX_FRACTION) {
        scale.factor >>= scale.fraction - MAX_FRACTION;
        scale.fraction = MAX_FRACTION;
    }
    scale.offset = (2 * params->zero_point + 1) * (INT32_C(1) << (scale.fraction - 1));
    return scale;
}

/* No output is below the zero point: only the upper end needs a clamp. */
static inline int8_t share(int32_t exp, const struct row_scale *scale)
{
    const int32_t part = (int32_t)(((int64_t)exp * scale->factor) >> 32);
    return (int8_t)mcuforge_ssat8((part + scale->offset) >> scale->fraction);
}

static void write_shares(const int8_t *in, const int32_t *exp, int8_t *out, int32_t n, int32_t max,
                         struct row_scale scale)
{
    MCUFORGE_IN_FOURS(i, n, out[i] = share(exp[max - in[i]], &scale));
}

void mcuforge_softmax_qdq_s8(const int8_t *in, const int32_t *exp, int8_t *out,
                             const struct mcuforge_softmax_qdq_params *params)
{
    const int32_t depth = params->depth;
    for (int32_t row = 0; row < params->rows; row++) {
        const int32_t max = mcuforge_largest_s8(in, depth);
        const struct row_scale scale = one_over(sum_of_exps(in, max, exp, depth), params);
        write_shares(in, exp, out, depth, max, scale);
        in += depth;
        out += depth;
    }
}
