/* SPDX-License-Identifier: Apache-2.0 */
/* Computes eight filters at a time: 25 instructions for 8 products. */
#include "mcuforge/fully_connected_packed_s8.h"

#include "../common/requantize.h"
#include "rv32.h"

enum { FILTERS = 8, WORD = 4 };

/* Computes sums[filter] of eight filters. Their biases are before their weights. */
static void sums_of_eight(const int8_t *x, const int32_t *block, int32_t n, int32_t *sums)
{
    const int8_t *w = (const int8_t *)(block + FILTERS);
    int32_t a = block[0], b = block[1], c = block[2], d = block[3];
    int32_t e = block[4], f = block[5], g = block[6], h = block[7];
    int32_t v, w0, w1, w2, w3;
#define VALUE(i)                                    \
    MCUFORGE_LOAD_HERE(v, x + (i));                 \
    MCUFORGE_LOAD_HERE(w0, w + 8 * (i));            \
    MCUFORGE_LOAD_HERE(w1, w + 8 * (i) + 1);        \
    MCUFORGE_LOAD_HERE(w2, w + 8 * (i) + 2);        \
    MCUFORGE_LOAD_HERE(w3, w + 8 * (i) + 3);        \
    MCUFORGE_MAC4(a, b, c, d, w0, w1, w2, w3, v);   \
    MCUFORGE_LOAD_HERE(w0, w + 8 * (i) + 4);        \
    MCUFORGE_LOAD_HERE(w1, w + 8 * (i) + 5);        \
    MCUFORGE_LOAD_HERE(w2, w + 8 * (i) + 6);        \
    MCUFORGE_LOAD_HERE(w3, w + 8 * (i) + 7);        \
    MCUFORGE_MAC4(e, f, g, h, w0, w1, w2, w3, v)
    for (; n >= WORD; n -= WORD) {
        VALUE(0);
        VALUE(1);
        VALUE(2);
        VALUE(3);
        x += WORD;
        w += FILTERS * WORD;
    }
    for (; n > 0; n--) {
        VALUE(0);
        x++;
        w += FILTERS;
    }
#undef VALUE
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
    sums[4] = e;
    sums[5] = f;
    sums[6] = g;
    sums[7] = h;
}

static int32_t sum_of_one(const int8_t *x, const int32_t *block, int32_t n)
{
    const int8_t *w = (const int8_t *)(block + 1);
    int32_t sum = block[0];
    for (int32_t i = 0; i < n; i++) {
        sum += x[i] * w[i];
    }
    return sum;
}

void mcuforge_fully_connected_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                                        const struct mcuforge_fully_connected_packed_params *params)
{
    const struct mcuforge_rv32_output output =
        mcuforge_rv32_output(params->output_zero_point, params->ties_away);
    int32_t left = params->out_features;
    while (left > 0) { /* the last filters, fewer than eight, are packed one by one */
        const int32_t filters = left < FILTERS ? 1 : FILTERS;
        int32_t sums[FILTERS];
        if (filters == FILTERS) {
            sums_of_eight(in, weights, params->in_features, sums);
        } else {
            sums[0] = sum_of_one(in, weights, params->in_features);
        }
        weights += filters + filters * params->depth / WORD;
        const int8_t *shifts = (const int8_t *)(weights + filters);
        for (int32_t i = 0; i < filters; i++) {
            const struct mcuforge_rv32_channel channel =
                mcuforge_rv32_channel(weights[i], shifts[i], &output);
            const int32_t value = mcuforge_rv32_finish(sums[i], &channel);
            *out++ = (int8_t)mcuforge_clamp(value, params->act_min, params->act_max);
        }
        weights += filters + (filters + WORD - 1) / WORD;
        left -= filters;
    }
}
