/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four filters at a time: 16 instructions for 16 products, three of them for spreading four inputs
 * into int16 lanes, where a dot product of each takes 24 and more.
 */
#include "mcuforge/fully_connected_packed_s8.h"

#include <stdbool.h>

#include "mcuforge/dsp.h"
#include "mcuforge/paired_filters.h"

/* Four inputs by two pairs of filters. */
static inline const int32_t *add_word(uint32_t x, const int32_t *w, int32_t sums[4])
{
    const uint32_t odd = mcuforge_sxtb16_odd(x);
    mcuforge_add_products(sums, mcuforge_sxtb16(x), (uint32_t)w[0], (uint32_t)w[1]);
    mcuforge_add_products(sums, odd, (uint32_t)w[2], (uint32_t)w[3]);
    return w + 4;
}

void mcuforge_fully_connected_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                                        const struct mcuforge_fully_connected_packed_params *params)
{
    const int32_t count = params->out_features;
    const int32_t held = weights[0];
    const int32_t odd_zero_point = 2 * params->output_zero_point + 1;
    const int8_t *const words_end = in + (params->in_features & ~3);
    uint32_t rest = 0; /* read byte by byte: a word would end beyond the buffer */
    for (int32_t i = params->in_features & 3; i > 0; i--) {
        rest = rest << 8 | (uint8_t)words_end[i - 1];
    }

    const int32_t *w = weights + 1;
    for (int32_t done = 0; done < count; done += held) {
        int32_t sums[] = {w[0], w[1], w[2], w[3]};
        w += 4;
        for (const int8_t *x = in; x != words_end; x += 4) {
            w = add_word(mcuforge_load_word(x), w, sums);
        }
        if (params->depth > params->in_features) {
            w = add_word(rest, w, sums);
        }
        const struct mcuforge_block_end *const end = (const void *)w;
        w = (const int32_t *)(end + 1);
        int8_t block[MCUFORGE_BLOCK_FILTERS];
        const bool whole = held == MCUFORGE_BLOCK_FILTERS && count - done >= held;
        int8_t *const to = whole ? out + done : block;
        mcuforge_end_block(end, odd_zero_point, sums, to);
        if (!whole) {
            const int32_t left = count - done < held ? count - done : held;
            mcuforge_take(block, out + done, left, held);
        }
    }
    if (params->act_min > INT8_MIN || params->act_max < INT8_MAX) {
        mcuforge_clamp_all(out, count, params->act_min, params->act_max);
    }
}
