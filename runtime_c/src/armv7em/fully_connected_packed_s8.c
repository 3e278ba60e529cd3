/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes four filters at a time: 16 instructions for 16 products. Dot products of bytes would
 * take at least 24.
 */
#include "mcuforge/fully_connected_packed_s8.h"

#include <stdbool.h>

#include "../common/dsp.h"
#include "../common/requantize.h"
#include "paired_filters.h"

void mcuforge_fully_connected_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                                        const struct mcuforge_fully_connected_packed_params *params)
{
    const int32_t count = params->out_features;
    const int32_t held = mcuforge_held(weights[0]);
    const struct mcuforge_rounding rounding =
        mcuforge_rounding_of(weights[0], params->output_zero_point);
    const int32_t words = params->in_features / 4;
    const int32_t left = params->in_features % 4;
    int8_t rest[4] = {0}; /* the last word would reach behind the buffer */
    for (int32_t i = 0; i < left; i++) {
        rest[i] = in[4 * words + i];
    }

    const int32_t *w = weights + 1;
    for (int32_t done = 0; done < count; done += held) {
        int32_t sums[] = {w[0], w[1], w[2], w[3]};
        w += MCUFORGE_BLOCK_FILTERS;
        if (words > 0) {
            w = mcuforge_sum_bytes(in, words, w, sums);
        }
        if (left > 0) {
            const uint32_t word = mcuforge_load_word(rest);
            mcuforge_add_products(sums, mcuforge_sxtb16(word), w);
            mcuforge_add_products(sums, mcuforge_sxtb16_odd(word), w + 2);
            w += 4;
        }
        int8_t block[MCUFORGE_BLOCK_FILTERS];
        const int32_t room = count - done;
        const bool whole = room >= MCUFORGE_BLOCK_FILTERS && held == MCUFORGE_BLOCK_FILTERS;
        w = mcuforge_end_block(w, rounding, sums, whole ? out + done : block);
        if (!whole) {
            mcuforge_take(block, out + done, room < held ? room : held, held);
        }
    }
    if (params->act_min > INT8_MIN || params->act_max < INT8_MAX) {
        mcuforge_clamp_row(out, count, params->act_min, params->act_max);
    }
}
