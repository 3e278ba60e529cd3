/* SPDX-License-Identifier: Apache-2.0 */
#include "mcuforge/average_pool2d_rows_s8.h"

#include "mcuforge/ring.h"
#include "../common/average.h"
#include "../common/clipped_window.h"
#include "../common/requantize.h"
#include "lane_sums.h"

/* Columns of the image under output column `ox`. */
static struct mcuforge_clipped_window columns_of(
    int32_t ox, const struct mcuforge_average_pool2d_params *params)
{
    const int32_t x0 = ox * params->stride[1] - params->pad[1];
    return mcuforge_clip_window(x0, params->kernel[1], params->input[1]);
}

/* Adds `count` pixels, no more than MCUFORGE_LANE_TERMS. */
static void add_pixels(const int8_t *x, int32_t count, int32_t channels, int32_t *sums)
{
    int32_t c = 0;
    for (; c + 4 <= channels; c += 4) {
        mcuforge_add_few_taps(x + c, count, channels, sums + c);
    }
    for (; c < channels; c++) {
        sums[c] += mcuforge_sum_apart(x + c, count, channels);
    }
}

static void add_row(const int8_t *row, const struct mcuforge_average_pool2d_params *params,
                    int32_t *sums)
{
    const int32_t channels = params->input[2];
    for (int32_t ox = 0; ox < params->output[1]; ox++) {
        const struct mcuforge_clipped_window columns = columns_of(ox, params);
        const int8_t *tap = row + columns.first * channels;
        for (int32_t left = columns.count; left > 0; left -= MCUFORGE_LANE_TERMS) {
            add_pixels(tap, left < MCUFORGE_LANE_TERMS ? left : MCUFORGE_LANE_TERMS, channels,
                       sums);
            tap += MCUFORGE_LANE_TERMS * channels;
        }
        sums += channels;
    }
}

static void write_averages(const int32_t *sums, int8_t *out,
                           const struct mcuforge_average_pool2d_params *params)
{
    for (int32_t ox = 0; ox < params->output[1]; ox++) {
        const int32_t count = params->input[0] * columns_of(ox, params).count;
        const uint32_t reciprocal = mcuforge_average_reciprocal(count);
        for (int32_t c = 0; c < params->input[2]; c++) {
            const int32_t average = mcuforge_average(*sums++, count, reciprocal);
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
