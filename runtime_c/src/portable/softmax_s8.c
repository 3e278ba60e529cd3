/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/softmax_s8.h"

#include "../common/fours.h"
#include "../common/requantize.h"
#include "../common/row_facts.h"
#include "../common/softmax_row.h"

enum { SUM_INTEGER_BITS = MCUFORGE_SOFTMAX_SUM_INTEGER_BITS };

static inline uint32_t exp_of(int32_t below_max, const int32_t *exp, int32_t count)
{
    return below_max < count ? (uint32_t)exp[below_max] : 0;
}

/* The sum of exps, with 19 fraction bits. Up to 4095 times exp(0) fits. */
static uint32_t sum_of_exps(const int8_t *x, int32_t max,
                            const struct mcuforge_softmax_params *params)
{
    const uint32_t half = UINT32_C(1) << (SUM_INTEGER_BITS - 1);
    const int32_t *exp = params->exp;
    const int32_t count = params->exp_count;
    uint32_t sum = 0;
    MCUFORGE_IN_FOURS(i, params->depth,
                      sum += (exp_of(max - x[i], exp, count) + half) >> SUM_INTEGER_BITS);
    return sum;
}

/* The rounded high word of exp * twice_factor, then half a step and the shift. 10 instructions on
 * Armv7E-M with load and store. */
static inline int8_t share(uint32_t exp, uint32_t twice_factor, uint32_t half, int32_t shift)
{
    const uint64_t product = (uint64_t)exp * twice_factor;
    const uint32_t rounded = (uint32_t)(product >> 32) + ((uint32_t)product >> 31);
    return (int8_t)mcuforge_ssat8((int32_t)((rounded + half) >> shift) + INT8_MIN);
}

static void write_shares(const int8_t *in, int8_t *out, int32_t max,
                         struct mcuforge_softmax_row scale,
                         const struct mcuforge_softmax_params *params)
{
    const int32_t *exp = params->exp;
    const int32_t count = params->exp_count;
    const uint32_t factor = 2 * (uint32_t)scale.factor;
    const uint32_t half = (UINT32_C(1) << scale.shift) >> 1;
    MCUFORGE_IN_FOURS(i, params->depth,
                      out[i] = share(exp_of(max - in[i], exp, count), factor, half, scale.shift));
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
