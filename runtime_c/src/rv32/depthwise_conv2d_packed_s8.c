/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 3x3 filters slide along a row of the image, one channel at a time. Each value is loaded once for
 * three pixels: about 37 instructions for the 9 products of a pixel. Other filters, and rows whose
 * output overlaps their input, go pixel by pixel: 21 instructions for 4 products.
 */
#include "mcuforge/depthwise_conv2d_packed_s8.h"

#include <stdbool.h>

#include "mcuforge/pipeline/ring.h"
#include "../common/noinline.h"
#include "../common/requantize.h"
#include "rv32.h"

enum { LANES = 4 }; /* channels per block */

/* A row of the output, and the three image rows that its 3x3 windows read. */
struct row {
    const int8_t *x[3]; /* the middle one instead of one beside the image */
    int8_t *out;
    bool top;           /* whether the first row is on the image */
    bool bottom;        /* whether the last one is */
    int32_t full;       /* pixels whose last tap is on the image: all, or all but one */
};

static inline int32_t dot3(int32_t a, int32_t b, int32_t c, int32_t x, int32_t y, int32_t z)
{
    return a * x + b * y + c * z;
}

/* Writes a row, channel after channel. */
static MCUFORGE_NOINLINE void slide(const struct row *row, const int32_t *block, int32_t zero_point,
                                    const struct mcuforge_depthwise_conv2d_packed_params *params)
{
    const struct mcuforge_rv32_output output =
        mcuforge_rv32_output(params->output_zero_point, params->ties_away);
    const struct row of = *row;
    const int32_t step = params->input[2];
    const int32_t stride = params->stride[1];
    const bool padded = params->pad[1] > 0;
    const bool rest = of.full < params->output[1];
    int32_t lane = 0;

    for (int32_t channel = 0; channel < step; channel++) {
        const int8_t *w = (const int8_t *)(block + LANES) + lane;
        const int8_t *x = of.x[0] + channel;
        const int8_t *y = of.x[1] + channel;
        const int8_t *z = of.x[2] + channel;
        int8_t *to = of.out + channel;
        int32_t a0 = w[0], a1 = w[4], a2 = w[8];
        int32_t b0 = w[12], b1 = w[16], b2 = w[20];
        int32_t c0 = w[24], c1 = w[28], c2 = w[32];
        int32_t bias = block[lane];
        const struct mcuforge_rv32_channel end =
            mcuforge_rv32_channel_of(block + LANES + 9, lane, &output);

        if (++lane == LANES) {
            lane = 0;
            block += 2 * LANES + 9 + 1;
        }
        if (!of.top) {
            bias += zero_point * (a0 + a1 + a2);
            a0 = a1 = a2 = 0;
        }
        if (!of.bottom) {
            bias += zero_point * (c0 + c1 + c2);
            c0 = c1 = c2 = 0;
        }
        int32_t sum = bias; /* of the current pixel */
        if (padded) {
            sum += zero_point * (a0 + b0 + c0);
        } else {
            sum += dot3(a0, b0, c0, *x, *y, *z);
            x += step;
            y += step;
            z += step;
        }
        int32_t p = *x, q = *y, r = *z;
        if (stride == 1) {
            int32_t next = bias + dot3(a0, b0, c0, p, q, r);
            sum += dot3(a1, b1, c1, p, q, r);
            for (int32_t i = of.full; i > 0; i--) {
                x += step;
                y += step;
                z += step;
                p = *x;
                q = *y;
                r = *z;
                *to = mcuforge_rv32_finish(sum + dot3(a2, b2, c2, p, q, r), &end);
                to += step;
                sum = next + dot3(a1, b1, c1, p, q, r);
                next = bias + dot3(a0, b0, c0, p, q, r);
            }
        } else {
            for (int32_t i = of.full; i > 0; i--) {
                sum += dot3(a1, b1, c1, *x, *y, *z);
                x += step;
                y += step;
                z += step;
                p = *x;
                q = *y;
                r = *z;
                *to = mcuforge_rv32_finish(sum + dot3(a2, b2, c2, p, q, r), &end);
                to += step;
                sum = bias + dot3(a0, b0, c0, p, q, r);
                x += step;
                y += step;
                z += step;
            }
            if (rest) {
                sum += dot3(a1, b1, c1, *x, *y, *z);
            }
        }
        if (rest) {
            *to = mcuforge_rv32_finish(sum + zero_point * (a2 + b2 + c2), &end);
        }
    }
}

/* Whether a row does not overlap the rows that it is computed from. */
static bool apart(const struct row *row,
                  const struct mcuforge_depthwise_conv2d_packed_params *params)
{
    const uintptr_t out = (uintptr_t)row->out;
    const uintptr_t out_end = out + (uintptr_t)(params->output[1] * params->output[2]);
    const uintptr_t size = (uintptr_t)(params->input[1] * params->input[2]);
    bool is_apart = true;
    for (int32_t i = 0; i < 3; i++) {
        const uintptr_t x = (uintptr_t)row->x[i];
        is_apart = is_apart && (out_end <= x || x + size <= out);
    }
    return is_apart;
}

/* Whether windows are 3x3 and reach at most one row or column beyond the image. */
static bool can_slide(const struct mcuforge_depthwise_conv2d_packed_params *params)
{
    bool can = params->stride[1] <= 2;
    for (int32_t axis = 0; axis < 2; axis++) {
        const int32_t last = (params->output[axis] - 1) * params->stride[axis] - params->pad[axis];
        can = can && params->kernel[axis] == 3 && params->dilation[axis] == 1 &&
              params->pad[axis] <= 1 && last + 2 <= params->input[axis] && params->input[axis] > 1;
    }
    return can;
}

/* Row `oy` of the output, if can_slide() holds. */
static struct row row_of(const int8_t *in, int8_t *out, int32_t oy,
                         const struct mcuforge_depthwise_conv2d_packed_params *params)
{
    const int32_t size = params->input[1] * params->input[2];
    const int32_t middle = oy * params->stride[0] - params->pad[0] + 1;
    const int32_t columns = params->input[1] - 2 + params->pad[1]; /* last ones of windows */
    const int32_t full = params->stride[1] == 1 ? columns : (columns + 1) / 2;
    struct row row = {
        .out = out,
        .top = middle > 0,
        .bottom = middle + 1 < params->input[0],
        .full = full < params->output[1] ? full : params->output[1],
    };
    for (int32_t i = 0; i < 3; i++) {
        const bool inside = i == 1 || (i == 0 ? row.top : row.bottom);
        const int32_t y = inside ? middle - 1 + i : middle;
        row.x[i] = in + mcuforge_ring_row(y, params->input_ring) * size;
    }
    return row;
}

/* Computes the sums of `lanes` channels of a pixel. Their taps are at `taps` plus the channel. */
static void taps_sums(const int8_t *const *taps, int32_t count, int32_t channel, int32_t lanes,
                      const int32_t *block, int32_t *sums)
{
    const int8_t *w = (const int8_t *)(block + LANES);
    if (lanes < LANES) {
        for (int32_t lane = 0; lane < lanes; lane++) {
            int32_t sum = block[lane];
            for (int32_t i = 0; i < count; i++) {
                sum += taps[i][channel + lane] * w[LANES * i + lane];
            }
            sums[lane] = sum;
        }
        return;
    }
    int32_t a = block[0], b = block[1], c = block[2], d = block[3];
    for (int32_t i = 0; i < count; i++) {
        const int8_t *x = taps[i] + channel;
        a += x[0] * w[0];
        b += x[1] * w[1];
        c += x[2] * w[2];
        d += x[3] * w[3];
        w += LANES;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Finds the addresses of the taps of the window whose left edge is column `left`. */
static void find_taps(const int8_t *in, const int8_t *padding, int32_t top, int32_t left,
                      const int8_t **taps,
                      const struct mcuforge_depthwise_conv2d_packed_params *params)
{
    const int32_t channels = params->input[2];
    for (int32_t ky = 0; ky < params->kernel[0]; ky++) {
        const int32_t y = top + ky * params->dilation[0];
        const bool inside = y >= 0 && y < params->input[0];
        const int32_t row =
            inside ? mcuforge_ring_row(y, params->input_ring) * params->input[1] : 0;
        int32_t x = left;
        for (int32_t kx = 0; kx < params->kernel[1]; kx++) {
            *taps++ = inside && x >= 0 && x < params->input[1] ? in + (row + x) * channels
                                                               : padding;
            x += params->dilation[1];
        }
    }
}

void mcuforge_depthwise_conv2d_packed_s8(
    const int8_t *in, const int32_t *weights, const int8_t *padding, int8_t *out,
    const struct mcuforge_depthwise_conv2d_packed_params *params, int32_t first_row,
    int32_t end_row)
{
    const int8_t *taps[MCUFORGE_DEPTHWISE_PACKED_TAPS];
    const int32_t channels = params->output[2];
    const int32_t row_size = params->output[1] * channels;
    const int32_t count = params->kernel[0] * params->kernel[1];
    const int32_t block_size = 2 * LANES + count + 1;
    const bool slides = can_slide(params);
    const struct mcuforge_rv32_output output =
        mcuforge_rv32_output(params->output_zero_point, params->ties_away);

    for (int32_t oy = first_row; oy < end_row; oy++) {
        int8_t *to = out + mcuforge_ring_row(oy, params->output_ring) * row_size;
        bool done = false;
        if (slides) {
            const struct row row = row_of(in, to, oy, params);
            done = apart(&row, params);
            if (done) {
                slide(&row, weights, padding[0], params);
            }
        }
        const int32_t top = oy * params->stride[0] - params->pad[0];
        for (int32_t ox = 0; !done && ox < params->output[1]; ox++) {
            const int32_t *block = weights;
            find_taps(in, padding, top, ox * params->stride[1] - params->pad[1], taps, params);
            for (int32_t channel = 0; channel < channels; channel += LANES) {
                const int32_t lanes = channels - channel < LANES ? channels - channel : LANES;
                int32_t sums[LANES];
                taps_sums(taps, count, channel, lanes, block, sums);
                for (int32_t lane = 0; lane < lanes; lane++) {
                    const struct mcuforge_rv32_channel end =
                        mcuforge_rv32_channel_of(block + LANES + count, lane, &output);
                    to[ox * channels + channel + lane] = mcuforge_rv32_finish(sums[lane], &end);
                }
                block += block_size;
            }
        }
        if (params->act_min > INT8_MIN || params->act_max < INT8_MAX) {
            mcuforge_clamp_row(to, row_size, params->act_min, params->act_max);
        }
    }
}
