/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of four filters, packed by compiler/isa/armv7em/blocks.py. A word of weights holds two
 * values of two filters a and b, in lanes 256 * b + a. The kernel multiplies the lanes as they are,
 * and then only a, sign-extended. The upper 24 bits of the difference are the sum for b.
 */
#ifndef MCUFORGE_PAIRED_FILTERS_H
#define MCUFORGE_PAIRED_FILTERS_H

#include <stdint.h>

#include "../common/dsp.h"

enum { MCUFORGE_BLOCK_FILTERS = 4, MCUFORGE_BLOCK_END_WORDS = 5 };

/* The words behind the weights of a block. */
struct mcuforge_block_end {
    /* one byte each: right shift minus 1, since ssat shifts by 1; the right shift if mixed */
    uint32_t shifts;
    int32_t multiplier[MCUFORGE_BLOCK_FILTERS];
};

/*
 * How often the channels of a layer are rounded: all twice, as in TFLite; all once, with doubled
 * multipliers and no shifts; or each as its own shift says.
 */
enum mcuforge_rounds { MCUFORGE_TWICE, MCUFORGE_ONCE, MCUFORGE_MIXED };

/* How a layer rounds. */
struct mcuforge_rounding {
    int32_t odd_zero_point; /* 2 * zero point + 1: the 1 is half a step */
    int32_t rounds;         /* enum mcuforge_rounds */
};

/* The number of filters per block, from the first word of the packed weights. */
static inline int32_t mcuforge_held(int32_t first_word)
{
    return first_word & 0xff;
}

/* How the layer rounds, from the same word. */
static inline struct mcuforge_rounding mcuforge_rounding_of(int32_t first_word, int32_t zero_point)
{
    const struct mcuforge_rounding rounding = {2 * zero_point + 1, first_word >> 8};
    return rounding;
}

/* The output for twice an accumulator of that sign. The offset has one more bit, for halves. */
static inline int8_t mcuforge_ending(int32_t twice, int32_t sign, int32_t multiplier,
                                     int32_t offset, uint32_t shift)
{
    const int32_t scaled = mcuforge_smmlar(twice, multiplier, offset + (sign >> 31));
    return (int8_t)mcuforge_ssat8_half(mcuforge_asr_byte(scaled, shift));
}

/* The same for layers that round once, halves upwards. */
static inline int8_t mcuforge_ending_once(int32_t twice, int32_t multiplier, int32_t odd_zero_point)
{
    return (int8_t)mcuforge_ssat8_half(mcuforge_smmla(twice, multiplier, odd_zero_point));
}

/* The same for a channel that rounds as its right shift says: once if that is 0. */
static inline int8_t mcuforge_ending_mixed(int32_t twice, int32_t multiplier,
                                           int32_t odd_zero_point, uint32_t right)
{
    const int32_t ties = right == 0 ? 0 : twice >> 31;
    const int32_t offset = mcuforge_lsl_byte(odd_zero_point, right) >> 1;
    const int32_t scaled = mcuforge_smmlar(twice, multiplier, offset + ties);
    return (int8_t)mcuforge_ssat8(mcuforge_asr_byte(scaled, right));
}

/* The outputs of filters a and b from sums[0] of 256 * b + a and sums[1] of a. */
static inline void mcuforge_end_pair(const int32_t sums[2], const int32_t multiplier[2],
                                     struct mcuforge_rounding rounding, uint32_t shifts,
                                     int8_t out[2])
{
    const int32_t odd_zero_point = rounding.odd_zero_point;
    const int32_t low = sums[1];
    const int32_t high = (int32_t)((uint32_t)sums[0] - (uint32_t)low);
    const uint32_t shift_b = shifts >> 8;
    const int32_t twice_a = (int32_t)((uint32_t)low << 1);
    const int32_t twice_b = high >> 7;
    if (rounding.rounds == MCUFORGE_ONCE) {
        out[0] = mcuforge_ending_once(twice_a, multiplier[0], odd_zero_point);
        out[1] = mcuforge_ending_once(twice_b, multiplier[1], odd_zero_point);
    } else if (rounding.rounds == MCUFORGE_TWICE) {
        out[0] = mcuforge_ending(twice_a, low, multiplier[0],
                                 mcuforge_lsl_byte(odd_zero_point, shifts), shifts);
        out[1] = mcuforge_ending(twice_b, high, multiplier[1],
                                 mcuforge_lsl_byte(odd_zero_point, shift_b), shift_b);
    } else {
        out[0] = mcuforge_ending_mixed(twice_a, multiplier[0], odd_zero_point, shifts & 0xff);
        out[1] = mcuforge_ending_mixed(twice_b, multiplier[1], odd_zero_point, shift_b & 0xff);
    }
}

/* The outputs of one pixel. `w` is behind the weights of the block. Returns the next block. */
static inline const int32_t *mcuforge_end_block(const int32_t *w, struct mcuforge_rounding rounding,
                                                const int32_t sums[MCUFORGE_BLOCK_FILTERS],
                                                int8_t *out)
{
    const struct mcuforge_block_end *const end = (const void *)w;
    mcuforge_end_pair(sums, end->multiplier, rounding, end->shifts, out);
    mcuforge_end_pair(sums + 2, end->multiplier + 2, rounding, end->shifts >> 16, out + 2);
    return w + MCUFORGE_BLOCK_END_WORDS;
}

/* Adds the products of two lanes and four filters: two words of weights. */
static inline void mcuforge_add_products(int32_t sums[MCUFORGE_BLOCK_FILTERS], uint32_t lanes,
                                         const int32_t *w)
{
    const uint32_t w0 = (uint32_t)w[0];
    const uint32_t w1 = (uint32_t)w[1];
    sums[0] = mcuforge_smlad(lanes, w0, sums[0]);
    sums[2] = mcuforge_smlad(lanes, w1, sums[2]);
    sums[1] = mcuforge_smlad(lanes, mcuforge_sxtb16(w0), sums[1]);
    sums[3] = mcuforge_smlad(lanes, mcuforge_sxtb16(w1), sums[3]);
}

#if MCUFORGE_HAS_DSP

/* Four values by four filters: 12 instructions. `load` loads the values to lanes x0 and x1. */
#define MCUFORGE_FOUR_VALUES(load)                  \
    "ldmia %[w]!, {%[w0], %[w1], %[w2], %[w3]}\n\t" \
    load                                            \
    "smlad %[s0], %[x0], %[w0], %[s0]\n\t"          \
    "smlad %[s2], %[x0], %[w1], %[s2]\n\t"          \
    "sxtb16 %[w0], %[w0]\n\t"                       \
    "sxtb16 %[w1], %[w1]\n\t"                       \
    "smlad %[s1], %[x0], %[w0], %[s1]\n\t"          \
    "smlad %[s3], %[x0], %[w1], %[s3]\n\t"          \
    "smlad %[s0], %[x1], %[w2], %[s0]\n\t"          \
    "smlad %[s2], %[x1], %[w3], %[s2]\n\t"          \
    "sxtb16 %[w2], %[w2]\n\t"                       \
    "sxtb16 %[w3], %[w3]\n\t"                       \
    "smlad %[s1], %[x1], %[w2], %[s1]\n\t"          \
    "smlad %[s3], %[x1], %[w3], %[s3]\n\t"

/*
 * Adds the products of four filters and 4 * `words` values at x to `sums`; `words` is not 0. The
 * loop takes two words per iteration and starts in its middle if their number is odd.
 */
#define MCUFORGE_SUM_BLOCK(load, x, words, w, sums)                                           \
    do {                                                                                      \
        register uint32_t w0 __asm__("r4"), w1 __asm__("r5"), w2 __asm__("r6"), w3 __asm__("r8"); \
        int32_t turns = (words) + 1;                                                          \
        uint32_t x0, x1;                                                                      \
        __asm__("lsrs %[n], %[n], #1\n\t"                                                     \
                "bcc 2f\n"                                                                    \
                "1:\n\t" MCUFORGE_FOUR_VALUES(load) "2:\n\t" MCUFORGE_FOUR_VALUES(load)       \
                "subs %[n], %[n], #1\n\t"                                                     \
                "bne 1b"                                                                      \
                : [s0] "+r"((sums)[0]), [s1] "+r"((sums)[1]), [s2] "+r"((sums)[2]),           \
                  [s3] "+r"((sums)[3]), [x] "+r"(x), [w] "+r"(w), [n] "+r"(turns),            \
                  [w0] "=&r"(w0), [w1] "=&r"(w1), [w2] "=&r"(w2), [w3] "=&r"(w3),             \
                  [x0] "=&r"(x0), [x1] "=&r"(x1)                                              \
                :                                                                             \
                : "cc", "memory");                                                            \
    } while (0)

/* Sums products of lanes that alternate with another pixel's: 15 instructions for 16 products. */
static inline const int32_t *mcuforge_sum_lanes(const uint32_t *x, int32_t words, const int32_t *w,
                                                int32_t sums[MCUFORGE_BLOCK_FILTERS])
{
    MCUFORGE_SUM_BLOCK("ldr %[x0], [%[x]], #8\n\tldr %[x1], [%[x]], #8\n\t", x, words, w, sums);
    return w;
}

/* Sums products of bytes: 16 instructions for 16 products. */
static inline const int32_t *mcuforge_sum_bytes(const int8_t *x, int32_t words, const int32_t *w,
                                                int32_t sums[MCUFORGE_BLOCK_FILTERS])
{
    MCUFORGE_SUM_BLOCK("ldr %[x0], [%[x]], #4\n\t"
                       "sxtb16 %[x1], %[x0], ror #8\n\t"
                       "sxtb16 %[x0], %[x0]\n\t",
                       x, words, w, sums);
    return w;
}

#else

static inline const int32_t *mcuforge_sum_lanes(const uint32_t *x, int32_t words, const int32_t *w,
                                                int32_t sums[MCUFORGE_BLOCK_FILTERS])
{
    for (int32_t i = 0; i < 2 * words; i++) {
        mcuforge_add_products(sums, x[2 * i], w + 2 * i);
    }
    return w + 4 * words;
}

static inline const int32_t *mcuforge_sum_bytes(const int8_t *x, int32_t words, const int32_t *w,
                                                int32_t sums[MCUFORGE_BLOCK_FILTERS])
{
    for (int32_t i = 0; i < words; i++) {
        const uint32_t word = mcuforge_load_word(x + 4 * i);
        mcuforge_add_products(sums, mcuforge_sxtb16(word), w + 4 * i);
        mcuforge_add_products(sums, mcuforge_sxtb16_odd(word), w + 4 * i + 2);
    }
    return w + 4 * words;
}

#endif

/* Copies out (count) from a block of `held` filters: all four, or every second one. */
static inline void mcuforge_take(const int8_t *block, int8_t *out, int32_t count, int32_t held)
{
    for (int32_t i = 0; i < count; i++) {
        out[i] = *block;
        block += held == MCUFORGE_BLOCK_FILTERS ? 1 : 2;
    }
}

#endif
