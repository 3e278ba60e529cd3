/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Computes four channels of a pixel at a time, two taps per iteration: 14 instructions for 8
 * products, and 15 to start and finish the four outputs. A list holds the addresses of the taps.
 * Taps beside the image point to `padding`, so that borders need no code.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("omit-frame-pointer") /* sum_taps() needs its register */
#endif

#include "mcuforge/depthwise_conv2d_packed_s8.h"

#include <stdbool.h>
#include <stddef.h>

#include "mcuforge/pipeline/ring.h"
#include "../common/dsp.h"
#include "../common/requantize.h"
#include "../common/tap_range.h"

enum { CHANNELS = 4, QUAD = 4 };
enum { SHARED_SHIFT = 1 }; /* first word of the weights; 0: one shift per channel */

/* Taps in fours, a null pointer, then a single last tap or another null pointer. */
enum { LISTED = (MCUFORGE_DEPTHWISE_PACKED_TAPS + 3) / QUAD * QUAD + 2 };

/* Only GCC can spare all registers for this assembly, and only if it optimizes. */
#if MCUFORGE_HAS_DSP && defined(__OPTIMIZE__) && !defined(__clang__)

/* Two taps of four channels: pairs of lanes for channel 0, then 1, 2 and 3. */
#define ADD_PAIR                                                                                  \
    "ldr %[a], [%[a], %[at]]\n\t"                                                                 \
    "ldr %[b], [%[b], %[at]]\n\t"                                                                 \
    "ldm %[w]!, {%[w0], %[w1], %[w2], %[w3]}\n\t"                                                 \
    "pkhbt %[low], %[a], %[b], lsl #16\n\t"                                                       \
    "pkhtb %[a], %[b], %[a], asr #16\n\t"                                                         \
    "sxtb16 %[b], %[low]\n\t"                                                                     \
    "smlad %[s0], %[b], %[w0], %[s0]\n\t"                                                         \
    "sxtb16 %[low], %[low], ror #8\n\t"                                                           \
    "smlad %[s1], %[low], %[w1], %[s1]\n\t"                                                       \
    "sxtb16 %[b], %[a]\n\t"                                                                       \
    "smlad %[s2], %[b], %[w2], %[s2]\n\t"                                                         \
    "sxtb16 %[a], %[a], ror #8\n\t"                                                               \
    "smlad %[s3], %[a], %[w3], %[s3]\n\t"

/*
 * Sums bias and products of the four channels that are `*at` bytes behind each tap. Moves `*at` to
 * the next four channels and returns the words behind in `w`. It uses all registers; the compiler
 * would keep half of the values on the stack.
 */
static inline const int32_t *sum_taps(const int8_t *const *list, int32_t *at, const int32_t *w,
                                      int32_t sums[CHANNELS])
{
    register const int32_t *from __asm__("r4") = w;
    register const int8_t *const *next __asm__("r5") = list;
    register int32_t offset __asm__("r12") = *at;
    register int32_t s0 __asm__("r0");
    register int32_t s1 __asm__("r1");
    register int32_t s2 __asm__("r2");
    register int32_t s3 __asm__("r3");
    register uint32_t w0 __asm__("r8");
    register uint32_t w1 __asm__("r9");
    register uint32_t w2 __asm__("r10");
    register uint32_t w3 __asm__("r11");
    uint32_t a, b, low;
    __asm__ volatile(
        "ldm %[w]!, {%[s0], %[s1], %[s2], %[s3]}\n\t"
        "ldrd %[a], %[b], [%[list]], #8\n"
        "1:\n\t" ADD_PAIR "ldrd %[a], %[b], [%[list]], #8\n\t" ADD_PAIR
        "ldrd %[a], %[b], [%[list]], #8\n\t"
        "cmp %[a], #0\n\t"
        "bne 1b\n\t"
        "cbz %[b], 2f\n\t"
        "ldr %[b], [%[b], %[at]]\n\t"
        "ldm %[w]!, {%[w0], %[w1]}\n\t"
        "sxtb16 %[a], %[b]\n\t"
        "sxtb16 %[b], %[b], ror #8\n\t"
        "smlabb %[s0], %[a], %[w0], %[s0]\n\t"
        "smlabb %[s1], %[b], %[w1], %[s1]\n\t"
        "smlatt %[s2], %[a], %[w0], %[s2]\n\t"
        "smlatt %[s3], %[b], %[w1], %[s3]\n"
        "2:\n\t"
        "adds %[at], #4"
        : [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3), [a] "=&l"(a),
          [b] "=&l"(b), [low] "=&r"(low), [w0] "=&r"(w0), [w1] "=&r"(w1), [w2] "=&r"(w2),
          [w3] "=&r"(w3), [list] "+r"(next), [w] "+r"(from), [at] "+r"(offset)
        :
        : "memory", "cc");
    *at = offset;
    sums[0] = s0;
    sums[1] = s1;
    sums[2] = s2;
    sums[3] = s3;
    return from;
}

static inline const int32_t *load_four(const int32_t *w, int32_t words[4])
{
    register int32_t w0 __asm__("r8");
    register int32_t w1 __asm__("r9");
    register int32_t w2 __asm__("r10");
    register int32_t w3 __asm__("r11");
    __asm__("ldm %[w]!, {%[w0], %[w1], %[w2], %[w3]}"
            : [w0] "=r"(w0), [w1] "=r"(w1), [w2] "=r"(w2), [w3] "=r"(w3), [w] "+r"(w)
            : "m"(*(const int32_t(*)[4])w));
    words[0] = w0;
    words[1] = w1;
    words[2] = w2;
    words[3] = w3;
    return w;
}

/* x / 2^10, rounded down and clamped to int8. */
static inline int32_t step_shared(int32_t x)
{
    int32_t result;
    __asm__("ssat %0, #8, %1, asr #10" : "=r"(result) : "r"(x) : "cc");
    return result;
}

#else

static inline const int32_t *sum_taps(const int8_t *const *list, int32_t *at, const int32_t *w,
                                      int32_t sums[CHANNELS])
{
    for (int32_t i = 0; i < CHANNELS; i++) {
        sums[i] = *w++;
    }
    for (; list[0] != NULL; list += 2) {
        const uint32_t a = mcuforge_load_word(list[0] + *at);
        const uint32_t b = mcuforge_load_word(list[1] + *at);
        const uint32_t low = mcuforge_low_lanes(a, b);
        const uint32_t high = mcuforge_high_lanes(a, b);
        sums[0] = mcuforge_smlad(mcuforge_sxtb16(low), (uint32_t)*w++, sums[0]);
        sums[1] = mcuforge_smlad(mcuforge_sxtb16_odd(low), (uint32_t)*w++, sums[1]);
        sums[2] = mcuforge_smlad(mcuforge_sxtb16(high), (uint32_t)*w++, sums[2]);
        sums[3] = mcuforge_smlad(mcuforge_sxtb16_odd(high), (uint32_t)*w++, sums[3]);
    }
    if (list[1] != NULL) {
        const uint32_t x = mcuforge_load_word(list[1] + *at);
        sums[0] = mcuforge_smlabb(mcuforge_sxtb16(x), (uint32_t)w[0], sums[0]);
        sums[1] = mcuforge_smlabb(mcuforge_sxtb16_odd(x), (uint32_t)w[1], sums[1]);
        sums[2] = mcuforge_smlatt(mcuforge_sxtb16(x), (uint32_t)w[0], sums[2]);
        sums[3] = mcuforge_smlatt(mcuforge_sxtb16_odd(x), (uint32_t)w[1], sums[3]);
        w += 2;
    }
    *at += CHANNELS;
    return w;
}

static inline const int32_t *load_four(const int32_t *w, int32_t words[4])
{
    memcpy(words, w, 4 * sizeof *w);
    return w + 4;
}

static inline int32_t step_shared(int32_t x)
{
    return mcuforge_ssat8(x >> 10);
}

#endif

/* Writes four channels that share one shift: 3 instructions each, and 2 for all. */
static inline const int32_t *write_shared(const int32_t *w, const int32_t sums[CHANNELS],
                                          int8_t *out)
{
    int32_t word[4]; /* multiplier and offset, of two channels */
    w = load_four(w, word);
    out[0] = (int8_t)step_shared(mcuforge_smmla(sums[0], word[0], word[1]));
    out[1] = (int8_t)step_shared(mcuforge_smmla(sums[1], word[2], word[3]));
    w = load_four(w, word);
    out[2] = (int8_t)step_shared(mcuforge_smmla(sums[2], word[0], word[1]));
    out[3] = (int8_t)step_shared(mcuforge_smmla(sums[3], word[2], word[3]));
    return w;
}

/*
 * Scales the doubled sum of a channel with its own shift: the low byte of `shift`. Rounds halves
 * below zero away from zero. This also serves layers that clamp negative values to the zero point.
 */
static inline int32_t step_own(int32_t sum, int32_t multiplier, int32_t offset, uint32_t shift)
{
    const int32_t x = mcuforge_smmlar(sum, multiplier, offset + (sum >> 31));
    return mcuforge_ssat8(mcuforge_asr_byte(x, shift));
}

static inline const int32_t *write_own(const int32_t *w, const int32_t sums[CHANNELS], int8_t *out)
{
    const uint32_t shifts = (uint32_t)w[2 * CHANNELS];
    int32_t word[4];
    w = load_four(w, word);
    out[0] = (int8_t)step_own(sums[0], word[0], word[1], shifts);
    out[1] = (int8_t)step_own(sums[1], word[2], word[3], shifts >> 8);
    w = load_four(w, word);
    out[2] = (int8_t)step_own(sums[2], word[0], word[1], shifts >> 16);
    out[3] = (int8_t)step_own(sums[3], word[2], word[3], shifts >> 24);
    return w + 1;
}

/*
 * Writes a run of pixels: the taps of each are one step further than those of the pixel before. The
 * last four channels of a pixel are computed together, even if that computes some of them twice.
 */
static inline __attribute__((always_inline)) void write_run(
    const int8_t *const *list, const int32_t *weights, int8_t *out,
    const struct mcuforge_depthwise_conv2d_packed_params *params, int32_t pixels, bool shared)
{
    const int32_t channels = params->input[2];
    const int32_t block = channels > CHANNELS ? channels - CHANNELS : 0; /* of the last four */
    const int32_t step = params->stride[1] * channels;
    /* what to add to the offset behind four channels to get the address of their outputs */
    uintptr_t before = (uintptr_t)out - CHANNELS;
    int32_t last = block;
    do {
        const int32_t *w = weights;
        int32_t at = last - block;
        for (;;) {
            int32_t sums[CHANNELS];
            w = sum_taps(list, &at, w, sums);
            int8_t *const to = (int8_t *)(before + (uintptr_t)at);
            w = shared ? write_shared(w, sums, to) : write_own(w, sums, to);
            if (at > last) {
                if (at == last + CHANNELS) {
                    break;
                }
                at = last;
            }
        }
        last += step;
        before += (uintptr_t)(channels - step);
    } while (--pixels > 0);
}

/* Appends `count` addresses, one `step` apart. */
static inline const int8_t **list_row(const int8_t **list, int32_t count, const int8_t *address,
                                      int32_t step)
{
    for (const int8_t **const end = list + count; list != end; list++) {
        *list = address;
        address += step;
    }
    return list;
}

/*
 * Lists the taps of the window that begins in column `x`, for sum_taps(). `rows` of it are on the
 * image; the first of these is `at` bytes into `in`.
 */
static void list_taps(const int8_t *in, int32_t at, const int8_t *padding,
                      struct mcuforge_tap_range rows, int32_t x,
                      const struct mcuforge_depthwise_conv2d_packed_params *params,
                      const int8_t **list)
{
    const int32_t channels = params->input[2];
    const int32_t columns = params->kernel[1];
    const int32_t step = params->dilation[1];
    const int32_t row_size = params->input[1] * channels;
    const struct mcuforge_tap_range inside =
        mcuforge_taps_inside(x, columns, step, params->input[1]);
    in += (x + inside.first * step) * channels;
    const int8_t **tap = list_row(list, rows.first * columns, padding, 0);
    for (int32_t ky = rows.end - rows.first; ky > 0; ky--) {
        tap = list_row(tap, inside.first, padding, 0);
        tap = list_row(tap, inside.end - inside.first, in + at, step * channels);
        tap = list_row(tap, columns - inside.end, padding, 0);
        at = mcuforge_ring_step(at, params->dilation[0] * row_size,
                                params->input_ring * row_size);
    }
    tap = list_row(tap, (params->kernel[0] - rows.end) * columns, padding, 0);
    const int32_t count = (int32_t)(tap - list);
    if (channels < CHANNELS) { /* copies each tap as a word to the other half of the list */
        for (int32_t i = 0; i < count; i++) {
            const int8_t **const copy = &list[LISTED / 2 + i];
            *copy = NULL;
            memcpy(copy, list[i], (size_t)channels);
            list[i] = (const int8_t *)copy;
        }
    }
    const int8_t *last = NULL;
    if (count > 1 && count % QUAD == 1) {
        last = *--tap;
    }
    while ((tap - list) % QUAD != 0) {
        *tap++ = list[0]; /* with weights of zero */
    }
    tap[0] = NULL;
    tap[1] = last;
}

/* The columns of `out` whose windows are on the image from left to right. */
static struct mcuforge_tap_range columns_inside(
    const struct mcuforge_depthwise_conv2d_packed_params *params)
{
    const int32_t stride = params->stride[1];
    const int32_t reach = (params->kernel[1] - 1) * params->dilation[1];
    const int32_t beyond = params->input[1] + params->pad[1] - reach;
    struct mcuforge_tap_range range = {0, params->output[1]};
    while (range.first < range.end && range.first * stride < params->pad[1]) {
        range.first++;
    }
    while (range.end > range.first && (range.end - 1) * stride >= beyond) {
        range.end--;
    }
    return range;
}

void mcuforge_depthwise_conv2d_packed_s8(
    const int8_t *in, const int32_t *weights, const int8_t *padding, int8_t *out,
    const struct mcuforge_depthwise_conv2d_packed_params *params, int32_t first_row,
    int32_t end_row)
{
    const int32_t channels = params->input[2];
    const int32_t out_w = params->output[1];
    const int32_t row_size = out_w * channels;
    const bool shared = *weights++ == SHARED_SHIFT;
    const struct mcuforge_tap_range inside = columns_inside(params);
    const int8_t *list[LISTED];

    for (int32_t oy = first_row; oy < end_row; oy++) {
        const int32_t y = oy * params->stride[0] - params->pad[0];
        const struct mcuforge_tap_range rows =
            mcuforge_taps_inside(y, params->kernel[0], params->dilation[0], params->input[0]);
        const bool runs = rows.end - rows.first == params->kernel[0] && channels >= CHANNELS;
        const int32_t y_inside = rows.first < rows.end ? y + rows.first * params->dilation[0] : 0;
        const int32_t at =
            mcuforge_ring_row(y_inside, params->input_ring) * params->input[1] * channels;
        int8_t *const row = out + mcuforge_ring_row(oy, params->output_ring) * row_size;
        int8_t *to = row;
        for (int32_t ox = 0; ox < out_w;) {
            const bool run = runs && ox >= inside.first && ox < inside.end;
            const int32_t pixels = run ? inside.end - ox : 1;
            int8_t four[CHANNELS];
            int8_t *const first = channels < CHANNELS ? four : to;
            const int32_t x = ox * params->stride[1] - params->pad[1];
            list_taps(in, at, padding, rows, x, params, list);
            if (shared) {
                write_run(list, weights, first, params, pixels, true);
            } else {
                write_run(list, weights, first, params, pixels, false);
            }
            if (channels < CHANNELS) {
                memcpy(to, four, (size_t)channels);
            }
            ox += pixels;
            to += pixels * channels;
        }
        if (params->act_min > INT8_MIN || params->act_max < INT8_MAX) {
            mcuforge_clamp_row(row, row_size, params->act_min, params->act_max);
        }
    }
}
