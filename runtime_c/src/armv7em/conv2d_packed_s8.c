/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two pixels of four filters at a time: 12 instructions for 16 products, where a dot product of
 * each takes 20 and more. The pixels' windows are spread into int16 lanes in scratch before, padding
 * included, so that nothing in the loop knows where it is in the image.
 */
#include "mcuforge/conv2d_packed_s8.h"

#include <stdbool.h>
#include <string.h>

#include "mcuforge/dsp.h"
#include "mcuforge/paired_filters.h"
#include "mcuforge/ring.h"
#include "mcuforge/tap_range.h"

enum { PIXELS = 2 };

/* A window on the image; sizes and steps in elements. */
struct window {
    const int8_t *in;
    struct mcuforge_tap_range rows; /* of taps on the image */
    int32_t first_row;              /* where the first of those begins */
    int32_t row_step;
    int32_t ring;
    int32_t kernel[2];
    int32_t dilation;    /* horizontal */
    int32_t width;       /* of the image, in pixels */
    int32_t channels;
    int32_t zero_point;
    int8_t *bytes;       /* where channels do not fill words: a window that is spread afterwards */
    uint32_t *lanes;
};

/* What is done to every pixel. */
struct filters {
    const int32_t *blocks;
    int32_t held;        /* filters of a block: all four or every other */
    int32_t count;
    int32_t depth;
    int32_t odd_zero_point;
};

/* Words of four bytes into two of lanes, (0, 2) and (1, 3), beside those of the other pixel. */
static uint32_t *spread(uint32_t *lanes, const int8_t *from, int32_t n)
{
    for (const int8_t *const end = from + n; from != end; from += 4) {
        const uint32_t word = mcuforge_load_word(from);
        lanes[0] = mcuforge_sxtb16(word);
        lanes[PIXELS] = mcuforge_sxtb16_odd(word);
        lanes += 2 * PIXELS;
    }
    return lanes;
}

/* A few bytes; a last word that is not whole is taken from before its end. */
static void copy(int8_t *to, const int8_t *from, int32_t n)
{
    if (n < 4) {
        for (int32_t i = 0; i < n; i++) {
            to[i] = from[i];
        }
        return;
    }
    for (int32_t i = 0; i < n - 4; i += 4) {
        memcpy(to + i, from + i, 4);
    }
    memcpy(to + n - 4, from + n - 4, 4);
}

static void take(struct window *window, const int8_t *from, int32_t n)
{
    if (window->bytes == NULL) {
        window->lanes = spread(window->lanes, from, n);
        return;
    }
    copy(window->bytes, from, n);
    window->bytes += n;
}

static void pad(struct window *window, int32_t n)
{
    if (window->bytes == NULL) {
        const uint32_t lane = (uint32_t)window->zero_point & 0xffffu;
        for (; n > 0; n -= 2) {
            *window->lanes = lane | lane << 16;
            window->lanes += PIXELS;
        }
        return;
    }
    memset(window->bytes, window->zero_point, (size_t)n);
    window->bytes += n;
}

/* The window whose left taps lie on column x0, to where `window` says. */
static void gather(struct window *window, int32_t x0)
{
    const int32_t taps = window->kernel[1];
    const int32_t channels = window->channels;
    const int32_t run = taps * channels;
    const struct mcuforge_tap_range columns =
        mcuforge_taps_inside(x0, taps, window->dilation, window->width);
    const bool touching = window->dilation == 1;
    const int32_t inside = columns.end - columns.first;
    int32_t at = window->first_row;

    pad(window, window->rows.first * run);
    for (int32_t ky = window->rows.first; ky < window->rows.end; ky++) {
        const int8_t *x = window->in + at + (x0 + columns.first * window->dilation) * channels;
        pad(window, columns.first * channels);
        if (touching) {
            take(window, x, inside * channels);
        } else {
            for (int32_t i = 0; i < inside; i++) {
                take(window, x + i * window->dilation * channels, channels);
            }
        }
        pad(window, (taps - columns.end) * channels);
        at = mcuforge_ring_step(at, window->row_step, window->ring);
    }
    pad(window, (window->kernel[0] - window->rows.end) * run);
}

#if defined(__ARM_FEATURE_DSP) && defined(__thumb__)

/* Two values of two pixels by four filters; words of weights are used up in place. */
#define VALUES                                                                                 \
    "ldrd %[x0], %[x1], [%[x]], #8\n\t"                                                        \
    "ldrd %[w0], %[w1], [%[w]], #8\n\t"                                                        \
    "smlad %[s0], %[x0], %[w0], %[s0]\n\t"                                                     \
    "smlad %[s4], %[x1], %[w0], %[s4]\n\t"                                                     \
    "smlad %[s2], %[x0], %[w1], %[s2]\n\t"                                                     \
    "smlad %[s6], %[x1], %[w1], %[s6]\n\t"                                                     \
    "sxtb16 %[w0], %[w0]\n\t"                                                                  \
    "sxtb16 %[w1], %[w1]\n\t"                                                                  \
    "smlad %[s1], %[x0], %[w0], %[s1]\n\t"                                                     \
    "smlad %[s5], %[x1], %[w0], %[s5]\n\t"                                                     \
    "smlad %[s3], %[x0], %[w1], %[s3]\n\t"                                                     \
    "smlad %[s7], %[x1], %[w1], %[s7]\n\t"

enum { VALUES_BYTES = 12 * 4, TURN_VALUES = 16 };

/*
 * Sums of a block, whose end is returned. All 14 registers are taken, so where the loop ends is
 * asked from memory, once for 16 values; it is entered where as many are left as there are.
 */
static inline __attribute__((always_inline)) const int32_t *
sum_two(const uint32_t *x, const int32_t *w, int32_t depth, int32_t sums[PIXELS][4])
{
    const uint32_t *const end = x + depth;
    const int32_t skipped = -depth & (TURN_VALUES - 1);
    const int32_t entry = skipped / 2 * VALUES_BYTES;
    uint32_t x0, x1, w0, w1;
    __asm__("ldr %[w0], %[entry]\n\t"
            "ldrd %[s0], %[s1], [%[w]], #8\n\t"
            "ldrd %[s2], %[s3], [%[w]], #8\n\t"
            "mov %[s4], %[s0]\n\t"
            "mov %[s5], %[s1]\n\t"
            "mov %[s6], %[s2]\n\t"
            "mov %[s7], %[s3]\n\t"
            "add pc, %[w0]\n\t"
            "nop\n" /* pc is four bytes ahead */
            "1:\n\t" VALUES VALUES VALUES VALUES VALUES VALUES VALUES VALUES
            "ldr %[w0], %[end]\n\t"
            "cmp %[x], %[w0]\n\t"
            "bne 1b"
            : [s0] "=&r"(sums[0][0]), [s1] "=&r"(sums[0][1]), [s2] "=&r"(sums[0][2]),
              [s3] "=&r"(sums[0][3]), [s4] "=&r"(sums[1][0]), [s5] "=&r"(sums[1][1]),
              [s6] "=&r"(sums[1][2]), [s7] "=&r"(sums[1][3]), [x0] "=&r"(x0), [x1] "=&r"(x1),
              [w0] "=&r"(w0), [w1] "=&r"(w1), [x] "+r"(x), [w] "+r"(w)
            : [entry] "m"(entry), [end] "m"(end)
            : "cc", "memory");
    return w;
}

#else

static inline const int32_t *sum_two(const uint32_t *x, const int32_t *w, int32_t depth,
                                     int32_t sums[PIXELS][4])
{
    memcpy(sums[0], w, sizeof sums[0]);
    memcpy(sums[1], w, sizeof sums[1]);
    w += 4;
    for (; depth > 0; depth -= 2) {
        for (int32_t pair = 0; pair < 2; pair++) {
            const uint32_t word = (uint32_t)*w++;
            for (int32_t i = 0; i < PIXELS; i++) {
                int32_t *const s = sums[i] + 2 * pair;
                s[0] = mcuforge_smlad(x[i], word, s[0]);
                s[1] = mcuforge_smlad(x[i], mcuforge_sxtb16(word), s[1]);
            }
        }
        x += PIXELS;
    }
    return w;
}

#endif

static __attribute__((noinline)) const int32_t *
two_pixels(const uint32_t *lanes, const struct filters *filters, const int32_t *w, int32_t blocks,
           int8_t *const *to)
{
    int8_t *out[PIXELS] = {to[0], to[1]};
    for (; blocks > 0; blocks--) {
        int32_t sums[PIXELS][4];
        w = sum_two(lanes, w, filters->depth, sums);
        const struct mcuforge_block_end *const end = (const void *)w;
        mcuforge_end_block(end, filters->odd_zero_point, PIXELS, sums, out);
        out[0] += MCUFORGE_BLOCK_FILTERS;
        out[1] += MCUFORGE_BLOCK_FILTERS;
        w = (const int32_t *)(end + 1);
    }
    return w;
}

/* The last pixel of an odd number of them: 15 instructions for 16 products. */
static __attribute__((noinline)) const int32_t *
one_pixel(const uint32_t *lanes, const struct filters *filters, const int32_t *w, int32_t blocks,
          int8_t *const *to)
{
    int8_t *out = to[0];
    for (; blocks > 0; blocks--) {
        int32_t sums[1][4] = {{w[0], w[1], w[2], w[3]}};
        const uint32_t *x = lanes;
        const uint32_t *const x_end = lanes + PIXELS * filters->depth / 2;
        w += 4;
        for (; x != x_end; x += 2 * PIXELS) {
            for (int32_t half = 0; half < 2; half++) {
                const uint32_t word = x[half * PIXELS];
                const uint32_t w0 = (uint32_t)w[2 * half];
                const uint32_t w1 = (uint32_t)w[2 * half + 1];
                sums[0][0] = mcuforge_smlad(word, w0, sums[0][0]);
                sums[0][1] = mcuforge_smlad(word, mcuforge_sxtb16(w0), sums[0][1]);
                sums[0][2] = mcuforge_smlad(word, w1, sums[0][2]);
                sums[0][3] = mcuforge_smlad(word, mcuforge_sxtb16(w1), sums[0][3]);
            }
            w += 4;
        }
        const struct mcuforge_block_end *const end = (const void *)w;
        mcuforge_end_block(end, filters->odd_zero_point, 1, sums, &out);
        out += MCUFORGE_BLOCK_FILTERS;
        w = (const int32_t *)(end + 1);
    }
    return w;
}

static const int32_t *some_pixels(int32_t pixels, const uint32_t *lanes,
                                  const struct filters *filters, const int32_t *w, int32_t blocks,
                                  int8_t *const *to)
{
    return pixels == PIXELS ? two_pixels(lanes, filters, w, blocks, to)
                            : one_pixel(lanes, filters, w, blocks, to);
}

/* All outputs of the pixels at hand; those of a block that is not whole by way of a spare one. */
static void all_filters(int32_t pixels, const uint32_t *lanes, const struct filters *filters,
                        int8_t *const *out)
{
    const int32_t *w = filters->blocks;
    int32_t done = 0;
    if (filters->held == MCUFORGE_BLOCK_FILTERS) {
        const int32_t blocks = filters->count / MCUFORGE_BLOCK_FILTERS;
        w = some_pixels(pixels, lanes, filters, w, blocks, out);
        done = blocks * MCUFORGE_BLOCK_FILTERS;
    }
    while (done < filters->count) {
        int8_t spare[PIXELS][MCUFORGE_BLOCK_FILTERS];
        int8_t *const to[PIXELS] = {spare[0], spare[1]};
        const int32_t left = filters->count - done;
        const int32_t taken = left < filters->held ? left : filters->held;
        w = some_pixels(pixels, lanes, filters, w, 1, to);
        for (int32_t i = 0; i < pixels; i++) {
            mcuforge_take(spare[i], out[i] + done, taken, MCUFORGE_BLOCK_FILTERS / filters->held);
        }
        done += taken;
    }
}

void mcuforge_conv2d_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                               const struct mcuforge_conv2d_packed_params *params, void *scratch,
                               int32_t first_row, int32_t end_row)
{
    uint32_t *const lanes = scratch;
    const int32_t row = params->input[1] * params->input[2];
    const int32_t co = params->output[2];
    const struct filters filters = {weights + 1, weights[0], co, params->depth,
                                    2 * params->output_zero_point + 1};
    int8_t *const bytes =
        params->input[2] % 4 == 0 ? NULL : (int8_t *)(lanes + PIXELS * params->depth / 2);
    struct window window = {
        .in = in,
        .row_step = params->dilation[0] * row,
        .ring = params->input_ring * row,
        .kernel = {params->kernel[0], params->kernel[1]},
        .dilation = params->dilation[1],
        .width = params->input[1],
        .channels = params->input[2],
        .zero_point = params->input_zero_point,
    };
    const bool clamped = params->act_min > INT8_MIN || params->act_max < INT8_MAX;
    int8_t *to[PIXELS];
    int32_t held = 0;

    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        window.rows = mcuforge_taps_inside(y0, params->kernel[0], params->dilation[0],
                                           params->input[0]);
        const int32_t y = y0 + window.rows.first * params->dilation[0];
        window.first_row = mcuforge_ring_row(y, params->input_ring) * row;
        int8_t *pixel = out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] * co;
        int32_t x0 = -params->pad[1];
        for (int32_t ox = 0; ox < params->output[1]; ox++) {
            window.lanes = lanes + held;
            window.bytes = bytes;
            gather(&window, x0);
            if (bytes != NULL) {
                spread(lanes + held, bytes, params->depth);
            }
            to[held++] = pixel;
            const bool last = oy + 1 == end_row && ox + 1 == params->output[1];
            if (held == PIXELS || last) {
                all_filters(held, lanes, &filters, to);
                for (int32_t i = 0; clamped && i < held; i++) {
                    mcuforge_clamp_all(to[i], co, params->act_min, params->act_max);
                }
                held = 0;
            }
            x0 += params->stride[1];
            pixel += co;
        }
    }
}
