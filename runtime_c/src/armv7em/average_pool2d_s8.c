/* SPDX-License-Identifier: Apache-2.0 */
/* Four channels at a time; rows that a window takes whole lie behind each other and are one run. */
#include "mcuforge/average_pool2d_s8.h"

#include "mcuforge/ring.h"
#include "../common/average.h"
#include "../common/clipped_window.h"
#include "../common/requantize.h"
#include "lane_sums.h"

/* The taps of a channel. */
struct window {
    int32_t at;      /* the first one, elements into the input */
    int32_t rows;
    int32_t columns;
    int32_t first;   /* where its first row stands in the ring */
};

/* Sums of `count` neighbouring channels, one or four. */
static inline void sum_window(const int8_t *in, const struct window *window, int32_t count,
                              const struct mcuforge_average_pool2d_params *params,
                              int32_t sums[4])
{
    const int32_t channels = params->input[2];
    const int32_t row_size = params->input[1] * channels;
    const int32_t whole = window->columns == params->input[1];
    int32_t at = window->at;
    int32_t left = window->rows;
    int32_t to_end = params->input_ring - window->first; /* rows to the ring's end */
    while (left > 0) {
        const int32_t together = left < to_end ? left : to_end;
        const int32_t rows = whole ? together : 1;
        if (count == 4) {
            mcuforge_add_taps(in + at, rows * window->columns, channels, sums);
        } else {
            sums[0] += mcuforge_sum_apart(in + at, rows * window->columns, channels);
        }
        at += rows * row_size;
        to_end -= rows;
        if (to_end == 0) {
            at -= params->input_ring * row_size;
            to_end = params->input_ring;
        }
        left -= rows;
    }
}

void mcuforge_average_pool2d_s8(const int8_t *in, int8_t *out,
                                const struct mcuforge_average_pool2d_params *params,
                                int32_t first_row, int32_t end_row)
{
    const int32_t in_w = params->input[1];
    const int32_t channels = params->input[2];

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
            const uint32_t reciprocal = mcuforge_average_reciprocal(taps);
            struct window window = {(row * in_w + columns.first) * channels, rows.count,
                                    columns.count, row};
            for (int32_t c = 0; c < channels;) {
                int32_t sums[4] = {0, 0, 0, 0};
                const int32_t count = channels - c >= 4 ? 4 : 1;
                if (count == 4) {
                    sum_window(in, &window, 4, params, sums);
                } else {
                    sum_window(in, &window, 1, params, sums);
                }
                for (int32_t n = 0; n < count; n++) {
                    const int32_t average = mcuforge_average(sums[n], taps, reciprocal);
                    *to++ = (int8_t)mcuforge_clamp(average, params->act_min, params->act_max);
                }
                c += count;
                window.at += count;
            }
        }
    }
}
