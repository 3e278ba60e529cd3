/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/average_pool2d_s8.h"

#include <stdbool.h>

#include "mcuforge/pipeline/ring.h"
#include "../common/average.h"
#include "../common/channels.h"
#include "../common/clipped_window.h"
#include "../common/requantize.h"

/* The sums of `count` channels. The first tap is `at` elements into `in`. */
static void sums_of_window(const int8_t *in, int32_t at, int32_t rows, int32_t columns,
                           int32_t count, const struct mcuforge_average_pool2d_params *params,
                           int32_t sums[4])
{
    const int32_t channels = params->input[2];
    const int32_t row_size = params->input[1] * channels;
    for (; rows > 0; rows--) {
        mcuforge_add_taps(in + at, columns, channels, count, sums);
        at = mcuforge_ring_step(at, row_size, params->input_ring * row_size);
    }
}

void mcuforge_average_pool2d_s8(const int8_t *in, int8_t *out,
                                const struct mcuforge_average_pool2d_params *params,
                                int32_t first_row, int32_t end_row)
{
    const int32_t in_w = params->input[1];
    const int32_t channels = params->input[2];
    const uint32_t to_even = (uint32_t)params->to_even;

    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        const struct mcuforge_clipped_window rows =
            mcuforge_clip_window(y0, params->kernel[0], params->input[0]);
        const int32_t row = mcuforge_ring_row(rows.first, params->input_ring);
        int8_t *to =
            out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] * channels;
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x0 = ox * params->stride[1] - params->pad[1];
            const struct mcuforge_clipped_window columns =
                mcuforge_clip_window(x0, params->kernel[1], in_w);
            const int32_t taps = rows.count * columns.count;
            const bool one_run = columns.count == in_w && row + rows.count <= params->input_ring;
            const uint32_t reciprocal = mcuforge_average_reciprocal(taps);
            const int32_t zeros = taps * params->zero_point;
            int32_t at = (row * in_w + columns.first) * channels;
            for (const int32_t end = at + channels; at < end;) {
                int32_t sums[4] = {0, 0, 0, 0};
                const int32_t count = mcuforge_channels_at_once(end - at);
                sums_of_window(in, at, one_run ? 1 : rows.count, one_run ? taps : columns.count,
                               count, params, sums);
                for (int32_t i = 0; i < count; i++) {
                    const int32_t average = params->zero_point +
                        mcuforge_average(sums[i] - zeros, taps, reciprocal, to_even);
                    *to++ = (int8_t)mcuforge_clamp(average, params->act_min, params->act_max);
                }
                at += count;
            }
        }
    }
}
