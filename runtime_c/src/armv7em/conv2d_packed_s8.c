/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes two pixels by four filters at a time: 12 instructions for 16 products. Dot products of
 * bytes would take at least 20. First it spreads the windows of the pixels into int16 lanes in
 * scratch, padding included, so that the inner loop needs no code for borders.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("omit-frame-pointer") /* two_pixels() needs its register */
#endif

#include "mcuforge/conv2d_packed_s8.h"

#include <stdbool.h>

#include "../common/noinline.h"
#include "../common/requantize.h"
#include "gathered_windows.h"
#include "paired_filters.h"

enum { PIXELS = MCUFORGE_GATHERED_PIXELS };

/* The filters, and the spread pixels they multiply. */
struct filters {
    const struct mcuforge_conv2d_packed_params *params;
    const uint32_t *lanes;
    const int32_t *blocks;
    int32_t held; /* filters per block: all four or every second one */
    struct mcuforge_rounding rounding;
    bool clamped;
};

/* Only GCC can spare all registers for this assembly, and only if it optimizes. */
#if MCUFORGE_HAS_DSP && defined(__OPTIMIZE__) && !defined(__clang__)

/* Two values of two pixels by four filters. Sign extension overwrites the weights. */
#define VALUES                             \
    "ldrd %[x0], %[x1], [%[x]], #8\n\t"    \
    "ldrd %[w0], %[w1], [%[w]], #8\n\t"    \
    "smlad %[s0], %[x0], %[w0], %[s0]\n\t" \
    "smlad %[s4], %[x1], %[w0], %[s4]\n\t" \
    "smlad %[s2], %[x0], %[w1], %[s2]\n\t" \
    "smlad %[s6], %[x1], %[w1], %[s6]\n\t" \
    "sxtb16 %[w0], %[w0]\n\t"              \
    "sxtb16 %[w1], %[w1]\n\t"              \
    "smlad %[s1], %[x0], %[w0], %[s1]\n\t" \
    "smlad %[s5], %[x1], %[w0], %[s5]\n\t" \
    "smlad %[s3], %[x0], %[w1], %[s3]\n\t" \
    "smlad %[s7], %[x1], %[w1], %[s7]\n\t"

enum { VALUES_BYTES = 12 * 4, TURN_VALUES = 16 };

/* mcuforge_ending(). x0 is the multiplier, w0 the shift, w1 the offset, x is free. */
#define ENDING(sum, twice)                                \
    "add %[x], %[w1], %[" sum "], asr #31\n\t"            \
    twice "\n\t"                                          \
    "smmlar %[" sum "], %[" sum "], %[x0], %[x]\n\t"      \
    "asr %[" sum "], %[" sum "], %[w0]\n\t"               \
    "ssat %[" sum "], #8, %[" sum "], asr #1\n\t"

/* x1 is the odd zero point. */
#define FILTER                   \
    "ldr %[x0], [%[w]], #4\n\t"  \
    "lsl %[w1], %[x1], %[w0]\n\t"

/* Outputs of filters a and b of two pixels: `both` are sums of 256 * b + a, `low` of a. */
#define PAIR(both0, low0, both1, low1)                                     \
    "sub %[" both0 "], %[" both0 "], %[" low0 "]\n\t"                      \
    "sub %[" both1 "], %[" both1 "], %[" low1 "]\n\t"                      \
    FILTER                                                                 \
    ENDING(low0, "lsl %[" low0 "], %[" low0 "], #1")                       \
    ENDING(low1, "lsl %[" low1 "], %[" low1 "], #1")                       \
    "lsr %[w0], %[w0], #8\n\t"                                             \
    FILTER                                                                 \
    ENDING(both0, "asr %[" both0 "], %[" both0 "], #7")                    \
    ENDING(both1, "asr %[" both1 "], %[" both1 "], #7")

/* mcuforge_ending_once(). x0 is the multiplier, x1 the odd zero point. */
#define ENDING_ONCE(sum, twice)                           \
    twice "\n\t"                                          \
    "smmla %[" sum "], %[" sum "], %[x0], %[x1]\n\t"      \
    "ssat %[" sum "], #8, %[" sum "], asr #1\n\t"

#define PAIR_ONCE(both0, low0, both1, low1)                                \
    "sub %[" both0 "], %[" both0 "], %[" low0 "]\n\t"                      \
    "sub %[" both1 "], %[" both1 "], %[" low1 "]\n\t"                      \
    "ldr %[x0], [%[w]], #4\n\t"                                            \
    ENDING_ONCE(low0, "lsl %[" low0 "], %[" low0 "], #1")                  \
    ENDING_ONCE(low1, "lsl %[" low1 "], %[" low1 "], #1")                  \
    "ldr %[x0], [%[w]], #4\n\t"                                            \
    ENDING_ONCE(both0, "asr %[" both0 "], %[" both0 "], #7")               \
    ENDING_ONCE(both1, "asr %[" both1 "], %[" both1 "], #7")

#define STORE(pixel, a, b, c, d)            \
    "strb %[" a "], [%[" pixel "]], #1\n\t" \
    "strb %[" b "], [%[" pixel "]], #1\n\t" \
    "strb %[" c "], [%[" pixel "]], #1\n\t" \
    "strb %[" d "], [%[" pixel "]], #1\n\t"

/*
 * Writes the outputs of some blocks and returns the block behind them. The loop uses all 14
 * registers, so it loads its end from memory, once per 16 values, and a jump into it skips what is
 * too many in the first iteration. The rest of a block takes 84 instructions, or 60 if it rounds
 * once.
 */
static MCUFORGE_NOINLINE const int32_t *two_pixels(const struct filters *filters, const int32_t *w,
                                                   int32_t blocks, int8_t *const *to)
{
    const uint32_t *const lanes = filters->lanes;
    const int32_t depth = filters->params->depth;
    const uint32_t *const end = lanes + depth;
    const int32_t entry = (-depth & (TURN_VALUES - 1)) / 2 * VALUES_BYTES;
    const int32_t odd_zero_point = filters->rounding.odd_zero_point;
    const int32_t once = filters->rounding.rounds == MCUFORGE_ONCE;
    int8_t *out[PIXELS] = {to[0], to[1]};
    for (; blocks > 0; blocks--) {
        const uint32_t *x = lanes;
        uint32_t x0, x1, w0, w1;
        int32_t s0, s1, s2, s3, s4, s5, s6, s7;
        __asm__ volatile(
            "ldr %[w0], %[entry]\n\t"
            "ldrd %[s0], %[s1], [%[w]], #8\n\t"
            "ldrd %[s2], %[s3], [%[w]], #8\n\t"
            "mov %[s4], %[s0]\n\t"
            "mov %[s5], %[s1]\n\t"
            "mov %[s6], %[s2]\n\t"
            "mov %[s7], %[s3]\n\t"
            "add pc, %[w0]\n\t"
            "nop\n" /* pc reads as four bytes ahead */
            "1:\n\t" VALUES VALUES VALUES VALUES VALUES VALUES VALUES VALUES
            "ldr %[w0], %[end]\n\t"
            "cmp %[x], %[w0]\n\t"
            "bne 1b\n\t"
            "ldr %[w1], %[once]\n\t"
            "ldr %[x1], %[odd_zero_point]\n\t"
            "cmp %[w1], #0\n\t"
            "ldr %[w0], [%[w]], #4\n\t"
            "bne 2f\n\t"
            PAIR("s0", "s1", "s4", "s5")
            "lsr %[w0], %[w0], #8\n\t"
            PAIR("s2", "s3", "s6", "s7")
            "b 3f\n"
            "2:\n\t"
            PAIR_ONCE("s0", "s1", "s4", "s5")
            PAIR_ONCE("s2", "s3", "s6", "s7")
            "3:\n\t"
            "ldrd %[x0], %[x1], %[out]\n\t"
            STORE("x0", "s1", "s0", "s3", "s2")
            STORE("x1", "s5", "s4", "s7", "s6")
            "strd %[x0], %[x1], %[out]\n\t"
            : [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3), [s4] "=&r"(s4),
              [s5] "=&r"(s5), [s6] "=&r"(s6), [s7] "=&r"(s7), [x0] "=&r"(x0), [x1] "=&r"(x1),
              [w0] "=&r"(w0), [w1] "=&r"(w1), [x] "+r"(x), [w] "+r"(w), [out] "+m"(out)
            : [entry] "m"(entry), [end] "m"(end), [odd_zero_point] "m"(odd_zero_point),
              [once] "m"(once)
            : "cc", "memory");
    }
    return w;
}

#else

static const int32_t *two_pixels(const struct filters *filters, const int32_t *w, int32_t blocks,
                                 int8_t *const *to)
{
    for (int32_t block = 0; block < blocks; block++) {
        const int32_t *const first = w;
        for (int32_t i = 0; i < PIXELS; i++) {
            int32_t sums[] = {first[0], first[1], first[2], first[3]};
            w = first + 4;
            for (int32_t value = 0; value < filters->params->depth; value += 2) {
                mcuforge_add_products(sums, filters->lanes[value + i], w);
                w += 2;
            }
            w = mcuforge_end_block(w, filters->rounding, sums,
                                   to[i] + block * MCUFORGE_BLOCK_FILTERS);
        }
    }
    return w;
}

#endif

/*
 * Writes the outputs of one pixel: of the last one if their number is odd, and of each in layers
 * whose channels round differently, for which two_pixels() has no ending.
 */
static MCUFORGE_NOINLINE const int32_t *one_pixel(const struct filters *filters, int32_t pixel,
                                                  const int32_t *w, int32_t blocks, int8_t *out)
{
    for (; blocks > 0; blocks--) {
        int32_t sums[] = {w[0], w[1], w[2], w[3]};
        const uint32_t *const lanes = filters->lanes + pixel;
        w = mcuforge_sum_lanes(lanes, filters->params->depth / 4, w + 4, sums);
        w = mcuforge_end_block(w, filters->rounding, sums, out);
        out += MCUFORGE_BLOCK_FILTERS;
    }
    return w;
}

static const int32_t *some_blocks(const struct filters *filters, const int32_t *w, int32_t blocks,
                                  int32_t pixels, int8_t *const *to)
{
    if (pixels == PIXELS && filters->rounding.rounds != MCUFORGE_MIXED) {
        return two_pixels(filters, w, blocks, to);
    }
    const int32_t *end = w;
    for (int32_t i = 0; i < pixels; i++) {
        end = one_pixel(filters, i, w, blocks, to[i]);
    }
    return end;
}

/* Writes all outputs of the gathered pixels. A block that is not whole goes to `spare` first. */
static MCUFORGE_NOINLINE void all_filters(const struct filters *filters, int32_t pixels,
                                          int8_t *const *out)
{
    const struct mcuforge_conv2d_packed_params *const params = filters->params;
    const int32_t count = params->output[2];
    const int32_t *w = filters->blocks;
    int32_t done = 0;
    if (filters->held == MCUFORGE_BLOCK_FILTERS) {
        done = count & ~(MCUFORGE_BLOCK_FILTERS - 1);
        w = some_blocks(filters, w, done / MCUFORGE_BLOCK_FILTERS, pixels, out);
    }
    while (done < count) {
        int8_t spare[PIXELS][MCUFORGE_BLOCK_FILTERS];
        int8_t *const to[PIXELS] = {spare[0], spare[1]};
        const int32_t left = count - done;
        const int32_t taken = left < filters->held ? left : filters->held;
        w = some_blocks(filters, w, 1, pixels, to);
        for (int32_t i = 0; i < pixels; i++) {
            mcuforge_take(spare[i], out[i] + done, taken, filters->held);
        }
        done += taken;
    }
    for (int32_t i = 0; filters->clamped && i < pixels; i++) {
        mcuforge_clamp_row(out[i], count, params->act_min, params->act_max);
    }
}

void mcuforge_conv2d_packed_s8(const int8_t *in, const int32_t *weights, int8_t *out,
                               const struct mcuforge_conv2d_packed_params *params, void *scratch,
                               int32_t first_row, int32_t end_row)
{
    uint32_t *const lanes = scratch;
    const int32_t channels = params->input[2];
    const int32_t row = params->input[1] * channels;
    const int32_t co = params->output[2];
    int8_t *const bytes = channels % 4 == 0 ? NULL : (int8_t *)(lanes + params->depth);
    const struct filters filters = {
        .params = params,
        .lanes = lanes,
        .blocks = weights + 1,
        .held = mcuforge_held(weights[0]),
        .rounding = mcuforge_rounding_of(weights[0], params->output_zero_point),
        .clamped = params->act_min > INT8_MIN || params->act_max < INT8_MAX,
    };
    const bool plain = filters.held == MCUFORGE_BLOCK_FILTERS && co % 4 == 0 && !filters.clamped &&
                       filters.rounding.rounds != MCUFORGE_MIXED;
    const bool touching = params->kernel[1] == 1 || params->dilation[1] == 1;
    const bool one_run = bytes == NULL && params->kernel[0] == 1;
    struct mcuforge_windows windows = {
        .in = in,
        .params = params,
        .row_step = params->dilation[0] * row,
        .ring = params->input_ring * row,
    };
    int8_t *to[PIXELS];
    int32_t held = 0;

    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y0 = oy * params->stride[0] - params->pad[0];
        windows.rows = mcuforge_taps_inside(y0, params->kernel[0], params->dilation[0],
                                            params->input[0]);
        const bool inside =
            touching && windows.rows.end - windows.rows.first == params->kernel[0];
        const int32_t last_inside = inside ? params->input[1] - params->kernel[1] : -1;
        const int32_t y = y0 + windows.rows.first * params->dilation[0];
        windows.first_row = mcuforge_ring_row(y, params->input_ring) * row;
        int8_t *pixel = out + mcuforge_ring_row(oy, params->output_ring) * params->output[1] * co;
        int32_t x0 = -params->pad[1];
        for (int32_t ox = params->output[1]; ox > 0; ox--) {
            const struct mcuforge_gathered gathered = {lanes + held, bytes};
            const int32_t at = windows.first_row + x0 * channels;
            if (x0 >= 0 && x0 <= last_inside) {
                if (one_run) {
                    mcuforge_spread(gathered.lanes, in + at, params->depth);
                } else {
                    mcuforge_gather_inside(&windows, at, gathered);
                }
            } else {
                mcuforge_gather(&windows, x0, gathered);
            }
            if (bytes != NULL) {
                mcuforge_spread(gathered.lanes, bytes, params->depth);
            }
            to[held++] = pixel;
            if (held == PIXELS) {
                held = 0;
                if (plain) {
                    two_pixels(&filters, filters.blocks, co / MCUFORGE_BLOCK_FILTERS, to);
                } else {
                    all_filters(&filters, PIXELS, to);
                }
            }
            x0 += params->stride[1];
            pixel += co;
        }
    }
    if (held > 0) {
        all_filters(&filters, 1, to);
    }
}
