/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes four pixels by four filters at a time: 40 instructions for 16 products. First it gathers
 * the windows of the pixels in scratch, padding included: the loop needs no code for borders.
 */
#include "mcuforge/conv2d_packed_s8.h"

#include <stdbool.h>
#include <string.h>

#include "mcuforge/pipeline/ring.h"
#include "../common/noinline.h"
#include "../common/requantize.h"
#include "rv32.h"

/* In scratch the words of the four pixels alternate; a word has four channels. */
enum { PIXELS = 4, FILTERS = 4, WORD = 4, GROUP = PIXELS * WORD };

/* Where a row of windows is; sizes and steps in elements. */
struct window {
    int32_t top;      /* image row of its first taps; may be outside */
    int32_t at;       /* where that row begins */
    int32_t row_step; /* from one row of taps to the next, within the ring */
    int32_t ring;
    int32_t pieces;   /* runs of neighbours in a row of taps: one, or one per tap */
    int32_t taps;     /* per piece */
    uint32_t padding; /* a word of zero points */
};

/* Appends n elements to a pixel in scratch if `step` is 1, or n zero points if it is 0. */
static MCUFORGE_NOINLINE int8_t *append(int8_t *to, const void *elements, int32_t n, int32_t step)
{
    const int8_t *from = elements;
    while (n > 0) {
        if (((uintptr_t)to & (WORD - 1)) == 0) {
            if (((uintptr_t)from & (WORD - 1)) == 0) {
                for (; n >= WORD; n -= WORD) {
                    memcpy(__builtin_assume_aligned(to, WORD),
                           __builtin_assume_aligned(from, WORD), WORD);
                    to += GROUP;
                    from += WORD * step;
                }
            } else {
                for (; n >= WORD; n -= WORD) {
                    memcpy(to, from, WORD);
                    to += GROUP;
                    from += WORD;
                }
            }
            if (n == 0) {
                break;
            }
        }
        *to++ = *from;
        from += step;
        n--;
        if (((uintptr_t)to & (WORD - 1)) == 0) {
            to += GROUP - WORD;
        }
    }
    return to;
}

/* Gathers the window whose left edge is column `left` of the image. */
static MCUFORGE_NOINLINE void gather(const int8_t *in, int8_t *to, int32_t left,
                                     const struct window *window,
                                     const struct mcuforge_conv2d_packed_params *params)
{
    const int32_t channels = params->input[2];
    const int32_t taps = window->taps;
    int32_t y = window->top;
    int32_t at = window->at;

    for (int32_t ky = 0; ky < params->kernel[0]; ky++) {
        int32_t x = left;
        for (int32_t piece = 0; piece < window->pieces; piece++) {
            int32_t first = x < 0 ? -x : 0; /* taps [first, end) are on the image */
            int32_t end = params->input[1] - x;
            end = end > taps ? taps : end;
            if (first >= end || y < 0 || y >= params->input[0]) {
                first = taps;
                end = taps;
            }
            if (first > 0) {
                to = append(to, &window->padding, first * channels, 0);
            }
            if (first < end) {
                to = append(to, in + at + (x + first) * channels, (end - first) * channels, 1);
            }
            if (end < taps) {
                to = append(to, &window->padding, (taps - end) * channels, 0);
            }
            x += params->dilation[1];
        }
        y += params->dilation[0];
        at = mcuforge_ring_step(at, window->row_step, window->ring);
    }
}

/* Moves `window` to output row `oy`. */
static void enter_row(struct window *window, int32_t oy,
                      const struct mcuforge_conv2d_packed_params *params)
{
    const int32_t row_size = params->input[1] * params->input[2];
    window->top = oy * params->stride[0] - params->pad[0];
    int32_t y = window->top;
    while (y < 0) {
        y += params->input_ring;
    }
    window->at = mcuforge_ring_row(y, params->input_ring) * row_size;
}

/* Computes sums[4 * filter + pixel] for four pixels and four filters. */
static void sums_of_four(const int8_t *x, const int32_t *block, int32_t depth, int32_t *sums)
{
    const int8_t *w = (const int8_t *)(block + FILTERS);
    const int8_t *const end = w + FILTERS * depth;
    int32_t a0 = block[0], a1 = a0, a2 = a0, a3 = a0;
    int32_t b0 = block[1], b1 = b0, b2 = b0, b3 = b0;
    int32_t c0 = block[2], c1 = c0, c2 = c0, c3 = c0;
    int32_t d0 = block[3], d1 = d0, d2 = d0, d3 = d0;
    int32_t x0, x1, x2, x3, w0, w1;
#define CHANNEL(i)                                          \
    MCUFORGE_LOAD_HERE(w0, w + 4 * (i));                    \
    MCUFORGE_LOAD_HERE(x0, x + (i));                        \
    MCUFORGE_LOAD_HERE(x1, x + 4 + (i));                    \
    MCUFORGE_LOAD_HERE(x2, x + 8 + (i));                    \
    MCUFORGE_LOAD_HERE(x3, x + 12 + (i));                   \
    MCUFORGE_LOAD_HERE(w1, w + 4 * (i) + 1);                \
    MCUFORGE_MAC4(a0, a1, a2, a3, x0, x1, x2, x3, w0);      \
    MCUFORGE_LOAD_HERE(w0, w + 4 * (i) + 2);                \
    MCUFORGE_MAC4(b0, b1, b2, b3, x0, x1, x2, x3, w1);      \
    MCUFORGE_LOAD_HERE(w1, w + 4 * (i) + 3);                \
    MCUFORGE_MAC4(c0, c1, c2, c3, x0, x1, x2, x3, w0);      \
    MCUFORGE_MAC4(d0, d1, d2, d3, x0, x1, x2, x3, w1)
    do {
        CHANNEL(0);
        CHANNEL(1);
        CHANNEL(2);
        CHANNEL(3);
        w += FILTERS * WORD;
        x += GROUP;
    } while (w != end);
#undef CHANNEL
    const int32_t of_filters[] = {a0, a1, a2, a3, b0, b1, b2, b3,
                                  c0, c1, c2, c3, d0, d1, d2, d3};
    memcpy(sums, of_filters, sizeof of_filters);
}

/* Computes sums[filter] for one pixel and two blocks: 25 instructions for 8 products. */
static void sums_of_one(const int8_t *x, const int32_t *block, const int32_t *next, int32_t depth,
                        int32_t *sums)
{
    const int8_t *w = (const int8_t *)(block + FILTERS);
    const int8_t *u = (const int8_t *)(next + FILTERS);
    const int8_t *const end = w + FILTERS * depth;
    int32_t s0 = block[0], s1 = block[1], s2 = block[2], s3 = block[3];
    int32_t s4 = next[0], s5 = next[1], s6 = next[2], s7 = next[3];
    int32_t v, w0, w1, w2, w3;
#define CHANNEL(i)                                     \
    MCUFORGE_LOAD_HERE(v, x + (i));                    \
    MCUFORGE_LOAD_HERE(w0, w + 4 * (i));               \
    MCUFORGE_LOAD_HERE(w1, w + 4 * (i) + 1);           \
    MCUFORGE_LOAD_HERE(w2, w + 4 * (i) + 2);           \
    MCUFORGE_LOAD_HERE(w3, w + 4 * (i) + 3);           \
    MCUFORGE_MAC4(s0, s1, s2, s3, w0, w1, w2, w3, v);  \
    MCUFORGE_LOAD_HERE(w0, u + 4 * (i));               \
    MCUFORGE_LOAD_HERE(w1, u + 4 * (i) + 1);           \
    MCUFORGE_LOAD_HERE(w2, u + 4 * (i) + 2);           \
    MCUFORGE_LOAD_HERE(w3, u + 4 * (i) + 3);           \
    MCUFORGE_MAC4(s4, s5, s6, s7, w0, w1, w2, w3, v)
    do {
        CHANNEL(0);
        CHANNEL(1);
        CHANNEL(2);
        CHANNEL(3);
        w += FILTERS * WORD;
        u += FILTERS * WORD;
        x += GROUP;
    } while (w != end);
#undef CHANNEL
    const int32_t of_filters[] = {s0, s1, s2, s3, s4, s5, s6, s7};
    memcpy(sums, of_filters, sizeof of_filters);
}

/* Writes all channels of the four pixels in scratch, the first pixel last. */
static void four_pixels(const int8_t *x, const int32_t *weights, int8_t *const *to,
                        const struct mcuforge_conv2d_packed_params *params)
{
    int8_t *to0 = to[0], *to1 = to[1], *to2 = to[2], *to3 = to[3];
    int32_t sums[PIXELS * FILTERS];
    const struct mcuforge_rv32_output output =
        mcuforge_rv32_output(params->output_zero_point, params->ties_away);
    const int32_t depth = params->depth;
    int32_t left = params->output[2];
    do {
        sums_of_four(x, weights, depth, sums);
        weights += FILTERS + depth;
        const int32_t *sum = sums;
        for (int32_t i = 0; i < FILTERS && left > 0; i++) {
            const struct mcuforge_rv32_channel channel =
                mcuforge_rv32_channel_of(weights, i, &output);
            *to3++ = mcuforge_rv32_finish(sum[3], &channel);
            *to2++ = mcuforge_rv32_finish(sum[2], &channel);
            *to1++ = mcuforge_rv32_finish(sum[1], &channel);
            *to0++ = mcuforge_rv32_finish(sum[0], &channel);
            sum += PIXELS;
            left--;
        }
        weights += FILTERS + 1;
    } while (left > 0);
}

/* Writes all channels of one pixel. */
static void one_pixel(const int8_t *x, const int32_t *weights, int8_t *to,
                      const struct mcuforge_conv2d_packed_params *params)
{
    const struct mcuforge_rv32_output output =
        mcuforge_rv32_output(params->output_zero_point, params->ties_away);
    const int32_t depth = params->depth;
    const int32_t size = 2 * FILTERS + depth + 1; /* words of a block */
    int32_t sums[2 * FILTERS];
    int32_t left = params->output[2];
    do {
        const bool both = left > FILTERS;
        sums_of_one(x, weights, both ? weights + size : weights, depth, sums);
        for (int32_t i = 0; i < 2 * FILTERS && left > 0; i++) {
            const int32_t *block = weights + (i < FILTERS ? 0 : size);
            const struct mcuforge_rv32_channel channel =
                mcuforge_rv32_channel_of(block + FILTERS + depth, i % FILTERS, &output);
            *to++ = mcuforge_rv32_finish(sums[i], &channel);
            left--;
        }
        weights += 2 * size;
    } while (left > 0);
}

void mcuforge_conv2d_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                               const struct mcuforge_conv2d_packed_params *params, void *scratch,
                               int32_t first_row, int32_t end_row)
{
    const int32_t out_w = params->output[1];
    const int32_t row_size = params->input[1] * params->input[2];
    const bool touching = params->dilation[1] == 1;
    struct window window = {
        .row_step = mcuforge_ring_row(params->dilation[0], params->input_ring) * row_size,
        .ring = params->input_ring * row_size,
        .pieces = touching ? 1 : params->kernel[1],
        .taps = touching ? params->kernel[1] : 1,
        .padding = 0x01010101U * (uint8_t)params->input_zero_point,
    };
    int8_t *gathered = scratch;
    int8_t *to[PIXELS];
    int8_t *next = out;
    int32_t oy = first_row;
    int32_t ox = 0;

    while (oy < end_row) {
        int32_t pixels = 0;
        while (pixels < PIXELS && oy < end_row) {
            if (ox == 0) {
                enter_row(&window, oy, params);
                next = out + mcuforge_ring_row(oy, params->output_ring) * out_w *
                                 params->output[2];
            }
            gather(in, gathered + WORD * pixels, ox * params->stride[1] - params->pad[1], &window,
                   params);
            to[pixels++] = next;
            next += params->output[2];
            if (++ox == out_w) {
                ox = 0;
                oy++;
            }
        }
        if (pixels > PIXELS / 2) {
            to[3] = pixels < PIXELS ? to[0] : to[3]; /* the first pixel overwrites it */
            four_pixels(gathered, weights, to, params);
        } else {
            for (int32_t i = 0; i < pixels; i++) {
                one_pixel(gathered + WORD * i, weights, to[i], params);
            }
        }
        if (params->act_min > INT8_MIN || params->act_max < INT8_MAX) {
            for (int32_t i = 0; i < pixels; i++) {
                mcuforge_clamp_row(to[i], params->output[2], params->act_min, params->act_max);
            }
        }
    }
}
