/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/max_pool2d_s8.h"

#include "mcuforge/ring.h"
#include "../common/clipped_window.h"
#include "../common/requantize.h"

/* The largest of (rows, columns) taps of one channel; the top left is `at` elements into `in`. */
static int32_t largest(const int8_t *in, int32_t at, int32_t rows, int32_t columns,
                       const struct mcuforge_max_pool2d_params *params)
{
    const int32_t channels = params->input[2];
    const int32_t row_size = params->input[1] * channels;
    int32_t max = INT8_MIN;
    for (int32_t y = 0; y < rows; y++) {
        const int8_t *tap = in + at;
        for (int32_t i = 0; i < columns; i++) {
            max = *tap > max ? *tap : max;
            tap += channels;
        }
        at = mcuforge_ring_step(at, row_size, params->input_ring * row_size);
    }
    return max;
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
            const int32_t at = (row + columns.first) * channels;
            for (int32_t c = 0; c < channels; c++) {
                const int32_t max = largest(in, at + c, rows.count, columns.count, params);
                *to++ = (int8_t)mcuforge_clamp(max, params->act_min, params->act_max);
            }
        }
    }
}
