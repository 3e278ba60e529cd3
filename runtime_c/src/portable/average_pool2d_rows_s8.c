/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/average_pool2d_rows_s8.h"

#include "mcuforge/pipeline/ring.h"
#include "../common/average.h"
#include "../common/channels.h"
#include "../common/clipped_window.h"
#include "../common/requantize.h"

/* The image columns of output column `ox`. */
static struct mcuforge_clipped_window columns_of(
    int32_t ox, const struct mcuforge_average_pool2d_params *params)
{
    const int32_t x0 = ox * params->stride[1] - params->pad[1];
    return mcuforge_clip_window(x0, params->kernel[1], params->input[1]);
}

static void add_row(const int8_t *row, const struct mcuforge_average_pool2d_params *params,
                    int32_t *sums)
{
    const int32_t channels = params->input[2];
    for (int32_t ox = 0; ox < params->output[1]; ox++) {
        const struct mcuforge_clipped_window columns = columns_of(ox, params);
        const int8_t *tap = row + columns.first * channels;
        for (int32_t left = channels; left > 0;) {
            const int32_t count = mcuforge_channels_at_once(left);
            mcuforge_add_taps(tap, columns.count, channels, count, sums);
            tap += count;
            sums += count;
            left -= count;
        }
    }
}

static void write_averages(const int32_t *sums, int8_t *out,
                           const struct mcuforge_average_pool2d_params *params)
{
    for (int32_t ox = 0; ox < params->output[1]; ox++) {
        const int32_t count = params->input[0] * columns_of(ox, params).count;
        const uint32_t reciprocal = mcuforge_average_reciprocal(count);
        const int32_t zeros = count * params->zero_point;
        for (int32_t c = 0; c < params->input[2]; c++) {
            const int32_t average = params->zero_point +
                mcuforge_average(*sums++ - zeros, count, reciprocal, (uint32_t)params->to_even);
            *out++ = (int8_t)mcuforge_clamp(average, params->act_min, params->act_max);
        }
    }
}

void mcuforge_average_pool2d_rows_s8(const int8_t *in, int8_t *out,
                                     const struct mcuforge_average_pool2d_params *params,
                                     void *scratch, int32_t first_row, int32_t end_row)
{
    const int32_t row_size = params->input[1] * params->input[2];
    const int32_t outputs = params->output[1] * params->input[2];
    int32_t *const sums = scratch;

    if (first_row == 0) {
        for (int32_t i = 0; i < outputs; i++) {
            sums[i] = 0;
        }
    }
    for (int32_t y = first_row; y < end_row; y++) {
        add_row(in + mcuforge_ring_row(y, params->input_ring) * row_size, params, sums);
    }
    if (end_row == params->input[0]) {
        write_averages(sums, out, params);
    }
}
