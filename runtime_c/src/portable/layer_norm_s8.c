/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/layer_norm_s8.h"

#include "../common/fours.h"
#include "../common/inverse_sqrt.h"
#include "../common/requantize.h"
#include "../common/row_facts.h"

/* Normalized values are (x * step + offset) * factor / 2^32. The sum fits 32 bits even if the
 * product wraps. */
struct row_scale {
    uint32_t step;
    uint32_t offset;
    int32_t factor;
};

static int32_t high_word(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b) >> 32);
}

static struct row_scale scale_of(const int8_t *x, const struct mcuforge_layer_norm_params *params)
{
    const int32_t n = params->depth;
    const struct mcuforge_row_sums sums = mcuforge_row_sums_s8(x, n);
    int32_t sum = sums.sum;
    struct row_scale scale = {0, 0, 0};
    int64_t variance = (int64_t)n * sums.squares; /* times n * n */
    if (params->about_zero) {
        const int64_t zero = params->zero_point;
        variance += n * (n * zero - 2 * sum) * zero;
        sum = n * params->zero_point;
    } else {
        variance -= (int64_t)sum * sum;
    }
    if (variance == 0) {
        return scale; /* every value is the mean */
    }
    uint64_t total = (uint64_t)variance << params->variance_shift;
    total += (uint64_t)(uint32_t)params->epsilon << params->epsilon_shift;
    int32_t shift = params->fraction + params->variance_shift / 2 - 30;
    while (total >> 62 == 0) {
        total <<= 2;
        shift++;
    }
    scale.factor = mcuforge_inverse_sqrt((uint32_t)(total >> 32));
    if (shift < 0) { /* epsilon outweighs the variance: values and their errors are small */
        scale.factor >>= -shift;
        shift = 0;
    }
    scale.step = (uint32_t)n << shift;
    scale.offset = 0U - ((uint32_t)sum << shift);
    return scale;
}

static inline int8_t normalized(int32_t x, int32_t gamma, int32_t beta,
                                const struct row_scale *scale, int32_t output_shift)
{
    const int32_t centred = (int32_t)((uint32_t)x * scale->step + scale->offset);
    const int32_t normal = high_word(centred, scale->factor);
    return (int8_t)mcuforge_ssat8((high_word(normal, gamma) + beta) >> output_shift);
}

static void normalize(const int8_t *in, const int32_t *gamma, const int32_t *beta, int8_t *out,
                      int32_t n, struct row_scale scale, int32_t shift)
{
    MCUFORGE_IN_FOURS(i, n, out[i] = normalized(in[i], gamma[i], beta[i], &scale, shift));
}

static void normalize_with(const int8_t *in, int32_t gamma, int32_t beta, int8_t *out, int32_t n,
                           struct row_scale scale, int32_t shift)
{
    MCUFORGE_IN_FOURS(i, n, out[i] = normalized(in[i], gamma, beta, &scale, shift));
}

void mcuforge_layer_norm_s8(const int8_t *in, const int32_t *gamma, const int32_t *beta,
                            int8_t *out, const struct mcuforge_layer_norm_params *params)
{
    const int32_t depth = params->depth;
    for (int32_t row = 0; row < params->rows; row++) {
        const struct row_scale scale = scale_of(in, params);
        if (params->block == 0) {
            normalize(in, gamma, beta, out, depth, scale, params->output_shift);
        }
        for (int32_t i = 0; params->block != 0 && i < depth; i += params->block) {
            normalize_with(in + i, *gamma++, *beta++, out + i, params->block, scale,
                           params->output_shift);
        }
        in += depth;
        out += depth;
    }
}
