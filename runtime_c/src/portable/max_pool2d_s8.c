/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/max_pool2d_s8.h"

#include "mcuforge/pipeline/ring.h"
#include "../common/channels.h"
#include "../common/clipped_window.h"
#include "../common/requantize.h"

/* The largest taps of `count` channels. The first tap is `at` elements into `in`. */
static void largest_of_window(const int8_t *in, int32_t at, int32_t rows, int32_t columns,
                              int32_t count, const struct mcuforge_max_pool2d_params *params,
                              int8_t largest[4])
{
    const int32_t channels = params->input[2];
    const int32_t row_size = params->input[1] * channels;
    for (; rows > 0; rows--) {
        mcuforge_raise_to_taps(in + at, columns, channels, count, largest);
        at = mcuforge_ring_step(at, row_size, params->input_ring * row_size);
    }
}

void mcuforge_max_pool2d_s8(const int8_t *in, int8_t *out,
                            const struct mcuforge_max_pool2d_params *params, int32_t first_row,
                            int32_t end_row)
{
    const int32_t in_w = params->input[1];
    const int32_t channels = params->input[2];

    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        const struct mcuforge_clipped_window rows =
            mcuforge_clip_window(y0, params->kernel[0], params->input[0]);
        const int32_t row = mcuforge_ring_row(rows.first, params->input_ring) * in_w;
        int8_t *to =
            out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] * channels;
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x0 = ox * params->stride[1] - params->pad[1];
            const struct mcuforge_clipped_window columns =
                mcuforge_clip_window(x0, params->kernel[1], in_w);
            int32_t at = (row + columns.first) * channels;
            for (const int32_t end = at + channels; at < end;) {
                int8_t largest[4] = {INT8_MIN, INT8_MIN, INT8_MIN, INT8_MIN};
                const int32_t count = mcuforge_channels_at_once(end - at);
                largest_of_window(in, at, rows.count, columns.count, count, params, largest);
                for (int32_t i = 0; i < count; i++) {
                    *to++ = (int8_t)mcuforge_clamp(largest[i], params->act_min, params->act_max);
                }
                at += count;
            }
        }
    }
}
