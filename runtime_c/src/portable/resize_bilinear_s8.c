/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/resize_bilinear_s8.h"

#include "mcuforge/pipeline/ring.h"

/* Rounds v / 2**shift to the nearest, halves away from zero. */
static int8_t rounded(int32_t v, int32_t shift)
{
    const uint32_t half = (uint32_t)1 << (shift - 1);
    if (v > 0) {
        return (int8_t)(((uint32_t)v + half) >> shift);
    }
    return (int8_t)-(int32_t)(((uint32_t)-v + half) >> shift);
}

void mcuforge_resize_bilinear_s8(const int8_t *in, int8_t *out,
                                 const struct mcuforge_resize_bilinear_params *params,
                                 int32_t first_row, int32_t end_row)
{
    const int32_t channels = params->output[2];
    const int32_t in_row = params->input[1] * channels; /* bytes */
    const int32_t out_w = params->output[1];
    const int32_t one = (int32_t)1 << params->bits;
    const int32_t shift = 2 * params->bits;

    for (int32_t y = first_row; y < end_row; y++) {
        const int8_t *const top = in + mcuforge_ring_row(params->row_low[y], params->input_ring) *
                                           in_row;
        const int8_t *const below =
            in + mcuforge_ring_row(params->row_high[y], params->input_ring) * in_row;
        const int32_t down = params->row_weight[y];
        const int32_t up = one - down;
        int8_t *to = out + mcuforge_ring_row(y, params->output_ring) * out_w * channels;
        for (int32_t x = 0; x < out_w; x++) {
            const int32_t left = params->column_low[x] * channels;
            const int32_t right = params->column_high[x] * channels;
            const int32_t second = params->column_weight[x];
            const int32_t first = one - second;
            for (int32_t c = 0; c < channels; c++) {
                const int32_t sum = first * (up * top[left + c] + down * below[left + c]) +
                                    second * (up * top[right + c] + down * below[right + c]);
                *to++ = rounded(sum, shift);
            }
        }
    }
}
