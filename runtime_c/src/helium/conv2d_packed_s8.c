/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows become rows in `scratch`, two at a time, across the ends of output rows; padding and
 * distance between taps are gone then. Four filters a turn: 16 instructions for 128 products.
 */
#include "mcuforge/conv2d_packed_s8.h"

#include <stdbool.h>

#include "mcuforge/mve_sums.h"
#include "mcuforge/ring.h"
#include "mcuforge/tap_range.h"

enum { FILTERS = 4 };

/* A row of taps some of which are padding, or which are apart; `from` is that of the first. */
static void gather_odd_row(int8_t *to, const int8_t *from, struct mcuforge_tap_range columns,
                           const struct mcuforge_conv2d_packed_params *params)
{
    const int32_t channels = params->input[2];
    const int32_t step = params->dilation[1] * channels;
    mcuforge_mve_fill(to, params->input_zero_point, params->kernel[1] * channels);
    for (int32_t column = columns.first; column < columns.end; column++) {
        mcuforge_mve_copy(to + column * channels, from + column * step, channels);
    }
}

/* The window that begins at (y, x) of the image into `to`. */
static void gather(int8_t *to, const int8_t *in, int32_t y, int32_t x,
                   const struct mcuforge_conv2d_packed_params *params)
{
    const int32_t channels = params->input[2];
    const int32_t size = params->kernel[1] * channels;
    const int32_t row_size = params->input[1] * channels;
    const int32_t ring = params->input_ring;
    const int32_t end = y + params->kernel[0] * params->dilation[0];
    const struct mcuforge_tap_range columns =
        mcuforge_taps_inside(x, params->kernel[1], params->dilation[1], params->input[1]);
    const bool whole =
        params->dilation[1] == 1 && columns.end - columns.first == params->kernel[1];
    const int8_t *const column = in + x * channels;
    for (; y < end; y += params->dilation[0]) {
        if (y < 0 || y >= params->input[0]) {
            mcuforge_mve_fill(to, params->input_zero_point, size);
        } else if (whole) {
            mcuforge_mve_copy(to, column + mcuforge_ring_row(y, ring) * row_size, size);
        } else {
            gather_odd_row(to, column + mcuforge_ring_row(y, ring) * row_size, columns, params);
        }
        to += size;
    }
}

/* How accumulators end; copied out of the params, which a store of bytes might change. */
struct ending {
    int32x4_t low;
    int32x4_t high;
    int32_t zero_point;
};

static inline struct ending ending_of(const struct mcuforge_conv2d_packed_params *params)
{
    const struct ending ending = {vdupq_n_s32(params->act_min), vdupq_n_s32(params->act_max),
                                  params->output_zero_point};
    return ending;
}

static inline int32x4_t end(int32x4_t sums, int32x4_t multiplier, int32x4_t shift,
                            const struct ending *ending)
{
    const int32x4_t scaled = mcuforge_mve_requantise(sums, multiplier, shift);
    const int32x4_t moved = vaddq_n_s32(scaled, ending->zero_point);
    return vminq_s32(vmaxq_s32(moved, ending->low), ending->high);
}

/* A lane a filter; the last group may have fewer than four. */
static inline void store(int8_t *out, int32x4_t values, int32_t filters)
{
    if (filters >= FILTERS) {
        vstrbq_s32(out, values);
    } else {
        vstrbq_p_s32(out, values, vctp32q((uint32_t)filters));
    }
}

static void one_pixel(const int8_t *x, const int32_t *weights, int8_t *out,
                      const struct mcuforge_conv2d_packed_params *params)
{
    const struct ending ending = ending_of(params);
    const int32_t depth = params->depth;
    for (int32_t left = params->output[2]; left > 0; left -= FILTERS) {
        int32x4_t sums;
        weights = mcuforge_mve_sums(weights, x, depth, &sums);
        const int32x4_t multiplier = vldrwq_s32(weights);
        const int32x4_t shift = vldrwq_s32(weights + FILTERS);
        store(out, end(sums, multiplier, shift, &ending), left);
        weights += 2 * FILTERS;
        out += FILTERS;
    }
}

static void two_pixels(const int8_t *x, const int32_t *weights, int8_t *const out[2],
                       const struct mcuforge_conv2d_packed_params *params)
{
    const struct ending ending = ending_of(params);
    const int32_t depth = params->depth;
    int8_t *first_out = out[0];
    int8_t *second_out = out[1];
    for (int32_t left = params->output[2]; left > 0; left -= FILTERS) {
        int32x4_t first;
        int32x4_t second;
        weights = mcuforge_mve_sums_of_two(weights, x, depth, &first, &second);
        const int32x4_t multiplier = vldrwq_s32(weights);
        const int32x4_t shift = vldrwq_s32(weights + FILTERS);
        store(first_out, end(first, multiplier, shift, &ending), left);
        store(second_out, end(second, multiplier, shift, &ending), left);
        weights += 2 * FILTERS;
        first_out += FILTERS;
        second_out += FILTERS;
    }
}

void mcuforge_conv2d_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                               const struct mcuforge_conv2d_packed_params *params, void *scratch,
                               int32_t first_row, int32_t end_row)
{
    int8_t *const windows = scratch; /* (2, depth) */
    int8_t *to[2] = {out, out};
    int32_t waiting = 0;
    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y = oy * params->stride[0] - params->pad[0];
        int8_t *pixel = out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] *
                                  params->output[2];
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            const int32_t x = ox * params->stride[1] - params->pad[1];
            gather(windows + waiting * params->depth, in, y, x, params);
            to[waiting] = pixel;
            pixel += params->output[2];
            waiting++;
            if (waiting == 2) {
                two_pixels(windows, weights, to, params);
                waiting = 0;
            }
        }
    }
    if (waiting == 1) {
        one_pixel(windows, weights, to[0], params);
    }
}
